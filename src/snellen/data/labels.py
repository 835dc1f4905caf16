"""Class names as people write them, found by index or by name."""

from __future__ import annotations

import functools
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from snellen.errors import InputError, did_you_mean, shown
from snellen.runs.text import composed, read_text

IMAGENET, NUMBERED = "imagenet", "numbered"
"""What `labels` can say in place of a file: ImageNet-1k's 1,000 classes, or numbers for names."""

# ImageNet-1k gives these names to two classes each, but for their case.
_AMBIGUOUS = {
    134: "crane (bird)",
    517: "crane (machine)",
    264: "Cardigan (corgi)",
    638: "maillot (tights)",
    639: "maillot (tank suit)",
}
# One of ImageNet-1k's classes; timm's list of descriptions passes over it.
_UNKNOWN_TO_TIMM = {"n04399382": "teddy, teddy bear"}
_WORDNET_ID = re.compile("n[0-9]{8}")
_MOST_CLASSES = 1 << 20
MOST_DIGITS = 100
"""Of more digits, a label is no number; Python itself makes none of thousands."""


@dataclass(frozen=True)
class Labels(Sequence[str]):
    """The names of a classifier's classes, in the order of its logits.

    Attributes:
        names: one distinct name for each class.
        synonyms: further names of each class, in the same order, its WordNet id among them; empty where there are none.
    """

    names: tuple[str, ...]
    synonyms: tuple[tuple[str, ...], ...] = field(default=(), repr=False)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]  # the overloads of Sequence
        return self.names[index]

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    @functools.cached_property
    def wordnet_ids(self) -> Mapping[str, int]:
        """The class of each WordNet id among the names and synonyms."""
        tables = (self._synonyms, self._plain_names)
        return {name: index for table in tables for name, (index, *_) in table.items() if _WORDNET_ID.fullmatch(name)}

    def of_wordnet_id(self, wordnet_id: str) -> int | None:
        """The class of a WordNet id; None where there is none, or no single one.

        Classes that were learned from folders of ids bear the names that these stand for, and no ids: where no class
        has an id, it is the class that is called as :func:`described_labels` calls this one, else the only one that is
        called by one of its lemmas.
        """
        if self.wordnet_ids or not _WORDNET_ID.fullmatch(wordnet_id):
            return self.wordnet_ids.get(wordnet_id)
        *lemmas, _ = described_labels([wordnet_id]).synonyms[0]
        if not lemmas:
            return None
        told_apart = [f"{lemmas[0]} ({more})" for more in (*lemmas[1:2], wordnet_id)]
        for name in (*told_apart, lemmas[0]):
            if len(indices := self.named(name)) == 1:
                return indices[0]
        called = {index for lemma in lemmas for index in self.called(lemma)}
        return called.pop() if len(called) == 1 else None

    def named(self, name: str) -> Sequence[int]:
        """The classes whose own name is ``name``; empty where there is none.

        The class of exactly that name, however its accents are written; where there is none, all whose name differs in
        case, spaces or underscores only.
        """
        return self._names.get(composed(name)) or self._plain_names.get(plain_name(name), ())

    def called(self, name: str) -> Sequence[int]:
        """The classes that are called ``name``, by their own name or by a synonym; empty where there is none.

        What is written exactly so counts first. A class's own name wins over another's synonym, unless only the synonym
        is written exactly so, as ``Cardigan``, the dog, beside ``cardigan``: then both are.
        """
        if exact := self._names.get(composed(name)):
            return exact
        exact = self._exact_synonyms.get(composed(name), ())
        return sorted({*self.named(name), *exact}) or self._synonyms.get(plain_name(name), ())

    @functools.cached_property
    def _names(self) -> Mapping[str, Sequence[int]]:
        return _table((composed(name), index) for index, name in enumerate(self.names))

    @functools.cached_property
    def _plain_names(self) -> Mapping[str, Sequence[int]]:
        return _table((plain_name(name), index) for index, name in enumerate(self.names))

    @functools.cached_property
    def _exact_synonyms(self) -> Mapping[str, Sequence[int]]:
        return _table((composed(other), index) for index, others in enumerate(self.synonyms) for other in others)

    @functools.cached_property
    def _synonyms(self) -> Mapping[str, Sequence[int]]:
        return _table((plain_name(other), index) for index, others in enumerate(self.synonyms) for other in others)

    def find(self, query: int | str) -> int:
        """The index of the class that ``query`` names: an index, its digits, a name, a synonym or a WordNet id.

        Raises:
            InputError: no such class, or several; offers the nearest names.
        """
        text = composed(str(query).strip())
        indices = self.called(text)
        if re.fullmatch("-?[0-9]+", text) and not indices:
            if len(text) <= MOST_DIGITS and 0 <= int(text) < len(self):
                return int(text)
            raise InputError(f"no class {text[:MOST_DIGITS]}", f"the classes are 0 to {len(self) - 1}")
        if not indices and (index := self.of_wordnet_id(text)) is not None:
            return index
        if not indices:
            hint = did_you_mean(text, {**self._plain_names, **self._synonyms}) or "a class name or its index"
            raise InputError(f"no class named {text!r}", hint)
        if len(indices) > 1:
            meant = " or ".join(f"{self.names[index]} ({index})" for index in indices)
            raise InputError(f"{len(indices)} classes are named {text!r}", meant)
        return indices[0]


@functools.cache
def imagenet_labels() -> Labels:
    """The 1,000 classes of ImageNet-1k (Russakovsky et al. 2015), named by their first WordNet lemma."""
    labels = imagenet_subset(1000)
    assert labels is not None
    names = tuple(_AMBIGUOUS.get(index, lemmas[0]) for index, lemmas in enumerate(labels.synonyms))
    return Labels(names=names, synonyms=labels.synonyms)


