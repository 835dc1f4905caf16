"""What each tab does for one visitor: plain functions that compose what the command line composes.

Each gives what is being done, step by step, and the result last; whoever stops asking stops the work.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from snellen.attacks.attack import attack_steps, png_bytes
from snellen.attacks.config import AttackConfig
from snellen.attacks.result import AttackResult
from snellen.attacks.state import ROBUST_STEPS, AttackExample
from snellen.attacks.success_rates import summarise
from snellen.data.images import Photo
from snellen.data.transforms import all_transforms, assignment_transforms, describe_transform
from snellen.errors import InputError
from snellen.evaluation.evaluate import evaluate as evaluate_set
from snellen.evaluation.files import CARD, PHOTOGRAPHS, RESULT, write_evaluation
from snellen.evaluation.labelled import named_photographs
from snellen.figures import percent
from snellen.inspect.categories import Classification
from snellen.inspect.categories import classify as classify_image
from snellen.inspect.discussion import discuss_feature_maps
from snellen.inspect.feature_maps import feature_maps
from snellen.inspect.files import write_feature_maps, write_heatmap
from snellen.inspect.heatmap import heatmap
from snellen.models.classifier import Classifier
from snellen.robustness.files import to_csv
from snellen.robustness.report import stress_report
from snellen.robustness.stress import StressPair, StressResult, stress_steps
from snellen.runs.files import write_bytes, write_figure, write_json, write_text
from snellen.runs.provenance import Provenance, fingerprint
from snellen.web.content import StageProgress, TabResult, TabTable, Work
from snellen.web.folder import job_folder
from snellen.web.state import AppState

ADVERSARIAL = "adversarial.png"


def classify(state: AppState, photograph: Path | None, model: str, count: float = 3) -> Work:
    """The top categories of a photograph."""
    classifier = state.model(model)
    k = state.limits.number("categories", count, state.limits.categories)
    image, name = state.limits.photograph(photograph), _name(photograph)
    yield StageProgress("Classifying")
    result = _classified(classifier, photograph, k)
    folder = job_folder(state.folder)
    files = _write_classified(folder, image, result, classifier)
    yield TabResult(
        headline=f"{name}: {result.top.label}, {percent(result.top.probability)}",
        figures=files[:1],
        table=_categories(result),
        files=files,
    )


def probe(state: AppState, photograph: Path | None, name: str | None) -> Work:
    """The answer of a trained probe, and how well it does on its own test images."""
    chosen = state.probe(name)
    image = state.limits.photograph(photograph)
    yield StageProgress("Classifying")
    result = _classified(chosen.classifier, photograph, min(5, len(chosen.classifier.labels)))
    folder = job_folder(state.folder)
    files = _write_classified(folder, image, result, chosen.classifier)
    figures = files[:1]
    if chosen.confusion is not None:
        write_bytes(folder / "confusion.png", chosen.confusion)
        figures = [*figures, folder / "confusion.png"]
    yield TabResult(
        headline=f"{result.image}: {result.top.label}, {percent(result.top.probability)}, says {name}",
        figures=figures,
        table=_categories(result),
        paragraphs=chosen.discussion,
        files=files,
    )


def evaluate(state: AppState, photographs: Sequence[Path], labels: str | None, model: str) -> Work:
    """How often the model is right on photographs whose classes are told, a line each: file name, class."""
    classifier, limits = state.model(model), state.limits
    if not photographs:
        raise InputError("no photograph", "one or several, and a line for each")
    if len(photographs) > limits.labelled:
        raise InputError(f"{len(photographs)} photographs", f"at most {limits.labelled} at a time")
    for photograph in photographs:
        limits.photograph(photograph)
    images = named_photographs(photographs, limits.lines("classes", labels, limits.labelled))
    yield StageProgress("Classifying")
    result = evaluate_set(classifier, images)
    yield StageProgress("Drawing")
    folder = job_folder(state.folder)
    figures = [folder / name for name in write_evaluation(result, folder)]
    calibration = result.calibration.scores.calibration_error
    rows = [("accuracy (top-1)", result.accuracy.share, result.accuracy.low, result.accuracy.high)]
    if result.top5 is not None:
        rows.append(("accuracy (top-5)", result.top5.share, result.top5.low, result.top5.high))
    rows.append(("calibration error", calibration.value, calibration.low, calibration.high))
    yield TabResult(
        headline=f"{result.accuracy.count} of {result.n} are right",
        figures=figures,
        table=TabTable(
            ("measure", "value", "from", "to"),
            [(name, *(f"{number:.3f}" for number in numbers)) for name, *numbers in rows],
        ),
        paragraphs=result.discussion().split("\n\n"),
        files=[folder / RESULT, folder / PHOTOGRAPHS, folder / CARD, *figures],
    )


def features(state: AppState, photograph: Path | None, model: str) -> Work:
    """Feature maps of a photograph, and what supports its answer."""
    classifier = state.model(model)
    image, name = state.limits.photograph(photograph), _name(photograph)
    folder = job_folder(state.folder)
    yield StageProgress("Reading and weighing the maps", 0, 3)
    result = dataclasses.replace(feature_maps(classifier, image), image=name)
    yield StageProgress("Asking what supports the answer", 1, 3)
    heat = dataclasses.replace(heatmap(classifier, image), image=name)
    yield StageProgress("Drawing", 2, 3)
    write_heatmap(heat, folder)
    write_feature_maps(result, folder, {"heatmap": heat, "provenance": _provenance(classifier, image)})
    figures = [folder / f"{stem}.png" for stem in ("features", "overlay", "heatmap")]
    yield TabResult(
        headline=f"{name}: {result.top.label}, {percent(result.top.probability)}, from {len(result.maps)} maps",
        figures=figures,
        paragraphs=discuss_feature_maps(result),
        files=[folder / "result.json", folder / "maps.npz", *figures],
    )


def attack(
    state: AppState,
    photograph: Path | None,
    model: str,
    target: str | None = "space shuttle",
    epsilon: float = 4,
    steps: float = 100,
    robust: bool = False,
) -> Work:
    """Noise within ``epsilon``/255 that makes the photograph's file be seen as ``target``; any class where empty."""
    classifier, limits = state.model(model), state.limits
    most = limits.number("steps", steps, limits.steps)
    most = min(most, ROBUST_STEPS) if robust else most
    config = AttackConfig(
        target=limits.words("target", target) or None,
        epsilon=f"{limits.number('epsilon', epsilon, limits.epsilon)}/255",
        robust=bool(robust),
        steps=most,
    )
    image, name = limits.photograph(photograph), _name(photograph)
    folder = job_folder(state.folder)
    file = folder / ADVERSARIAL
    yield StageProgress("Preparing the network")

    def save(attacked: Image.Image, _: AttackExample) -> Path:
        write_bytes(file, png_bytes(attacked))
        return file

    for _, reached in attack_steps(classifier, [AttackExample(Photo(name, image))], config, save):
        if isinstance(reached, int):
            # A robust attack comes after a plain one.
            yield StageProgress(f"Step {reached}", reached, most * (2 if robust else 1))
            continue
        if isinstance(reached, InputError):
            raise reached
        # Of the server's folders the visitor need not know.
        result = dataclasses.replace(reached, file=file.name)
        yield StageProgress("Drawing")
        yield _attacked(folder, image, result, config, classifier)


