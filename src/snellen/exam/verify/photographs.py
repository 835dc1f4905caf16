"""What a stranger's folder says of photographs: the categories that are seen in them, and attacks on them."""

from __future__ import annotations

import contextlib
import dataclasses
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from snellen.attacks.file_check import Claim, FileCheck, check_file
from snellen.attacks.files import REPORTS, AttackReport, to_csv
from snellen.attacks.result import AttackResult
from snellen.attacks.search import Criterion
from snellen.attacks.verify import judge, prediction
from snellen.data.images import Failure
from snellen.errors import ImageError, InputError, shown
from snellen.exam.contents import digest
from snellen.exam.verify.folder import MOST_NAMED, StrangersFolder, list_in
from snellen.inspect.categories import classify
from snellen.models.classifier import Classifier
from snellen.models.predictions import Prediction
from snellen.prose import called
from snellen.runs.serialise import from_plain, to_plain
from snellen.runs.table import read_csv
from snellen.runs.text import read_text

_TOLERANCE = 0.01
"""What a probability may differ by on another processor."""
_ATTACKS, _RULES = "attack/result.json", "attack/rule.json"


@dataclass(frozen=True)
class _Category:
    """One photograph's answer, as a result file has it."""

    image: str
    predictions: tuple[Prediction, ...]


@dataclass(frozen=True)
class _Categories:
    """The part of ``categories/result.json`` that counts here."""

    results: tuple[_Category, ...]


def categories(folder: StrangersFolder) -> Iterator[Claim]:
    """What the model sees in the copies of the photographs."""
    classifier = folder.means.classifier
    if not (folder.home / "categories").is_dir() or classifier is None:
        return
    values = folder.json("categories/result.json")
    results = from_plain(
        _Categories, {"results": list_in(values, "results", "categories/result.json")}, "categories/result.json"
    ).results
    yield from folder.left_out("categories", [one.image for one in results])
    wrong = []
    for one in results:
        copy = folder.copy_of(one.image)
        if not one.predictions:
            raise InputError(f"categories/result.json: {shown(one.image)} has no predictions")
        seen = {other.index: other for other in classify(classifier, copy, len(classifier.labels)).predictions}
        top = next(iter(seen.values()))
        # Of the first what is seen first; of each other class what it has.
        pairs = [(one.predictions[0], top), *((said, seen.get(said.index, top)) for said in one.predictions[1:])]
        wrong += [
            f"categories: {copy.name} is said to be {_named(said)}, and is seen as {_named(found)}"
            for said, found in pairs
            if not _agree(said, found)
        ]
    names = {line.partition(" is said")[0] for line in wrong}
    yield Claim(f"categories: {len(results) - len(names)} of {len(results)} photographs are seen by "
                f"{called(classifier.name)} as it says", not wrong if results else None)  # fmt: skip
    yield from (Claim(line, False) for line in wrong[:MOST_NAMED])


def attacked(folder: StrangersFolder) -> Iterator[Claim]:
    """What each attacked file is beside its original: bound, class and probability."""
    if not (folder.home / "attack").is_dir():
        return
    values = folder.json(_ATTACKS)
    attacks = _attacks(values)
    if not attacks:
        yield Claim("attack: 0 photographs were attacked", None)
    again = [file for file, times in Counter(one.file for one in attacks).items() if times > 1]
    if again:
        yield Claim(f"attack: {shown(again[0])} counts once only", False)
    failures = [from_plain(Failure, one, _ATTACKS) for one in list_in(values, "failures", _ATTACKS)]
    yield from folder.left_out("attack", [*(one.name for one in attacks), *(one.image for one in failures)])
    yield from _told_again(folder, attacks, failures)
    targets = {one.target.index for one in attacks if one.target is not None}
    for failure in failures:
        yield _failed(folder, failure, targets)
    for one in attacks:
        try:
            folder.file(f"attack/{one.file}")
            yield from _attack(folder, one)
        except InputError as error:
            yield Claim(f"attack: {error}", False)
    for one in _rules(folder):
        try:
            yield from _attack(folder, one)
        except InputError as error:
            yield Claim(f"attack: {error}", False)


def _failed(folder: StrangersFolder, failure: Failure, targets: Collection[int]) -> Claim:
    """Whether a photograph could not be attacked, as it says: it cannot be read, or is seen as the target already."""
    name, means = shown(failure.image), folder.means
    if failure.image not in folder.contents.photographs:
        return Claim(f"attack: {name} was not attacked, and no copy of it is in the folder", None)
    if means.classifier is None:
        return Claim(f"attack: {name} was not attacked: what is seen in it", None)
    try:
        seen = classify(means.classifier, folder.copy_of(failure.image), 1).top
    except ImageError:
        return Claim(f"attack: {name} cannot be read, as it says", True)
    drawn = None if means.drawn is None else means.drawn.target
    wanted = next(({one} for one in (means.target, drawn) if one is not None), targets)
    if seen.index in wanted:
        return Claim(f"attack: {name} is seen as {shown(seen.label)} before any attack, as it says", True)
    return Claim(f"attack: {name} was not attacked, though it can be read and is seen as {_named(seen)}", False)


def attack_digests(folder: StrangersFolder) -> list[str]:
    """SHA-256 of each attacked file that is there, one for each photograph; what is wrong with them the claims say."""
    found = []
    with contextlib.suppress(Exception):
        for one in _attacks(folder.json(_ATTACKS)):
            with contextlib.suppress(InputError, OSError):
                found.append(digest(folder.file(f"attack/{one.file}")))
    return found


