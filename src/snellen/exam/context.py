"""What every part of the exam is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from snellen.classifier import Classifier
from snellen.runs import Provenance


@dataclass(frozen=True, eq=False)
class Context:
    """One part's surroundings.

    Attributes:
        classifier: the one under examination.
        photographs: paths of those that can be read; at least one.
        expected: the label that a person would choose for each photograph, or None where nobody said.
        provenance: of the whole exam: model, photographs, seed.
        dataset: the name of the labelled photographs to learn from.
        training: the name of the images to train networks on from scratch.
        training_runs: folders of networks trained before, shown in place of training.
        folder: where the part writes; its own.
        seed: of every random choice.
    """

    classifier: Classifier
    photographs: Sequence[str]
    expected: Sequence[str | None]
    provenance: Provenance
    dataset: str
    training: str
    training_runs: Sequence[str]
    folder: Path
    seed: int