def _attacked(
    folder: Path, image: Image.Image, result: AttackResult, config: AttackConfig, classifier: Classifier
) -> TabResult:
    parts = {"config": config, "success_rates": summarise([result], smallest=False), "attacks": [result]}
    write_json(folder / "result.json", {**parts, "failures": [], "provenance": _provenance(classifier, image)})
    figure = folder / "attack.png"
    write_figure(figure, result.plot())
    seen = (("the photograph", result.original), ("the attacked file", result.attacked.top))
    control = ("uniform noise of the same bound", result.control.top)
    return TabResult(
        headline=(
            f"{result.original.label} is now seen as {result.attacked.top.label}, "
            f"{percent(result.attacked.top.probability)}{'' if result.reason is None else ': not what was asked for'}"
        ),
        figures=[figure],
        table=TabTable(
            ("read from", "most likely", "probability"),
            [(what, one.label, f"{one.probability:.4f}") for what, one in (*seen, control)],
        ),
        paragraphs=[
            f"No value of the file differs by more than {result.norm}/255 from the photograph's; "
            f"{result.gradients} gradients were taken. The file below is the one that was measured, byte for byte.",
            result.discussion(),
        ],
        files=[folder / result.file, folder / "result.json", figure],
    )


def stress(state: AppState, photograph: Path | None, model: str, original: Path | None = None) -> Work:
    """The answer under twelve transforms, mild to strong; beside the original's where one is given."""
    classifier, limits = state.model(model), state.limits
    image, name = limits.photograph(photograph), _name(photograph)
    clean = None if original is None else limits.photograph(original)
    yield StageProgress("Transforming")
    steps = stress_steps(classifier, Photo(name, image), None if clean is None else Photo(_name(original), clean))
    total = (1 + len(all_transforms())) * (1 if clean is None else 2)
    done = 0
    while True:
        try:
            transform = next(steps)
        except StopIteration as end:
            yield StageProgress("Drawing")
            yield _stressed(state, image, end.value, classifier)
            return
        done += 1
        yield StageProgress(describe_transform(transform).capitalize(), done, total)