def _attacks(values: Any) -> list[AttackResult]:
    return [from_plain(AttackResult, one, _ATTACKS) for one in list_in(values, "attacks", _ATTACKS)]


def _told_again(
    folder: StrangersFolder, attacks: Sequence[AttackResult], failures: Sequence[Failure]
) -> Iterator[Claim]:
    """Where the attack's other files say anything else than its ``result.json``."""
    table = "attack/attacks.csv"
    if table in folder.names:
        said = read_csv(read_text(folder.file(table)))
        told = read_csv(to_csv(attacks, failures))
        # Of another version's table, the columns that both have.
        same = len(said) == len(told) and all(
            row[key] == value for row, other in zip(said, told, strict=True) for key, value in other.items()
            if key in row
        )  # fmt: skip
        if not same:
            yield Claim(f"{table} does not say what {_ATTACKS} does", False)
    for one in attacks:
        name = f"attack/{REPORTS}/{one.file.removesuffix('.png')}.json"
        if name in folder.names:
            report = from_plain(AttackReport, folder.json(name), name)
            if to_plain(dataclasses.replace(report.attack, name=one.name)) != to_plain(one):
                yield Claim(f"{shown(name)} does not say what {_ATTACKS} does", False)


def _rules(folder: StrangersFolder) -> list[AttackResult]:
    """What the assignment's own update made of photographs, as far as its files are in the folder."""
    if _RULES not in folder.names:
        return []
    values = folder.json(_RULES)
    # An exam of before it was tried on more than one photograph kept no file of it.
    found = list_in(values, "attacks", _RULES) if isinstance(values, dict) and "attacks" in values else []
    rules = [from_plain(AttackResult, one, _RULES) for one in found]
    return [one for one in rules if one.file]


def _attack(folder: StrangersFolder, said: AttackResult) -> Iterator[Claim]:
    means = folder.means
    file, original = folder.file(f"attack/{said.file}"), folder.copy_of(said.name)
    if means.classifier is None:
        yield Claim(f"attack/{said.file}: what is seen in it", None)
        return
    own = None if said.target is None else said.target.index
    drawn = None if means.drawn is None else means.drawn.target
    wanted = next((one for one in (means.target, drawn, own) if one is not None), None)
    labels = means.classifier.labels
    for index in (said.label.index, own, wanted):
        if index is not None and not 0 <= index < len(labels):
            raise InputError(f"{shown(said.file)}: is about class {index}, which the model has not")
    if means.drawn is not None and means.target is None and own != drawn:
        meant = "no class by name" if said.target is None else labels[said.target.index]
        yield Claim(f"attack/{said.file}: its target is {meant}, and {labels[means.drawn.target]} is drawn by "
                    f"{means.drawn.by}", False)  # fmt: skip
    bound = said.epsilon if means.drawn is None else means.drawn.epsilon
    epsilon = bound if means.epsilon is None else means.epsilon
    found = check_file(means.classifier, file, original, epsilon=epsilon, target=wanted)
    for claim in found.claims:
        # What the exam itself calls a failure is none of the claims.
        honest = claim.holds is False and not said.attacked.success and found.within and wanted == own
        yield Claim(f"{claim.what}; the exam says so" if honest else claim.what, True if honest else claim.holds)
    yield from (Claim(line, False) for line in _otherwise(means.classifier, said, found))


def _named(one: Prediction) -> str:
    return f"{shown(one.label)} ({one.probability:.4f})"


def _close(said: float | None, seen: float | None) -> bool:
    """Whether two probabilities are one, but for another processor; what is no number is none."""
    if said is None or seen is None:
        return said is seen
    return abs(said - seen) <= _TOLERANCE


def _agree(said: Prediction, seen: Prediction) -> bool:
    return (said.index, said.label) == (seen.index, seen.label) and _close(said.probability, seen.probability)


def _otherwise(classifier: Classifier, said: AttackResult, found: FileCheck) -> Iterator[str]:
    """Where an attack's result says anything else of its two files than what is seen in them, a line for each."""
    own = None if said.target is None else said.target.index
    seen = judge(classifier, found.seen, Criterion(said.label.index, own))
    pairs = [(said.original, found.before.index), *((one, one.index) for one in (said.label, said.target) if one)]
    for one, index in pairs:
        there = prediction(classifier, found.clean, index)
        if not _agree(one, there):
            yield f"{found.original}: is said to be {_named(one)}, and is seen as {_named(there)}"
    if not _agree(said.attacked.top, seen.top):
        yield f"{found.file}: is said to be seen as {_named(said.attacked.top)}, and is seen as {_named(seen.top)}"
    for what, one_said, one_seen in (
        ("target", said.attacked.target, seen.target), ("label", said.attacked.label, seen.label),
    ):  # fmt: skip
        if not _close(one_said, one_seen):
            has = "none" if one_seen is None else f"{one_seen:.4f}"
            yield f"{found.file}: the {what} is said to have {shown(one_said)}, and has {has}"
    if (found.norm, seen.success) != (said.norm, said.attacked.success):
        was = "a success" if said.attacked.success else "a failure"
        yield f"{found.file}: is said to be {was} of norm {said.norm}/255"
    if seen.changed != said.attacked.changed:
        yield f"{found.file}: its label is said to be {'lost' if said.attacked.changed else 'kept'}"
