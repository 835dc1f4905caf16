"""What each tab does for one visitor: plain functions that compose what the command line composes.

Each gives what is being done, step by step, and the result last; whoever stops asking stops the work.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from snellen.attacks.attack import Step, attack_steps, png_bytes
from snellen.attacks.config import AttackConfig
from snellen.attacks.figures import AttackPicture, draw_attacks
from snellen.attacks.result import AttackResult
from snellen.attacks.state import ROBUST_STEPS, AttackExample
from snellen.attacks.success_rates import discuss as discuss_attacks
from snellen.attacks.success_rates import summarise
from snellen.data.images import Failure, read_image, to_pixels
from snellen.data.transforms import TRANSFORMS
from snellen.inspect.categories import Classification
from snellen.inspect.categories import classify as classify_images
from snellen.inspect.discussion import discuss as discuss_maps
from snellen.inspect.feature_maps import feature_maps
from snellen.inspect.figures import draw_categories
from snellen.inspect.files import write_feature_maps, write_heatmap
from snellen.models.classifier import Classifier
from snellen.robustness.discussion import discuss as discuss_stress
from snellen.robustness.figures import draw_acuity, draw_stress
from snellen.robustness.files import stress_report, to_csv
from snellen.robustness.stress import Pair, StressResult, Trial, all_transforms, assignment_transforms, stress_steps
from snellen.runs.files import write_bytes, write_figure, write_json, write_text
from snellen.runs.provenance import Provenance, fingerprint
from snellen.web.content import StageProgress, Table, TabResult, Work
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
        headline=f"{name}: {result.top.label}, {_percent(result.top.probability)}",
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
        headline=f"{result.image}: {result.top.label}, {_percent(result.top.probability)}, says {name}",
        figures=figures,
        table=_categories(result),
        paragraphs=chosen.discussion,
        files=files,
    )


def features(state: AppState, photograph: Path | None, model: str) -> Work:
    """Feature maps of a photograph, and what speaks for its answer."""
    classifier = state.model(model)
    image, name = state.limits.photograph(photograph), _name(photograph)
    pixels, folder = to_pixels(image), job_folder(state.folder)
    yield StageProgress("Reading and weighing the maps", 0, 3)
    result = feature_maps(classifier, pixels)
    yield StageProgress("Asking what speaks for the answer", 1, 3)
    heat = write_heatmap(classifier, image, pixels, None, folder)
    yield StageProgress("Drawing", 2, 3)
    more = {"heatmap": heat, "provenance": _provenance(classifier, image)}
    write_feature_maps(classifier, image, name, result, folder, more)
    figures = [folder / f"{stem}.png" for stem in ("features", "overlay", "heatmap")]
    yield TabResult(
        headline=f"{name}: {result.top.label}, {_percent(result.top.probability)}, from {len(result.maps)} maps",
        figures=figures,
        paragraphs=discuss_maps(result),
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
    plan = AttackConfig(
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

    for found in attack_steps(classifier, [AttackExample(name, image)], plan, save):
        if isinstance(found, Step):
            # A robust attack comes after a plain one.
            yield StageProgress(f"Step {found.gradients}", found.gradients, most * (2 if robust else 1))
            continue
        # Of the server's folders the visitor need not know.
        result = dataclasses.replace(found[2], file=file.name)
        yield StageProgress("Drawing")
        yield _attacked(folder, image, result, plan, classifier)


def _attacked(
    folder: Path, image: Image.Image, result: AttackResult, plan: AttackConfig, classifier: Classifier
) -> TabResult:
    accounts = summarise([result], smallest=False)
    provenance = _provenance(classifier, image)
    write_json(
        folder / "result.json",
        {"plan": plan, "accounts": accounts, "attacks": [result], "failures": [], "provenance": provenance},
    )
    figure = folder / "attack.png"
    write_figure(figure, draw_attacks([AttackPicture(result, image, read_image(folder / result.file))]))
    seen = (("the photograph", result.original), ("the attacked file", result.attacked.top))
    control = ("uniform noise of the same bound", result.control.top)
    sentences = [result.reason] if result.reason else []
    return TabResult(
        headline=(
            f"{result.original.label} is now seen as {result.attacked.top.label}, "
            f"{_percent(result.attacked.top.probability)}" + ("" if result.attacked.hit else ": not what was asked for")
        ),
        figures=[figure],
        table=Table(
            ("read from", "most likely", "probability"),
            [(what, one.label, f"{one.probability:.4f}") for what, one in (*seen, control)],
        ),
        paragraphs=[
            f"No value of the file differs by more than {result.norm}/255 from the photograph's; "
            f"{result.gradients} gradients were taken. The file below is the one that was measured, byte for byte.",
            *sentences,
            discuss_attacks(accounts),
        ],
        files=[folder / result.file, folder / "result.json", figure],
    )


def stress(state: AppState, photograph: Path | None, model: str, original: Path | None = None) -> Work:
    """The answer under twelve manipulations, mild to strong; beside the original's where one is given."""
    classifier, limits = state.model(model), state.limits
    image, name = limits.photograph(photograph), _name(photograph)
    clean = None if original is None else limits.photograph(original)
    yield StageProgress("Manipulating")
    steps = stress_steps(
        classifier,
        to_pixels(image),
        None if clean is None else to_pixels(clean),
        name=name,
        original_name="" if original is None else original.name,
    )
    total = (1 + len(all_transforms())) * (1 if clean is None else 2)
    done = 0
    while True:
        try:
            trial = next(steps)
        except StopIteration as end:
            yield StageProgress("Drawing")
            yield _stressed(state, image, end.value, classifier)
            return
        done += 1
        yield StageProgress(_manipulation(trial).capitalize(), done, total)


