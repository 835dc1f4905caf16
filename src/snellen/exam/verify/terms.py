"""What whoever verifies brings along, and what a configuration draws for one student."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from snellen.attacks.file_check import steps_of
from snellen.errors import InputError, shown
from snellen.exam.config import ExamConfig, asked_parts, first_look
from snellen.exam.contents import digest
from snellen.exam.photographs import choose_photographs, target_class
from snellen.models.classifier import Classifier


@dataclass(frozen=True)
class Drawn:
    """What a configuration draws for one student.

    Attributes:
        by: whose name and which seed decided it.
        photographs: SHA-256 of each photograph.
        target: index of the class that the attack is to show.
        epsilon: bound of the attack, in steps of 1/255.
        parts: names of the parts that it asks for.
        at_first_look: SHA-256 of each photograph that it would draw for a first look; empty where they are
            those.
    """

    by: str
    photographs: tuple[str, ...]
    target: int
    epsilon: int
    parts: tuple[str, ...]
    at_first_look: tuple[str, ...] = ()


def draw(config: ExamConfig, classifier: Classifier) -> Drawn:
    """Draw again what an exam by ``config`` draws.

    Args:
        config: the configuration as it was given out: what a student wrote into it, it decides.
        classifier: the model that was to be examined, whose classes the draw is even over.

    Raises:
        InputError: as :func:`snellen.exam.photographs.choose_photographs` and ``target_class``.
    """
    asked = first_look(config) if config.quick else config
    chosen = choose_photographs(asked, classifier)
    name = f"{shown(asked.student)} and " if asked.student else ""
    at_first_look: tuple[str, ...] = ()
    with contextlib.suppress(InputError):  # of some parts there is no first look
        shorter = first_look(config)
        if shorter.sample != asked.sample:
            at_first_look = _digests(choose_photographs(shorter, classifier).paths)
    return Drawn(
        f"{name}seed {asked.seed}",
        _digests(chosen.paths),
        target_class(asked, classifier, chosen.classes),
        steps_of(asked.epsilon),
        asked_parts(asked),
        at_first_look,
    )


def _digests(paths: Sequence[str]) -> tuple[str, ...]:
    return tuple(digest(Path(path)) for path in paths)


@dataclass(frozen=True)
class Means:
    """What whoever verifies brings along.

    Attributes:
        classifier: the model that was to be examined; None leaves untold what it decides.
        datasets: data sets by the name that folders know them by, each opened under the name here.
        epsilon: bound that was asked for, in steps of 1/255; None takes each attack's own word.
        target: index of the class that was asked for; None takes each attack's own word.
        pool: folder of the photographs that could be chosen; None where any could.
        drawn: what was drawn for whose folder it is; None where that is not to be compared. Its target and bound count
            where no others are given.
    """

    classifier: Classifier | None = None
    datasets: Mapping[str, str] = field(default_factory=dict)
    epsilon: int | None = None
    target: int | None = None
    pool: Path | None = None
    drawn: Drawn | None = None
