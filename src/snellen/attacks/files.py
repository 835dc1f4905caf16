"""A run folder of attacks: the names of its files, a report of each attack, and a table of all."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from snellen.attacks.carry_over import CarryOver
from snellen.attacks.result import AttackResult
from snellen.attacks.robust_accuracy import RobustnessResult
from snellen.data.images import MAX_BYTES, Failure
from snellen.errors import InputError
from snellen.runs.files import free_name, write_figure, write_json, write_text
from snellen.runs.provenance import fingerprint
from snellen.runs.serialise import read_dataclass, to_plain
from snellen.runs.table import csv_text
from snellen.runs.text import read_bounded

REPORTS = "attacks"
"""Folder of the reports, in the run folder."""
ROBUSTNESS = ("robustness.json", "robustness.csv", "robustness.png")
"""What :func:`write_robustness` writes."""
CARRY_OVER = ("also.json", "also.csv")
"""What :func:`write_carry_over` writes."""
_LONGEST_STEM = 200


@dataclass(frozen=True)
class AttackReport:
    """One finished attack, as it is kept on disk.

    Attributes:
        cache_key: fingerprint of all that decides what an attack gives.
        file: fingerprint of the attacked file.
        attack: result.
    """

    cache_key: str
    file: str
    attack: AttackResult


def write_report(out: Path, cache_key: str, attack: AttackResult) -> None:
    """Keep the result of an attack whose file lies in ``out``."""
    write_json(_report_path(out, attack.file), AttackReport(cache_key, _fingerprint_of(out / attack.file), attack))


def read_report(out: Path, file: str, cache_key: str) -> AttackResult | None:
    """The result kept for ``file``, where it was made by what ``cache_key`` stands for and the file is intact."""
    path = _report_path(out, file)
    try:
        report = read_dataclass(AttackReport, path)
        intact = report.attack.file == file and report.file == _fingerprint_of(out / file)
    except InputError:
        return None
    return report.attack if intact and report.cache_key == cache_key else None


def _report_path(out: Path, file: str) -> Path:
    return out / REPORTS / f"{file.removesuffix('.png')}.json"


def _fingerprint_of(path: Path) -> str:
    return fingerprint(read_bounded(path, MAX_BYTES))


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
    stems = {source: _shortened(Path(source).stem) for source in sources}
    times_of = Counter(stem.casefold() for stem in stems.values())
    names: dict[str, str] = {}
    taken: set[str] = set()
    for source, stem in stems.items():
        alone = times_of[stem.casefold()] == 1
        name = stem if alone else _shortened(f"{Path(source).parent.name}-{stem}")
        names[source] = free_name(name, "-adversarial.png", taken)
    return names


def _shortened(stem: str) -> str:
    """As much of ``stem`` as leaves room for what is added to it: a name has at most 255 bytes."""
    while len(os.fsencode(stem)) > _LONGEST_STEM:
        stem = stem[:-1]
    return stem


_COLUMNS = (
    "image", "label", "label_given", "correct", "original", "original_probability", "target", "epsilon", "norm",
    "attacked", "attacked_probability", "target_probability", "label_probability", "success", "changed", "control",
    "control_success", "control_changed", "held_out_successes", "held_out_plain_successes", "held_out_draws",
    "gradients", "file", "reason", "error",
)  # fmt: skip


def to_csv(attacks: Sequence[AttackResult], failures: Sequence[Failure]) -> str:
    """One line for each photograph; norms and bounds in steps of 1/255."""
    rows: list[dict[str, object]] = [_row(attack) for attack in attacks]
    rows += ({"image": failure.image, "error": failure.error} for failure in failures)
    return csv_text(_COLUMNS, [[row.get(column, "") for column in _COLUMNS] for row in rows])


def _row(attack: AttackResult) -> dict[str, object]:
    row = {
        "image": attack.name,
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
        "success": attack.attacked.success,
        "changed": attack.attacked.changed,
        "control": attack.control.top.label,
        "control_success": attack.control.success,
        "control_changed": attack.control.changed,
        "gradients": attack.gradients,
        "file": attack.file,
        "reason": attack.reason,
    }
    if attack.held_out:
        row |= {
            "held_out_successes": sum(held.successes for held in attack.held_out),
            "held_out_plain_successes": sum(held.plain_successes for held in attack.held_out),
            "held_out_draws": sum(held.draws for held in attack.held_out),
        }
    return {
        key: "" if value is None else f"{value:.6f}" if isinstance(value, float) else to_plain(value)
        for key, value in row.items()
    }


def write_robustness(result: RobustnessResult, out: Path) -> None:
    """Write ``robustness.json``, a table by photograph and the security curve."""
    numbers_file, table_file, figure_file = (out / name for name in ROBUSTNESS)
    write_json(numbers_file, {**result.to_dict(), "discussion": result.discussion()})
    head = ("image", "label", "correct", "epsilon", "attack", "norm", "error")
    rows: list[list[object]] = []
    for one in result.photographs:
        numbers = ["" if math.isnan(value) else f"{value:.6f}" for value in (one.epsilon, one.norm)]
        rows.append([one.image, one.label, one.correct, numbers[0], one.attack, numbers[1], ""])
    rows += ([failure.image, *[""] * 5, failure.error] for failure in result.failures)
    write_text(table_file, csv_text(head, rows))
    write_figure(figure_file, result.plot())


def write_carry_over(others: Sequence[CarryOver], out: Path) -> None:
    """Write ``also.json`` and ``also.csv``: what the attacked files do to other networks."""
    numbers_file, table_file = (out / name for name in CARRY_OVER)
    write_json(numbers_file, others)
    head = (
        "model", "image", "original", "original_probability", "attacked", "attacked_probability", "label_given",
        "correct", "changed", "success",
    )  # fmt: skip
    rows = []
    for other in others:
        for one in other.photographs:
            before, after = ((p.label, f"{p.probability:.6f}") for p in (one.original, one.attacked))
            verdicts = (one.label_given, one.correct, one.changed, one.success)
            rows.append([other.model, one.name, *before, *after, *verdicts])
    write_text(table_file, csv_text(head, rows))
