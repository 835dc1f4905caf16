"""A turn of the head: thirteen transforms, mild to strong, and where each changes the answer."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from snellen.data.images import Photo
from snellen.data.transforms import TRANSFORMS, all_transforms, assignment_transforms
from snellen.errors import ImageError
from snellen.inference.engines import Engine
from snellen.robustness.files import to_csv
from snellen.robustness.report import stress_report
from snellen.robustness.stress import StressPair, StressResult, StressTest, stress_engine
from snellen.runs.files import write_figure, write_json, write_text
from snellen.web.content import Acuity, Bar, Bars, Block, ChartLine, Letter, Next, StageProgress, TabResult, Text, Work
from snellen.web.fields import Field, PhotographField
from snellen.web.photographs import Photograph
from snellen.web.state import AppState
from snellen.web.tabs.base import (
    Asked,
    Plan,
    Tab,
    command_of,
    file_of_command,
    megapixels,
    memory,
    provenance,
    side_field,
    slowness,
    told_reduced,
    was_reduced,
    worked_size,
    write_picture,
)  # fmt: skip

_SECONDS_OF_NETWORK, _SECONDS_OF_MEGAPIXEL, _DRAWING = 4.0, 11.0, 2.5


def _fields(_: AppState) -> tuple[Field, ...]:
    return (
        PhotographField("original", "It was attacked: its original", help="Both are then put to the same transforms."),
        side_field(),
    )


def _plan(asked: Asked) -> Plan:
    asked.check_model()
    photograph, original = asked.photograph, _original(asked)
    if original is not None and worked_size(asked, original) != worked_size(asked, photograph):
        sizes = [f"{one.width} x {one.height}" for one in (photograph, original)]
        raise ImageError(f"{photograph.name}: {sizes[0]} pixels, its original {sizes[1]}", "one size")
    size = megapixels(asked, photograph)
    seconds = _SECONDS_OF_NETWORK * slowness(asked) + _SECONDS_OF_MEGAPIXEL * size
    both = [photograph, *([original] if original else [])]
    return Plan(_work(asked, original), _DRAWING + seconds * len(both), memory(350 + 60 * size * len(both)), both)


def _original(asked: Asked) -> Photograph | None:
    number = asked.settings["original"]
    return asked.state.photographs.find(number) if number else None


def _work(asked: Asked, original: Photograph | None) -> Work:
    classifier, side = asked.classifier, int(asked.settings["side"])
    yield StageProgress("Reading")
    image = asked.photograph.reduced(side)
    photo = Photo(asked.photograph.name, image)
    clean = None if original is None else Photo(original.name, original.reduced(side))
    engine = stress_engine(classifier, 1 if clean is None else 2)
    test = StressTest(classifier, engine, photo, clean)
    done, total = 0, len(all_transforms()) * (1 if clean is None else 2)
    # A transform at a time, so that the chart fills line by line.
    for transform in TRANSFORMS.values():
        blocks = _blocks(asked, test.result())
        for _ in test.steps([(transform.name, strength) for strength in transform.ladder]):
            done += 1
            yield StageProgress(transform.name.capitalize(), done, total, blocks)
    blocks = _blocks(asked, test.result())
    yield StageProgress("Drawing the figures to keep", done, total, blocks)
    images = [image, *([] if clean is None else [clean.image])]
    yield _result(asked, images, test.result(), engine, classifier_blocks=blocks)


def _blocks(asked: Asked, pair: StressPair) -> list[Block]:
    stressed, original = pair
    if not stressed.outcomes:
        return []
    blocks: list[Block] = [_chart("Answer kept" if original is None else "Still fooled", asked.photograph, stressed)]
    before = asked.state.photographs.find(asked.settings["original"]) if original else None
    if original is not None and before is not None:
        blocks.append(_chart("Its original: answer kept", before, original))
    return blocks


def _chart(title: str, photograph: Photograph, stressed: StressResult) -> Acuity:
    lines = []
    for transform in TRANSFORMS.values():
        outcomes = [one for one in stressed.outcomes if one.transform == transform.name]
        letters = [
            Letter(one.strength, one.title, stressed.keeps(one), one.top.label, one.top.probability) for one in outcomes
        ]
        if letters:
            lines.append(ChartLine(transform.name, letters))
    return Acuity(title, photograph.number, lines)


def _result(
    asked: Asked, images: Sequence[Image.Image], pair: StressPair, engine: Engine, classifier_blocks: Sequence[Block]
) -> TabResult:
    folder, classifier, (stressed, original) = asked.folder, asked.classifier, pair
    before = _original(asked)
    worked = [(asked.photograph, "reduced.png"), *([] if before is None else [(before, "reduced-original.png")])]
    file, *rest = (file_of_command(asked, *one) for one in worked)
    arguments = [argument for name in rest for argument in ("--original", name)]
    command = command_of("stress", asked, *arguments, "--out", "stress", files=[file])
    reduced = {name: image for (one, name), image in zip(worked, images, strict=True) if was_reduced(asked, one)}
    for name, image in reduced.items():
        write_picture(folder / name, image)
    made = provenance(classifier, images[0], command)
    report = stress_report([pair], [], made.data, engine)
    write_json(folder / "result.json", {"examination": report, "provenance": made})
    write_text(folder / "stress.csv", to_csv(report))
    write_figure(folder / "stress.png", stressed.plot())
    write_figure(folder / "acuity.png", report.plot())
    kept = sum(map(stressed.keeps, stressed.outcomes))
    asked_for = (stressed.before, *(stressed.outcome(*one) for one in assignment_transforms()))
    bars = [Bar(f"{one.title}: {one.top.label}", one.top.probability, one.top.index) for one in asked_for]
    return TabResult(
        headline=f"{stressed.before.top.label}: {kept} of {len(stressed.outcomes)} transforms leave it so",
        blocks=[
            *classifier_blocks,
            Bars("Seen under the assignment's transforms", bars),
            Text("What this says", [*told_reduced(asked, worked), *report.discussion().split("\n\n")]),
        ],
        files=["result.json", "stress.csv", "acuity.png", "stress.png", *reduced],
        command=command,
        onward=[] if original is None else [Next("Stress the original alone", "stress", asked.settings["original"])],
    )


TAB = Tab(
    title="Stress",
    lead="A turn of the head: thirteen transforms, mild to strong, and where each changes the answer.",
    action="Stress",
    empty="An acuity chart: a line for each transform, a letter for each strength. Press a letter to see that picture.",
    fields=_fields,
    plan=_plan,
)