def _stressed(state: AppState, image: Image.Image, pair: Pair, classifier: Classifier) -> TabResult:
    folder = job_folder(state.folder)
    stressed, clean = pair
    result = stress_report([stressed], [] if clean is None else [clean], [], fingerprint(image.tobytes()))
    write_json(folder / "result.json", {"examination": result, "provenance": _provenance(classifier, image)})
    write_text(folder / "stress.csv", to_csv(result))
    write_figure(folder / "stress.png", draw_stress([(image, stressed)]))
    write_figure(folder / "acuity.png", draw_acuity(result.charts))
    figures = [folder / "stress.png", folder / "acuity.png"]
    return TabResult(
        headline=_fate(stressed),
        figures=figures,
        table=Table(
            ("manipulation", "most likely", "probability"),
            [
                (_manipulation((a.manipulation, a.strength)), a.top.label, f"{a.top.probability:.4f}")
                for a in (stressed.before, *(stressed.answer(*trial) for trial in assignment_transforms()))
            ],
        ),
        paragraphs=[discuss_stress(result.photographs)],
        files=[folder / "result.json", folder / "stress.csv", *figures],
    )


def _fate(stressed: StressResult) -> str:
    kept = sum(map(stressed.keeps, stressed.answers))
    return f"{stressed.before.top.label}: {kept} of {len(stressed.answers)} manipulations leave the answer as it is"


def _manipulation(trial: Trial) -> str:
    name, strength = trial
    return TRANSFORMS[name].describe(strength) if name else "as it is"


def _classified(classifier: Classifier, photograph: Path | None, k: int) -> Classification:
    assert photograph is not None  # it was read before
    (result,) = classify_images(classifier, [photograph], k)
    if isinstance(result, Failure):
        raise AssertionError(result.error)
    return dataclasses.replace(result, image=photograph.name)


def _write_classified(folder: Path, image: Image.Image, result: Classification, classifier: Classifier) -> list[Path]:
    figure, numbers = folder / "categories.png", folder / "result.json"
    write_json(numbers, {"results": [result], "provenance": _provenance(classifier, image)})
    write_figure(figure, draw_categories([(image, result)]))
    return [figure, numbers]


def _categories(result: Classification) -> Table:
    rows: Sequence[Sequence[str]] = [(p.label, str(p.index), f"{p.probability:.4f}") for p in result.predictions]
    return Table(("category", "index", "probability"), rows)


def _provenance(classifier: Classifier, image: Image.Image) -> Provenance:
    return classifier.provenance(fingerprint(image.tobytes()))


def _name(photograph: Path | None) -> str:
    return "" if photograph is None else photograph.name


def _percent(probability: float) -> str:
    return f"{probability:.1%}".replace("%", " %")
