"""Which photographs an exam examines, drawn where there are many, and what each of them shows."""

from __future__ import annotations

import filecmp
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snellen.attacks.config import RANDOM
from snellen.data.draw import drawn_in_turn
from snellen.data.images import expand, read_image
from snellen.data.labels import Labels
from snellen.data.photo_labels import Rectangle, photo_credits, photo_labels, photo_objects, rectangle_of
from snellen.data.photographs import Photograph, bundled_photographs
from snellen.errors import ImageError, InputError
from snellen.exam.config import ExamConfig
from snellen.inspect.categories import classify
from snellen.models.classifier import Classifier
from snellen.prose import listed, word
from snellen.runs.text import composed

_SPACE_SHUTTLE, _IMAGENET_CLASSES = 812, 1000


@dataclass(frozen=True)
class Chosen:
    """The photographs of an exam.

    Attributes:
        paths: the readable ones that are examined, in the order in which they were named; at least one.
        classes: index of the class that each shows; None where nobody says.
        said_by: who says so of each, in a few words; empty where nobody does.
        credits: who took each and under what terms, as a text; empty where nobody says.
        objects: rectangle in which the object of each lies, in its pixels; None where nobody says.
        rule: how they were chosen, in a sentence or two.
        unreadable: one line for each that could not be read.
    """

    paths: tuple[str, ...]
    classes: tuple[int | None, ...]
    said_by: tuple[str, ...]
    credits: tuple[str, ...]
    objects: tuple[Rectangle | None, ...]
    rule: str
    unreadable: tuple[str, ...]


def choose_photographs(config: ExamConfig, classifier: Classifier) -> Chosen:
    """The photographs that ``config`` names; of more than its ``sample`` a draw, even over what they show.

    Files that are named by themselves beside folders or patterns come first, where they are fewer than the sample; the
    others are drawn. The draw is decided by the photographs' order, their classes, and the seed with the student's
    name. Photographs whose class nobody says count as one class.

    Raises:
        InputError: labels that fit no photograph or no class, credits or objects that fit none, an object that is not
            within its photograph, no photograph that can be read, or none that the model is ``sure`` of.
    """
    sources = list(dict.fromkeys(_sources(config)))
    named = [number for number, source in enumerate(sources) if source in config.photographs]
    known = _known_classes(classifier.labels, sources, config.labels or None)
    classes = [shown for shown, _ in known]
    credited = _credits(sources, config.credits)
    drawn_around = photo_objects(sources, config.objects)
    if config.sure and not any(one is not None for one in classes):
        raise InputError("sure: nobody says what the photographs show", "class folders, [labels], or a CSV of them")
    most = config.sample if isinstance(config.sample, int) else len(sources)
    drawn = most < len(sources)
    first = named if drawn and len(named) < most else []
    order: Sequence[int] = range(len(sources))
    if drawn:
        pool = [number for number in order if number not in first]
        places = drawn_in_turn([classes[number] for number in pool], generator(config))
        order = [*first, *(pool[place] for place in places)]
    found: list[int] = []
    unreadable: list[str] = []
    tried = 0
    for number in order:
        if len(found) == most:
            break
        tried += 1
        try:
            if _is_wanted(sources[number], classes[number], config.sure, classifier):
                found.append(number)
        except ImageError as error:
            unreadable.append(str(error))
    if not found:
        if len(unreadable) < tried:
            raise InputError(
                f"sure: none of {tried} photographs is classified right with a probability of at least {config.sure:g}",
                "a smaller one",
            )
        raise InputError(f"no photograph can be read: {unreadable[0]}")
    found.sort()
    count = f"All {len(sources):,}" if len(found) == len(sources) else f"{len(found):,} of {len(sources):,}"
    count = "One photograph" if len(sources) == 1 else f"{count} photographs"
    by = ""
    if drawn:
        others = [classes[number] for number in order[len(first) :]]
        even = len(found) == tried >= len(first) + len(set(others))
        by = _drawn_by(config, others, len(set(first) & set(found)), even=even)
    return Chosen(
        tuple(sources[number] for number in found),
        tuple(classes[number] for number in found),
        tuple(known[number][1] for number in found),
        tuple(credited[number] for number in found),
        tuple(
            None if (edges := drawn_around[number]) is None else rectangle_of(sources[number], edges)
            for number in found
        ),
        _rule(config, f"{count}{by}", tried, len(unreadable)),
        tuple(unreadable),
    )


