"""Class names as people write them, found by index or by name."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from snellen.errors import InputError, did_you_mean

# ImageNet-1k gives these names to two classes each, but for their case.
_AMBIGUOUS = {
    134: "crane (bird)",
    517: "crane (machine)",
    264: "Cardigan (corgi)",
    638: "maillot (tights)",
    639: "maillot (tank suit)",
}


@dataclass(frozen=True)
class Labels(Sequence[str]):
    """The names of a classifier's classes, in the order of its logits.

    Attributes:
        names: one distinct name for each class.
        synonyms: further names of each class, in the same order; empty where there are none.
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
    def plain_names(self) -> Mapping[str, int]:
        """The class of each name in small letters, with spaces for underscores; not of what two are then called."""
        plain = [_plain(name) for name in self.names]
        counts = Counter(plain)
        return {name: index for index, name in enumerate(plain) if counts[name] == 1}

    @functools.cached_property
    def wordnet_ids(self) -> Mapping[str, int]:
        """The class of each WordNet id among the names and synonyms."""
        return {name: index for name, (index, *_) in self._by_name.items() if re.fullmatch(r"n\d{8}", name)}

    @functools.cached_property
    def _by_name(self) -> dict[str, list[int]]:
        table: dict[str, list[int]] = {}
        for index, others in enumerate(self.synonyms):
            for other in others:
                table.setdefault(other.casefold(), []).append(index)
        # A class's own name wins over another class's synonym.
        return table | {name.casefold(): [index] for index, name in enumerate(self.names)}

    def find(self, query: int | str) -> int:
        """The index of the class that ``query`` names: an index, its digits, a name or a synonym.

        Raises:
            InputError: no such class, or several; offers the nearest names.
        """
        text = str(query).strip()
        if re.fullmatch("-?[0-9]+", text) and text.casefold() not in self._by_name:
            if 0 <= int(text) < len(self):
                return int(text)
            raise InputError(f"no class {text}", f"the classes are 0 to {len(self) - 1}")
        indices = self._by_name.get(text.casefold()) or self._by_name.get(_plain(text))
        if indices is None:
            hint = did_you_mean(text, self._by_name) or "a class name or its index"
            raise InputError(f"no class named {text!r}", hint)
        if len(indices) > 1:
            meant = " or ".join(f"{self.names[index]} ({index})" for index in indices)
            raise InputError(f"{len(indices)} classes are named {text!r}", meant)
        return indices[0]


@functools.cache
def imagenet_labels() -> Labels:
    """The 1,000 classes of ImageNet-1k (Russakovsky et al. 2015), named by their first WordNet lemma.

    Their other lemmas and their WordNet ids, such as ``n04266014``, name them too.
    """
    import snellen._torchvision  # noqa: F401  # before timm

    from timm.data import ImageNetInfo  # isort: skip

    info = ImageNetInfo("imagenet-1k")
    lemmas = [tuple(info.index_to_description(index).split(", ")) for index in range(1000)]
    names = tuple(_AMBIGUOUS.get(index, lemma[0]) for index, lemma in enumerate(lemmas))
    ids = info.label_names()
    return Labels(names=names, synonyms=tuple((*lemma, wnid) for lemma, wnid in zip(lemmas, ids, strict=True)))


def label_of_folder(labels: Labels, source: str) -> int | None:
    """The class of a photograph in a folder that is named as it: ``Space_shuttle`` or ``n04266014``; None elsewhere.

    A class's own name counts, in any case, with spaces or underscores, or its WordNet id; another word for it does not:
    photographs lie in folders called ``site`` or ``web`` for other reasons.
    """
    folder = Path(source).parent.name
    if re.fullmatch(r"n\d{8}", folder):
        return labels.wordnet_ids.get(folder)
    return labels.plain_names.get(_plain(folder))


def _plain(name: str) -> str:
    return name.replace("_", " ").casefold()


def numbered_labels(count: int) -> Labels:
    """Names for classes of which only the number is known: ``class 0``, ``class 1``, ..."""
    return Labels(names=tuple(f"class {index}" for index in range(count)))
