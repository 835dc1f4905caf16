"""Fooling it: noise too faint to see that makes the saved file look like something else."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Sequence

import numpy as np
from PIL import Image

from snellen.attacks.attack import attack_steps, png_bytes
from snellen.attacks.config import SMALLEST, AttackConfig
from snellen.attacks.result import AttackResult
from snellen.attacks.state import ROBUST_STEPS, AttackExample
from snellen.attacks.success_rates import summarise
from snellen.attacks.verify import Verdict
from snellen.data.images import Photo
from snellen.errors import InputError
from snellen.models.predictions import Prediction
from snellen.runs.files import write_bytes, write_figure, write_json
from snellen.web.content import (
    Bar,
    Bars,
    Block,
    Comparison,
    Count,
    Counts,
    CurveLine,
    CurvePoint,
    Curves,
    Next,
    StageProgress,
    TabResult,
    Text,
    Work,
)  # fmt: skip
from snellen.web.fields import Choice, ClassName, Field, Number, Switch
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
    sureness,
    told_reduced,
    write_picture,
)  # fmt: skip

ADVERSARIAL = "adversarial.png"
_ORIGINAL = "original.png"
_SMALLEST_ROUNDS = 8
"""Searches that a smallest bound takes: 1, 2, 4, ... 64, then halving the gap."""
_SECONDS, _SECONDS_OF_STEP, _SECONDS_OF_MEGAPIXEL = 3.0, 0.07, 0.11
_SECONDS_OF_ROBUST_STEP = 0.75
_CURVE = (1, 2, 4, 8, 16)
"""Bounds of the curve, in steps of 1/255."""


def _fields(state: AppState) -> tuple[Field, ...]:
    limits = state.limits
    first = next(iter(state.models.values())).classifier
    target = "space shuttle" if "space shuttle" in first.labels else ""
    return (
        ClassName("target", "To be seen as", target, help="Empty: anything else."),
        Number("epsilon", "Epsilon", 1, limits.epsilon, 4, "No value changes by more, in steps of 1/255."),
        Switch("smallest", "Find the smallest epsilon", help="Several attacks, in place of the one above."),
        Switch("curve", "Draw the curve over epsilon", help="A plain attack at each of 1, 2, 4, 8 and 16/255 besides."),
        Number("steps", "Steps", 2, limits.steps, limits.steps, "At most."),
        Choice("method", "Method", "apgd", (("apgd", "APGD"), ("gradient_ascent", "gradient ascent"))),
        Switch("robust", "Survives mirror, crop, rotation and grayscale", help="A robust attack, by APGD."),
        side_field(),
    )


def _config(asked: Asked) -> AttackConfig:
    settings = asked.settings
    return AttackConfig(
        target=settings["target"] or None,
        epsilon=SMALLEST if settings["smallest"] else f"{settings['epsilon']}/255",
        method=settings["method"],
        robust=settings["robust"],
        steps=_most_steps(asked),
    )


def _most_steps(asked: Asked) -> int:
    steps: int = asked.settings["steps"]
    return min(steps, ROBUST_STEPS) if asked.settings["robust"] else steps


def _plan(asked: Asked) -> Plan:
    classifier, config, most = asked.classifier, _config(asked), _most_steps(asked)
    if config.target is not None:
        classifier.labels.find(config.target)
    size = megapixels(asked, asked.photograph)
    step = _SECONDS_OF_STEP * slowness(asked) + _SECONDS_OF_MEGAPIXEL * size
    searches = (_SMALLEST_ROUNDS if asked.settings["smallest"] else 1) + len(_curve_bounds(asked))
    seconds = _SECONDS + most * step * searches
    if config.robust:
        seconds += most * (_SECONDS_OF_ROBUST_STEP * slowness(asked) + 2 * _SECONDS_OF_MEGAPIXEL * size) + 3 * size
    taken = memory(450 + 210 * size if config.robust else 120 * size)
    return Plan(_work(asked, config), seconds, taken, [asked.photograph])


def _work(asked: Asked, config: AttackConfig) -> Work:
    classifier, photograph, most = asked.classifier, asked.photograph, _most_steps(asked)
    yield StageProgress("Preparing the network")
    image = photograph.reduced(int(asked.settings["side"]))
    file = asked.folder / ADVERSARIAL
    write_picture(asked.folder / _ORIGINAL, image)

    def save(attacked: Image.Image, _: AttackExample) -> bytes:
        # Kept as it was measured, byte for byte.
        data = png_bytes(attacked)
        write_bytes(file, data)
        return data

    total = 0 if asked.settings["smallest"] else most * (2 if config.robust else 1)
    for _, reached in attack_steps(classifier, [AttackExample(Photo(photograph.name, image))], config, save):
        if isinstance(reached, int):
            # A robust attack comes after a plain one.
            yield StageProgress("Step", min(reached, total), total)
            continue
        if isinstance(reached, InputError):
            raise reached
        result = dataclasses.replace(reached, file=file.name)
        curve = yield from _curve(asked, image, config)
        yield StageProgress("Drawing", blocks=_curve_blocks(curve))
        yield _result(asked, image, result, config, curve)


def _curve_bounds(asked: Asked) -> Sequence[int]:
    return [bound for bound in _CURVE if bound <= asked.state.limits.epsilon] if asked.settings["curve"] else []


def _curve(
    asked: Asked, image: Image.Image, config: AttackConfig
) -> Generator[StageProgress, None, list[AttackResult]]:  # fmt: skip
    """Plain attacks on the same photograph at one bound after another."""
    found: list[AttackResult] = []
    example, bounds = AttackExample(Photo(asked.photograph.name, image)), _curve_bounds(asked)
    for done, bound in enumerate(bounds):
        plain = dataclasses.replace(config, epsilon=f"{bound}/255", robust=False)
        for _, reached in attack_steps(asked.classifier, [example], plain):
            if isinstance(reached, AttackResult):
                found.append(reached)
            yield StageProgress(f"Curve: epsilon {bound}/255, bound", done + 1, len(bounds), _curve_blocks(found))
    return found


def _curve_blocks(found: Sequence[AttackResult]) -> list[Block]:
    if not found:
        return []

    def line(name: str, verdicts: Sequence[Verdict]) -> CurveLine:
        points = [
            CurvePoint(one.epsilon, _share(verdict), verdict.top.label, verdict.success)
            for one, verdict in zip(found, verdicts, strict=True)
        ]
        return CurveLine(name, points)

    wanted = found[0].target
    what = f"seen as {wanted.label}" if wanted is not None else f"not seen as {found[0].label.label}"
    met = [one.epsilon for one in found if one.attacked.success]
    least = f"The smallest of these bounds that succeeds is {min(met)}/255." if met else "None of these succeeds."
    return [
        Curves(
            f"How far it is {what}, by epsilon",
            "epsilon, in steps of 1/255",
            [
                line("attacked", [one.attacked for one in found]),
                line("uniform noise", [one.control for one in found]),
            ],
            f"{least} A filled point is a success. Each attack ends once it is sure enough (90%), so the curve tells "
            "where that is reached, not how far it could go.",
        )
    ]


def _share(verdict: Verdict) -> float:
    """The probability of what was wanted: of the target, or of anything but the label."""
    return verdict.target if verdict.target is not None else 1 - verdict.label


def _result(
    asked: Asked, image: Image.Image, result: AttackResult, config: AttackConfig, curve: Sequence[AttackResult]
) -> TabResult:  # fmt: skip
    photograph, classifier, state = asked.photograph, asked.classifier, asked.state
    command = _command(asked, config)
    parts = {"config": config, "success_rates": summarise([result], smallest=False), "attacks": [result]}
    parts |= {"curve": curve} if curve else {}
    write_json(
        asked.folder / "result.json",
        {**parts, "failures": [], "provenance": provenance(classifier, image, command)},
    )
    write_figure(asked.folder / "attack.png", result.plot())
    amplified = _write_noise(asked, image, result)
    original = state.photographs.add((asked.folder / _ORIGINAL).read_bytes(), _stem(photograph.name, "original"))
    attacked = state.photographs.add((asked.folder / ADVERSARIAL).read_bytes(), _stem(photograph.name, "attacked"))
    failed = "" if result.reason is None else ": not what was asked for"
    return TabResult(
        headline=(f"{result.original.label} is now seen as {sureness(result.attacked.top)}{failed}"),
        blocks=_blocks(asked, result, amplified, curve),
        files=[ADVERSARIAL, "result.json", "attack.png", _ORIGINAL, "noise.png"],
        command=command,
        onward=[
            Next("Stress it, with its original", "stress", attacked.number, original.number),
            Next("Classify it", "classify", attacked.number),
            Next("What supports that answer", "features", attacked.number),
            Next("Ask another model", "classify", attacked.number, another=True),
        ],
    )


def _blocks(
    asked: Asked, result: AttackResult, amplified: float, curve: Sequence[AttackResult]
) -> list[Block]:  # fmt: skip
    before, after = result.original, result.attacked.top
    blocks: list[Block] = [
        Comparison(
            _ORIGINAL,
            ADVERSARIAL,
            "noise.png",
            sureness(before),
            sureness(after),
            amplified,
        ),
        Bars(
            "Read from",
            [
                _bar("the photograph", before),
                _bar("the attacked file", after),
                _bar("uniform noise of the same bound", result.control.top),
            ],
        ),
    ]
    if result.held_out:
        sums = (sum(getattr(one, key) for one in result.held_out) for key in ("successes", "plain_successes", "draws"))
        robust, plain, draws = sums
        counts = [Count("this robust attack", robust, draws), Count("a plain attack", plain, draws)]
        blocks.append(Counts("Turned, cropped and mirrored in ways it has not seen, still fooled", counts))
    blocks += _curve_blocks(curve)
    found = f" {_bound_found(result)}" if asked.settings["smallest"] else ""
    said = (
        f"No value of the file differs by more than {result.norm}/255 from the photograph's; {result.gradients} "
        f"gradients were taken.{found} The file is the one that was measured, byte for byte."
    )
    reduced = told_reduced(asked, [(asked.photograph, _ORIGINAL)])
    return [*blocks, Text("What this says", [said, *reduced, result.discussion()])]


def _bound_found(result: AttackResult) -> str:
    """What a search for the smallest bound came to: where it failed, its bound is the largest that it tried."""
    if not result.attacked.success:
        return f"No bound up to {result.epsilon}/255, the largest that was tried, was enough."
    return f"{result.epsilon}/255 is the smallest bound that was found."


def _bar(what: str, seen: Prediction) -> Bar:
    return Bar(f"{what}: {seen.label}", seen.probability, seen.index)


def _write_noise(asked: Asked, image: Image.Image, result: AttackResult) -> float:
    """Write the difference around gray, as strong as it can be shown; gives by how much it was amplified."""
    amplified = 127 / max(result.norm, 1)
    noise = np.asarray(result.image).astype(np.int16) - np.asarray(image)
    shown = (128 + noise * amplified).clip(0, 255).astype(np.uint8)
    write_picture(asked.folder / "noise.png", Image.fromarray(shown))
    return amplified


def _command(asked: Asked, config: AttackConfig) -> str:
    arguments: list[object] = ["--epsilon", config.epsilon, "--steps", config.steps, "--method", config.method]
    arguments += ["--target", config.target] if config.target is not None else ["--untargeted"]
    arguments += ["--robust"] if config.robust else []
    files = [file_of_command(asked, asked.photograph, _ORIGINAL)]
    return command_of("attack", asked, *arguments, "--out", "attack", files=files)


def _stem(name: str, suffix: str) -> str:
    return f"{name.rpartition('.')[0] or name}-{suffix}.png"


TAB = Tab(
    title="Attack",
    lead="Fooling it: noise too faint to see that makes the saved file look like something else to the model.",
    action="Attack",
    empty="The photograph before and after, under a slider that you move; the noise amplified; what the file is now "
    "seen as; and the file itself.",
    fields=_fields,
    plan=_plan,
)
