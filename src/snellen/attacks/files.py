"""Attacks whole folders: each photograph's file and report as soon as it is done, tables and figures at the end.

Killed and started again, it goes on with the photographs that are missing. A report counts as done only where it
was made by the same plan, model and photograph, and its file is still what it was.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from snellen.attacks.attack import attack_each, png_bytes
from snellen.attacks.config import AttackConfig
from snellen.attacks.eot import HeldOut
from snellen.attacks.figures import AttackPicture
from snellen.attacks.result import AttackResult
from snellen.attacks.state import AttackExample
from snellen.attacks.verify import Verdict
from snellen.data.images import Failure, read_image
from snellen.data.labels import label_of_folder
from snellen.errors import ImageError, InputError
from snellen.models.classifier import Classifier
from snellen.models.predictions import Prediction
from snellen.runs.files import sweep, write_bytes, write_json, write_text
from snellen.runs.provenance import fingerprint, versions
from snellen.runs.serialise import to_plain

_REPORTS = "attacks"


@dataclass(frozen=True)
class FolderResult:
    """What a run of :func:`attack_folder` made.

    Attributes:
        attacks: one for each photograph that could be read, in order.
        failures: the others.
        resumed: how many of the attacks were found done.
        data: fingerprint of the photographs.
    """

    attacks: tuple[AttackResult, ...]
    failures: tuple[Failure, ...]
    resumed: int
    data: str


def attack_folder(
    classifier: Classifier,
    sources: Sequence[str],
    plan: AttackConfig,
    out: Path,
    *,
    labels: Sequence[str | int | None] = (),
    done: Callable[[], None] = lambda: None,
) -> FolderResult:
    """Attack photographs; write the attacked files, a report of each, ``attacks.json`` and ``attacks.csv`` to ``out``.

    Args:
        classifier: the one to fool.
        sources: paths of the photographs. One in a folder named by its WordNet id, as in ImageNet, shows that class.
        plan: how.
        out: the run folder.
        labels: the class that each of them shows, whatever its folder says; empty, or None in it, where nobody said.
        done: called after each photograph.

    Raises:
        InputError: no such class, or a photograph that is named twice.
    """
    given = dict(zip(sources, labels, strict=True)) if labels else {}
    indices = {source: classifier.labels.find(label) for source, label in given.items() if label is not None}
    names = attacked_names(sources)
    found: dict[str, AttackResult | Failure] = {}
    digests: dict[str, str] = {}
    contents: list[str] = []
    resumed = 0
    sweep(out / _REPORTS)

    def report_of(name: str) -> Path:
        return out / _REPORTS / f"{names[name].removesuffix('.png')}.json"

    def subjects() -> Iterator[AttackExample]:
        nonlocal resumed
        for source in sources:
            try:
                image = read_image(source)
            except ImageError as error:
                found[source] = Failure(source, str(error))
                done()
                continue
            shown = indices.get(source, label_of_folder(classifier.labels, source))
            contents.append(fingerprint(image.tobytes()))
            digests[source] = _digest(classifier, plan, image, shown)
            earlier = _read_report(report_of(source), digests[source], out)
            if earlier is not None:
                found[source] = dataclasses.replace(earlier, image=source)
                resumed += 1
                done()
                continue
            yield AttackExample(source, image, shown)

    def save(image: Image.Image, subject: AttackExample) -> Path:
        write_bytes(out / names[subject.name], png_bytes(image))
        return out / names[subject.name]

    def refuse(subject: AttackExample, error: InputError) -> None:
        found[subject.name] = Failure(subject.name, str(error))
        done()

    for subject, _, result in attack_each(classifier, subjects(), plan, save, refuse):
        # Relative, so that a run folder can be moved.
        found[subject.name] = kept = dataclasses.replace(result, file=names[subject.name])
        file = fingerprint((out / names[subject.name]).read_bytes())
        write_json(report_of(subject.name), {"made_by": digests[subject.name], "file": file, "attack": kept})
        done()
    results = [found[source] for source in sources]
    attacks = tuple(result for result in results if isinstance(result, AttackResult))
    failures = tuple(result for result in results if isinstance(result, Failure))
    write_text(out / "attacks.csv", to_csv(attacks, failures))
    return FolderResult(attacks, failures, resumed, fingerprint("".join(contents)))


def read_picture(attack: AttackResult, out: Path) -> AttackPicture:
    """The attack with its original and its file, read from the photograph's path and the run folder."""
    return AttackPicture(attack, read_image(attack.image), read_image(out / attack.file))