def _stressed(state: AppState, image: Image.Image, pair: StressPair, classifier: Classifier) -> TabResult:
    folder = job_folder(state.folder)
    stressed = pair[0]
    report = stress_report([pair], [], fingerprint(image.tobytes()))
    write_json(folder / "result.json", {"examination": report, "provenance": _provenance(classifier, image)})
    write_text(folder / "stress.csv", to_csv(report))
    write_figure(folder / "stress.png", stressed.plot())
    write_figure(folder / "acuity.png", report.plot())
    figures = [folder / "stress.png", folder / "acuity.png"]
    return TabResult(
        headline=_fate(stressed),
        figures=figures,
        table=TabTable(
            ("transform", "most likely", "probability"),
            [
                (outcome.title, outcome.top.label, f"{outcome.top.probability:.4f}")
                for outcome in (stressed.before, *(stressed.outcome(*asked) for asked in assignment_transforms()))
            ],
        ),
        paragraphs=[report.discussion()],
        files=[folder / "result.json", folder / "stress.csv", *figures],
    )


def _fate(stressed: StressResult) -> str:
    kept = sum(map(stressed.keeps, stressed.outcomes))
    return f"{stressed.before.top.label}: {kept} of {len(stressed.outcomes)} transforms leave the answer as it is"


def _classified(classifier: Classifier, photograph: Path | None, k: int) -> Classification:
    assert photograph is not None  # it was read before
    return dataclasses.replace(classify_image(classifier, photograph, k), image=photograph.name)


def _write_classified(folder: Path, image: Image.Image, result: Classification, classifier: Classifier) -> list[Path]:
    figure, numbers = folder / "categories.png", folder / "result.json"
    write_json(numbers, {"results": [result], "provenance": _provenance(classifier, image)})
    write_figure(figure, result.plot())
    return [figure, numbers]


def _categories(result: Classification) -> TabTable:
    rows: Sequence[Sequence[str]] = [(p.label, str(p.index), f"{p.probability:.4f}") for p in result.predictions]
    return TabTable(("category", "index", "probability"), rows)


def _provenance(classifier: Classifier, image: Image.Image) -> Provenance:
    return classifier.provenance(fingerprint(image.tobytes()))


def _name(photograph: Path | None) -> str:
    return "" if photograph is None else photograph.name