def target_class(config: ExamConfig, classifier: Classifier, shown: Sequence[int | None]) -> int:
    """The class that the attack is to show: the one that is named, or drawn among those that no photograph shows.

    Raises:
        InputError: no such class, or none left to draw.
    """
    labels = classifier.labels
    if config.target == RANDOM:
        others = sorted(set(range(len(labels))) - {one for one in shown if one is not None})
        if not others:
            raise InputError("target: the photographs show every class that there is", "one of them by name")
        return int(generator(config, 1).choice(others))
    if config.target:
        return labels.find(config.target)
    return _SPACE_SHUTTLE if len(labels) == _IMAGENET_CLASSES else len(labels) - 1


def generator(config: ExamConfig, stream: int = 0) -> np.random.Generator:
    """What an exam draws with: NumPy's default generator, seeded by the seed and the student's name.

    The name counts in small letters, with single spaces, however its accents are written; its SHA-256 is the seed's
    second half.

    Args:
        config: configuration with ``seed`` and ``student``.
        stream: 0 for the photographs, 1 for the target.
    """
    name = " ".join(composed(config.student).casefold().split())
    digest = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) if name else 0
    return np.random.default_rng([config.seed, digest, stream])


def _sources(config: ExamConfig) -> Iterator[str]:
    if config.photographs:
        yield from expand(config.photographs)
    else:
        yield from (str(one.path) for one in bundled_photographs())


def _known_classes(
    labels: Labels, sources: Sequence[str], said: Mapping[str, str] | str | None
) -> list[tuple[int | None, str]]:
    """What :func:`snellen.data.photo_labels.photo_labels` finds, and who says so; beyond it, what copies of bundled
    photographs show.
    """
    bundled = bundled_photographs()
    found: list[tuple[int | None, str]] = []
    for source, by_any, by_folder in zip(
        sources, photo_labels(labels, sources, said), photo_labels(labels, sources), strict=True
    ):
        if by_any is not None:
            found.append((by_any, "its folder" if by_any == by_folder else "the author"))
        else:
            found.append(_bundled_class(labels, source, bundled))
    return found


def _credits(sources: Sequence[str], said: Mapping[str, str]) -> list[str]:
    """What :func:`snellen.data.photo_labels.photo_credits` finds; beyond it, the bundled photographs' own."""
    bundled = {str(one.path): one.credit for one in bundled_photographs()}
    return [
        credit or bundled.get(source, "") for source, credit in zip(sources, photo_credits(sources, said), strict=True)
    ]


def _is_wanted(source: str, shown: int | None, sure: float, classifier: Classifier) -> bool:
    """Whether a photograph can be read, and where ``sure`` is above 0 is classified right with that probability.

    Raises:
        ImageError: it cannot be read.
    """
    if not sure:
        read_image(Path(source))
        return True
    if shown is None:
        return False
    top = classify(classifier, source, 1).top
    return top.index == shown and top.probability >= sure


def _bundled_class(labels: Labels, source: str, bundled: Sequence[Photograph]) -> tuple[int | None, str]:
    """What a bundled photograph shows, or a copy of one, where the model has a class of that name, and who says so."""
    for one in bundled:
        try:
            if filecmp.cmp(source, one.path, shallow=False):
                publisher = one.credit.partition(",")[0]
                return labels.find(one.label), f'Snellen; {publisher} calls it "{one.title}"'
        except (OSError, InputError):
            # Reading it will say what is wrong; a model without the class knows no such label.
            continue
    return None, ""


def _drawn_by(config: ExamConfig, classes: Sequence[int | None], named: int, *, even: bool) -> str:
    """What decided a draw, and what it is even over: what was drawn, or the order alone in which it was tried.

    ``named`` photographs are not of the draw.
    """
    name = f"the name {config.student} and " if config.student else ""
    alone = f", {word(named)} named by {'itself' if named == 1 else 'themselves'} and the rest" if named else ","
    by = f"{alone} drawn by {name}seed {config.seed}"
    if len(set(classes)) < 2:
        return by
    known = len(set(classes) - {None})
    over = ["one class" if known == 1 else f"{known} classes"]
    over += ["the photographs whose class nobody says"] if None in classes else []
    return f"{by}, {'evenly' if even else 'in an order even'} over {listed(over)}"


def _rule(config: ExamConfig, count: str, tried: int, unreadable: int) -> str:
    """How many were chosen, by which rule, and how many could not be."""
    if config.sure:
        damaged = f", {unreadable:,} of which could not be read" if unreadable else ""
        return (
            f"{count}: those that the model gets right with a probability of at least {config.sure:g}, of the "
            f"{tried:,} that were tried{damaged}. How often the model is right they do not say."
        )
    return f"{count}; {unreadable:,} could not be read." if unreadable else f"{count}."