def attacked_names(sources: Sequence[str]) -> dict[str, str]:
    """The file that each photograph's attack is written to: ``adversarial.png`` where there is one photograph.

    Several of the same name are told apart by their folder, then by a number.

    Raises:
        InputError: a photograph that is named twice.
    """
    twice = [source for source, times in Counter(sources).items() if times > 1]
    if twice:
        raise InputError(f"{twice[0]}: named twice", "each photograph once")
    if len(sources) == 1:
        return {sources[0]: "adversarial.png"}
    stems = {source: Path(source).stem for source in sources}
    shared = {stem for stem, times in Counter(stems.values()).items() if times > 1}
    names: dict[str, str] = {}
    taken: set[str] = set()
    for source, stem in stems.items():
        plain = f"{Path(source).parent.name}-{stem}" if stem in shared else stem
        name, number = plain, 2
        while name in taken:
            name, number = f"{plain}-{number}", number + 1
        taken.add(name)
        names[source] = f"{name}-adversarial.png"
    return names


def _digest(classifier: Classifier, plan: AttackConfig, image: Image.Image, label: int | None) -> str:
    """Of all that decides what an attack gives."""
    decides = (classifier.name, classifier.digest, plan, label, image.size, versions().get("snellen"))
    return fingerprint(repr(decides).encode() + image.tobytes())


def _read_report(path: Path, digest: str, out: Path) -> AttackResult | None:
    """The report at ``path``, where it was made by what ``digest`` stands for and its file is intact."""
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        kept = _attack_from(report["attack"])
        intact = report["made_by"] == digest and report["file"] == fingerprint((out / kept.file).read_bytes())
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return kept if intact else None


def _attack_from(values: dict[str, Any]) -> AttackResult:
    def known(value: Any) -> Prediction | None:
        return None if value is None else Prediction(**value)

    def verdict(value: dict[str, Any]) -> Verdict:
        return Verdict(**(value | {"top": Prediction(**value["top"])}))

    return AttackResult(
        **(
            values
            | {key: known(values[key]) for key in ("label", "target", "original", "preprocessed_again")}
            | {key: verdict(values[key]) for key in ("attacked", "control")}
            | {"held_out": tuple(HeldOut(**item) for item in values["held_out"])}
        )
    )


_COLUMNS = (
    "image", "label", "label_given", "correct", "original", "original_probability", "target", "epsilon", "norm",
    "attacked", "attacked_probability", "target_probability", "label_probability", "hit", "changed", "control",
    "control_hit", "control_changed", "held_out_hits", "held_out_plain_hits", "held_out_draws", "gradients", "file",
    "reason", "error",
)  # fmt: skip


def to_csv(attacks: Sequence[AttackResult], failures: Sequence[Failure]) -> str:
    """One line for each photograph; norms and bounds in steps of 1/255."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for attack in attacks:
        writer.writerow(_row(attack))
    for failure in failures:
        writer.writerow({"image": failure.image, "error": failure.error})
    return text.getvalue()


def _row(attack: AttackResult) -> dict[str, object]:
    row = {
        "image": attack.image,
        "label": attack.label.label,
        "label_given": attack.label_given,
        "correct": attack.correct,
        "original": attack.original.label,
        "original_probability": attack.original.probability,
        "target": None if attack.target is None else attack.target.label,
        "epsilon": attack.epsilon,
        "norm": attack.norm,
        "attacked": attack.attacked.top.label,
        "attacked_probability": attack.attacked.top.probability,
        "target_probability": attack.attacked.target,
        "label_probability": attack.attacked.label,
        "hit": attack.attacked.hit,
        "changed": attack.attacked.changed,
        "control": attack.control.top.label,
        "control_hit": attack.control.hit,
        "control_changed": attack.control.changed,
        "gradients": attack.gradients,
        "file": attack.file,
        "reason": attack.reason,
    }
    if attack.held_out:
        row |= {
            "held_out_hits": sum(held.hits for held in attack.held_out),
            "held_out_plain_hits": sum(held.plain_hits for held in attack.held_out),
            "held_out_draws": sum(held.draws for held in attack.held_out),
        }
    return {
        key: "" if value is None else f"{value:.6f}" if isinstance(value, float) else to_plain(value)
        for key, value in row.items()
    }
