"""What every part of the exam is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from snellen.models.classifier import Classifier
from snellen.runs.provenance import Provenance, fingerprint


@dataclass(frozen=True, eq=False)
class Context:
    """One part's surroundings.

    Attributes:
        classifier: the one under examination.
        photographs: paths of those that can be read; at least one.
        expected: the label that a person would choose for each photograph, or None where nobody said.
        provenance: of the whole exam: model, photographs, seed.
        target: the class that the attack is to show, by its index.
        epsilon: the attack's bound, such as ``4/255``.
        datasets: the names of the labelled photographs to learn from; at least one.
        training: the name of the images to train networks on from scratch.
        training_runs: folders of networks trained before, shown in place of training.
        folder: where the part writes; its own.
        seed: of every random choice.
    """

    classifier: Classifier
    photographs: Sequence[str]
    expected: Sequence[str | None]
    provenance: Provenance
    target: int
    epsilon: str
    datasets: Sequence[str]
    training: str
    training_runs: Sequence[str]
    folder: Path
    seed: int


def fingerprints(files: Sequence[str]) -> list[tuple[str, str]]:
    """Name and content's fingerprint of each file."""
    return [(file, fingerprint(Path(file).read_bytes())) for file in files]


def names_of(files: Sequence[str], most: int = 4) -> str:
    """The names of the first ``most`` files, and how many others there are."""
    shown = ", ".join(Path(file).name for file in files[:most])
    return shown if len(files) <= most else f"{shown} and {len(files) - most} more"


def short_name(dataset: str) -> str:
    """What a report calls a data set: the last part of its path or id."""
    return dataset.rstrip("/").rpartition("/")[2]
