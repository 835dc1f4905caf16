"""What lies in an exam's folder, read back: the results that its notebook draws anew."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snellen.attacks.result import AttackResult
from snellen.errors import InputError
from snellen.exam.contents import CONTENTS, Contents
from snellen.runs.serialise import from_plain, read_dataclass, read_json
from snellen.training.results import TrainingResult

_ACCEPTED = "the folder of a finished exam"


def read_photographs(folder: str | Path = ".") -> list[str]:
    """Paths of the copies of the photographs that an exam examined, in its order.

    Args:
        folder: the exam's folder.

    Raises:
        InputError: it is none of a finished exam.
    """
    return list(_copies(Path(folder)).values())


def read_attacks(folder: str | Path = ".") -> list[AttackResult]:
    """The attacks of an exam, each with its files in ``folder``, so that they can be drawn, classified, stressed.

    Raises:
        InputError: no finished exam, or one without attacks.
    """
    values = _values(Path(folder) / "attack" / "result.json", "attacks")
    return [_with_files(_attack(one, Path(folder)), Path(folder)) for one in values]


def read_rules(folder: str | Path = ".") -> list[AttackResult]:
    """What the assignment's own update made of the first photographs; of those that it fooled, with their files.

    An exam of before it was tried on more than one photograph has one.

    Raises:
        InputError: no finished exam, or one that did not try it.
    """
    path = Path(folder) / "attack" / "rule.json"
    values = read_json(path, _ACCEPTED)
    found = values.get("attacks", [values]) if isinstance(values, dict) else None
    if not isinstance(found, list):
        raise InputError(f"{path}: has no list “attacks”", _ACCEPTED)
    rules = [_attack(one, Path(folder)) for one in found]
    return [_with_files(one, Path(folder)) if one.file else one for one in rules]


def read_trainings(folder: str | Path = ".") -> list[TrainingResult]:
    """The trainings that an exam made, or was given, in its order.

    Raises:
        InputError: no finished exam, or one without trainings.
    """
    path = Path(folder) / "training" / "result.json"
    return [from_plain(TrainingResult, one, str(path)) for one in _values(path, "results")]


def _copies(folder: Path) -> Mapping[str, str]:
    """The copy of each photograph, by the path that results name it by."""
    contents = read_dataclass(Contents, folder / CONTENTS, _ACCEPTED)
    return {name: str(folder / copy) for name, copy in contents.photographs.items()}


def _values(path: Path, key: str) -> list[Any]:
    values = read_json(path, _ACCEPTED)
    found = values.get(key) if isinstance(values, dict) else None
    if not isinstance(found, list):
        raise InputError(f"{path}: has no list “{key}”", _ACCEPTED)
    return found


def _attack(values: Any, folder: Path) -> AttackResult:
    said = {key: value for key, value in values.items() if key != "provenance"} if isinstance(values, dict) else values
    return from_plain(AttackResult, said, str(folder / "attack"))


def _with_files(attack: AttackResult, folder: Path) -> AttackResult:
    copies = _copies(folder)
    if attack.name not in copies:
        raise InputError(f"{folder}: has no copy of {attack.name}", _ACCEPTED)
    return dataclasses.replace(attack, source=copies[attack.name], saved=str(folder / "attack" / attack.file))
