"""What every part of the exam is given."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from snellen.data.datasets import open_dataset
from snellen.data.datasets.base import ImageSet
from snellen.data.datasets.digits import DIGITS, digits
from snellen.data.images import read_image
from snellen.data.photo_labels import Rectangle
from snellen.exam.options import AttackOptions, FeatureOptions, ProbeOptions
from snellen.models.classifier import Classifier
from snellen.runs.provenance import Provenance, fingerprint

ENGINES_SPEED = 3
"""How much faster the engine classifies many photographs than PyTorch one, roughly."""


@dataclass(frozen=True, eq=False)
class Context:
    """One part's surroundings.

    Attributes:
        classifier: classifier under examination.
        photographs: paths of the readable photographs; at least one.
        expected: name of the model's class that each photograph shows, or None where nobody said.
        provenance: provenance of the whole exam: model, photographs, seed.
        target: index of the class that the attack is to show.
        epsilon: bound of the attack, such as ``4/255``.
        datasets: names of the labelled photographs to learn from; at least one.
        training: name of the images to train networks on from scratch.
        training_runs: folders of networks trained before, shown in place of training.
        folder: folder that the part writes to.
        seed: seed of every random choice.
        needed: folders of the parts that this one needs, by name.
        origins: where a data set to learn from comes from, by the name that the report calls it by.
        evaluate: names of the labelled photographs that the model itself is scored on.
        epochs: passes over the images to train on; None takes each recipe's own.
        features, probe, attack: what the configuration says of these parts.
        corruptions: number of labelled photographs to corrupt.
        robust_accuracy: number of labelled photographs to attack with the standard ensemble.
        chosen: how the photographs were chosen, in a sentence or two.
        said_by: who says what each photograph shows, in a few words; empty where nobody does.
        credits: who took each photograph and under what terms, as a text; empty where nobody says.
        objects: rectangle in which the object of each photograph lies, in its pixels; None where nobody drew one, and
            empty where nobody drew any.
        homework: whether the report answers the assignment, so that its own update is tried.
        mapping: file that says which class of those is which of the model's; empty where none does.
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
    needed: Mapping[str, Path] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    evaluate: Sequence[str] = ()
    mapping: str = ""
    chosen: str = ""
    said_by: Sequence[str] = ()
    credits: Sequence[str] = ()
    objects: Sequence[Rectangle | None] = ()
    corruptions: int = 0
    robust_accuracy: int = 0
    epochs: int | None = None
    features: FeatureOptions = field(default_factory=FeatureOptions)
    probe: ProbeOptions = field(default_factory=ProbeOptions)
    attack: AttackOptions = field(default_factory=AttackOptions)
    homework: bool = True


def fingerprints(files: Sequence[str]) -> list[tuple[str, str]]:
    """Name and content's fingerprint of each file."""
    return [(file, fingerprint(Path(file).read_bytes())) for file in files]


def content_of_files(files: Sequence[str]) -> str:
    """Fingerprint of the files' contents, in their order, whatever they are called."""
    return fingerprint(" ".join(content for _, content in fingerprints(files)))


def megapixels(photographs: Sequence[str], most: float = math.inf) -> float:
    """Millions of pixels of all photographs together, of each at most ``most``."""
    return sum(min(math.prod(read_image(Path(photograph)).size) / 1e6, most) for photograph in photographs)


def names_of(files: Sequence[str], most: int = 4) -> str:
    """The names of the first ``most`` files, and how many others there are."""
    names = ", ".join(list(photograph_names(files).values())[:most])
    return names if len(files) <= most else f"{names} and {len(files) - most} more"


def short_name(dataset: str) -> str:
    """What a report calls a data set: the last part of its path or id."""
    return dataset.rstrip("/").rpartition("/")[2]


def distinct_names(datasets: Sequence[str]) -> dict[str, str]:
    """What a report calls each data set: as much of the end of its path or id as tells it from the others."""
    parts: dict[tuple[str, ...], str] = {}
    for one in datasets:
        path = Path(one).resolve() if Path(one).exists() else Path(one)
        parts.setdefault(tuple(part for part in path.parts if part != path.anchor), one)  # each set once
    names = dict.fromkeys(parts.values(), "")
    for depth in range(max(map(len, parts)), 0, -1):
        ends = ["/".join(part[-depth:]) for part in parts]
        names |= {one: end for one, end in zip(names, ends, strict=True) if ends.count(end) == 1}
    return names


def data_set(name: str) -> ImageSet:
    """The labelled photographs that an exam calls ``name``; ``digits`` are the package's, whatever lies here so called.

    Raises:
        InputError: as :func:`snellen.data.datasets.open_dataset`.
    """
    return digits() if name == DIGITS else open_dataset(name)


def content_of(images: ImageSet) -> tuple[str, str]:
    """What tells whether an answer on these photographs still holds."""
    return images.fingerprint, images.changed()


def scored_on(context: Context) -> Sequence[str]:
    """The data sets that the model itself is scored on; those to learn from where none are named."""
    return context.evaluate or context.datasets


def photograph_names(paths: Sequence[str]) -> dict[str, str]:
    """What a report calls each photograph: its name, and as much of its path as tells it from the others."""
    parts = {path: Path(path).absolute().parts[1:] for path in paths}
    names = dict(zip(paths, paths, strict=True))
    for depth in range(max(map(len, parts.values()), default=0), 0, -1):
        ends = Counter(each[-depth:] for each in parts.values())
        names |= {path: "/".join(each[-depth:]) for path, each in parts.items() if ends[each[-depth:]] == 1}
    return names