@functools.cache
def imagenet_subset(classes: int) -> Labels | None:
    """The classes of the part of ImageNet that has so many, as timm knows them; None where there is none.

    These are ImageNet-1k, 12k, 21k in two selections, and 22k in two orders.
    """
    import snellen._torchvision  # noqa: F401  # before timm

    from timm.data import ImageNetInfo, infer_imagenet_subset  # isort: skip

    subset = infer_imagenet_subset({"num_classes": classes})
    return None if subset is None else described_labels(ImageNetInfo(subset).label_names())


def described_labels(names: Sequence[str], descriptions: Sequence[str] | None = None) -> Labels:
    """Labels of classes that are named as data sets name them: by WordNet ids, or by all of their lemmas.

    The first lemma is the name; where two classes share it, what tells them apart stands behind it.

    Args:
        names: for each class a WordNet id, or lemmas between commas (``tench, Tinca tinca``), or just a name.
        descriptions: for each class its lemmas, where ``names`` are ids of another kind.
    """
    lemmas_of_id = _wordnet_lemmas()
    lemmas = [lemmas_of_id.get(one, one) for one in names] if descriptions is None else descriptions
    synonyms = [tuple(part for part in text.split(", ") if part) or (text,) for text in lemmas]
    shown_names = [each[0] for each in synonyms]
    own = [str(name if lemma != name else place) for place, (name, lemma) in enumerate(zip(names, lemmas, strict=True))]
    for number in range(1, 3):
        shared = Counter(name.casefold() for name in shown_names)
        for index, name in enumerate(shown_names):
            if shared[name.casefold()] > 1:
                more = synonyms[index][1:2] if number == 1 else (own[index],)
                shown_names[index] = f"{synonyms[index][0]} ({more[0]})" if more else name
    ids = [(one,) if one not in known else () for one, known in zip(names, synonyms, strict=True)]
    return Labels(tuple(shown_names), tuple((*known, *one) for known, one in zip(synonyms, ids, strict=True)))


@functools.cache
def _wordnet_lemmas() -> dict[str, str]:
    """The lemmas, between commas, of each WordNet id that timm knows."""
    import snellen._torchvision  # noqa: F401  # before timm

    from timm.data import ImageNetInfo  # isort: skip

    lemmas: dict[str, str] = ImageNetInfo("imagenet-22k").label_descriptions(as_dict=True)
    return _UNKNOWN_TO_TIMM | lemmas


def labels_for_people(names: Sequence[str]) -> Labels:
    """Labels of these names: of WordNet ids, where all are, what they stand for; names that people chose stay."""
    ids = all(_WORDNET_ID.fullmatch(name) for name in names)
    return described_labels(names) if ids else Labels(tuple(names))


def label_of_folder(labels: Labels, source: str) -> int | None:
    """The class of a photograph in a folder that is named as it: ``Space_shuttle`` or ``n04266014``; None elsewhere.

    A class's own name counts, in any case, with spaces or underscores, where no other class is then called so, or its
    WordNet id; another word for it does not: photographs lie in folders called ``site`` or ``web`` for other reasons.
    """
    folder = Path(source).parent.name
    if _WORDNET_ID.fullmatch(folder):
        return labels.of_wordnet_id(folder)
    named = labels.named(folder)
    return named[0] if len(named) == len(labels.called(folder)) == 1 else None


def wordnet_ids(labels: Labels) -> tuple[str, ...]:
    """The WordNet id of each class, where all classes have one; else empty."""
    found = {index: one for one, index in labels.wordnet_ids.items()}
    return tuple(found[index] for index in range(len(labels))) if len(found) == len(labels) else ()


def plain_name(name: str) -> str:
    """``name`` in small letters, with spaces for underscores, never two of them: what people leave open in writing."""
    return " ".join(composed(name).replace("_", " ").casefold().split())


def _table(pairs: Iterable[tuple[str, int]]) -> dict[str, list[int]]:
    """The classes of each name, each once, in their order."""
    found: dict[str, list[int]] = {}
    for name, index in pairs:
        indices = found.setdefault(name, [])
        if index not in indices:
            indices.append(index)
    return found


def numbered_labels(count: int) -> Labels:
    """Names for classes of which only the number is known: ``class 0``, ``class 1``, ..."""
    return Labels(names=tuple(f"class {index}" for index in range(count)))


def read_labels(path: Path) -> Labels:
    """Class names from a text file with one on each line, or a JSON list, in the order of the logits.

    WordNet ids, where all are, become the names that they stand for.

    Raises:
        InputError: no such file, not text, no list of texts, or two classes of one name.
    """
    accepted = f"a text file with a class on each line, a JSON list, {IMAGENET} or {NUMBERED}"
    text = read_text(path, accepted=accepted)
    if text.lstrip().startswith(("[", "{")):
        try:
            names = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}: its labels are not JSON", accepted) from error
    else:
        names = [line.strip() for line in text.splitlines() if line.strip()]
    return checked_labels(str(path), names)


def checked_labels(where: str, names: object) -> Labels:
    """``names`` as labels: a list of texts, each once.

    Raises:
        InputError: something else; ``where`` begins the message.
    """
    if not isinstance(names, list | tuple) or not all(isinstance(each, str) and each.strip() for each in names):
        raise InputError(f"{where}: its labels are not a list of texts", 'such as ["cat", "dog"]')
    if not 1 <= len(names) <= _MOST_CLASSES:
        raise InputError(f"{where}: {len(names):,} labels", f"1 to {_MOST_CLASSES:,}")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(f"{where}: two classes are named {shown(twice[0])}", "a name of its own for each")
    return labels_for_people(names)
