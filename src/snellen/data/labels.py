"""Class names as people write them, found by index or by name."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
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
        indices = self._by_name.get(text.casefold())
        if indices is None:
            hint = did_you_mean(text, self._by_name) or "a class name or its index"
            raise InputError(f"no class named {text!r}", hint)
        if len(indices) > 1:
            meant = " or ".join(f"{self.names[index]} ({index})" for index in indices)
            raise InputError(f"{len(indices)} classes are named {text!r}", meant)
        return indices[0]


@functools.cache
def imagenet_labels() -> Labels:
    """The 1,000 classes of ImageNet-1k (Russakovsky et al. 2015), named by their first WordNet lemma."""
    import snellen._torchvision  # noqa: F401  # before timm

    from timm.data import ImageNetInfo  # isort: skip

    info = ImageNetInfo("imagenet-1k")
    lemmas = [tuple(info.index_to_description(index).split(", ")) for index in range(1000)]
    names = tuple(_AMBIGUOUS.get(index, lemma[0]) for index, lemma in enumerate(lemmas))
    return Labels(names=names, synonyms=tuple(lemmas))


def label_of_folder(labels: Labels, source: str) -> int | None:
    """The class of a photograph in a folder named by an ImageNet WordNet id, as ``n02085620/dog.jpg``; else None."""
    folder = Path(source).parent.name
    return _wordnet_ids().get(folder) if labels == imagenet_labels() else None


def wordnet_ids(labels: Labels) -> tuple[str, ...]:
    """The WordNet id of each class, where the classes are ImageNet's; else empty."""
    return tuple(_wordnet_ids()) if labels == imagenet_labels() else ()


@functools.cache
def _wordnet_ids() -> dict[str, int]:
    from timm.data import ImageNetInfo

    return {name: index for index, name in enumerate(ImageNetInfo("imagenet-1k").label_names())}


def numbered_labels(count: int) -> Labels:
    """Names for classes of which only the number is known: ``class 0``, ``class 1``, ..."""
    return Labels(names=tuple(f"class {index}" for index in range(count)))
