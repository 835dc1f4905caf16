"""Oxford-IIIT Pet (Parkhi et al. 2012) as its makers publish it: the folders ``images`` and ``annotations``.

``annotations/trainval.txt`` and ``test.txt`` list an image a line: its name, the breed's number from 1, the species,
the number within the species. Lines that begin with # say so. A breed is named as in the names of its files,
``Abyssinian_201.jpg``, and so does the hub's copy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from snellen.data.datasets.base import ImageSet, Rows, known_targets
from snellen.data.datasets.files import Files, fingerprint_of
from snellen.data.datasets.folder import images_of
from snellen.data.datasets.tree import Tree
from snellen.data.images import is_image_name
from snellen.data.labels import MOST_DIGITS, Labels
from snellen.errors import InputError

_BREEDS = """
abyssinian american_bulldog american_pit_bull_terrier basset_hound beagle bengal birman bombay boxer
british_shorthair chihuahua egyptian_mau english_cocker_spaniel english_setter german_shorthaired great_pyrenees
havanese japanese_chin keeshond leonberger maine_coon miniature_pinscher newfoundland persian pomeranian pug ragdoll
russian_blue saint_bernard samoyed scottish_terrier shiba_inu siamese sphynx staffordshire_bull_terrier
wheaten_terrier yorkshire_terrier
"""
PETS = frozenset(_BREEDS.split())
"""The 37 breeds."""
CLASS_OF_IMAGENET: Mapping[str, str | None] = {
    "egyptian_mau": None,
    "german_shorthaired": "German short-haired pointer",
    "japanese_chin": "Japanese spaniel",
    "leonberger": "Leonberg",
    "persian": "Persian cat",
    "wheaten_terrier": "soft-coated wheaten terrier",
}
"""ImageNet's name of a breed that it calls otherwise; None where its class (Egyptian cat) may be another breed."""
_LISTS = {"trainval": "trainval.txt", "test": "test.txt"}
_ALL = "list.txt"
_NAME = re.compile(r"(.+)_\d+")


@dataclass(frozen=True)
class _Listed:
    """A line of a list: an image's name without its ending, and the number of its breed."""

    name: str
    breed: int


def is_pets(labels: Iterable[str]) -> bool:
    """Whether all classes are breeds of Oxford-IIIT Pet."""
    return all(label.lower().replace(" ", "_") in PETS for label in labels)


def species_of(breed: str) -> str:
    """``cat`` or ``dog``: the data set writes the names of cats, and no others, with a capital letter (its README)."""
    return "cat" if breed[:1].isupper() else "dog"


def has_lists(annotations: Tree) -> bool:
    """Whether a tree holds the lists of the data set."""
    return _ALL in annotations.files or all(name in annotations.files for name in _LISTS.values())


def named_as_pets(tree: Tree) -> bool:
    """Whether all images of a tree lie flat and are named as the data set names them, of two breeds or more."""
    breeds = set()
    for path in tree.files:
        if is_image_name(path):
            breed = _breed_of(path).lower()
            if "/" in path or breed not in PETS:
                return False
            breeds.add(breed)
    return len(breeds) > 1


def from_lists(name: str, images: Tree, annotations: Tree) -> ImageSet:
    """The data set of the two folders, with the split that its lists make.

    Raises:
        InputError: a line of a list that is none, one number for two breeds, or none of the listed images is there.
    """
    lists = {split: _read_list(annotations, file) for split, file in _LISTS.items() if file in annotations.files}
    note = []
    if len(lists) < len(_LISTS):
        lists = {"all": [one for file in (*_LISTS.values(), _ALL) for one in _read_list(annotations, file)]}
        note.append("Its lists of the official split are not both there.")
    breeds = _breeds(name, lists.values())
    numbers = sorted(breeds)
    there = {path.rpartition(".")[0]: path for path in images_of(images)}
    splits: dict[str, Rows] = {}
    missing: list[str] = []
    for split, listed in lists.items():
        by_name = {one.name: numbers.index(one.breed) for one in listed}
        missing += [one for one in by_name if one not in there]
        # In the order of the files, which is the order in which an archive is read.
        found = [stem for stem in there if stem in by_name]
        labels = np.array([by_name[stem] for stem in found], dtype=np.int64)
        splits[split] = Files(images, [there[stem] for stem in found], labels)
    if missing:
        note.append(f"{len(missing):,} images that its lists name are not there, such as {missing[0]}.")
    if not any(len(rows) for rows in splits.values()):
        raise InputError(f"{name}: none of the images that its lists name is there", "images/Abyssinian_1.jpg ...")
    # As lists: of long arrays, a text shows the ends only.
    said = str([(split, rows.names(), known_targets(rows).tolist()) for split, rows in splits.items()])
    paths = [path for rows in splits.values() for path in rows.names()]
    names = Labels(tuple(breeds[number] for number in numbers))
    return ImageSet(name, names, splits, fingerprint_of(images, paths, said), " ".join(note))


def from_names(tree: Tree) -> ImageSet:
    """The images alone, whose names tell the breed; they do not tell the official split."""
    images = images_of(tree)
    spelled = sorted({_breed_of(path) for path in images}, key=str.lower)
    labels = np.array([spelled.index(_breed_of(path)) for path in images], dtype=np.int64)
    note = (
        "Each image's class is the breed in its file's name. The annotations, which tell the official split, are not "
        "there."
    )
    rows = Files(tree, images, labels)
    return ImageSet(tree.name, Labels(tuple(spelled)), {"all": rows}, fingerprint_of(tree, images, "names"), note)


def _breed_of(name: str) -> str:
    """``Abyssinian`` of ``Abyssinian_201.jpg``; empty where the name is none of the data set's."""
    match = _NAME.fullmatch(name.rpartition(".")[0] or name)
    return match[1] if match else ""


def _read_list(annotations: Tree, file: str) -> list[_Listed]:
    if file not in annotations.files:
        return []
    listed = []
    for number, line in enumerate(annotations.read_text(file).splitlines(), 1):
        if line.startswith("#") or not line.strip():
            continue
        cells = line.split()
        if len(cells) < 2 or not cells[1].isdecimal() or len(cells[1]) > MOST_DIGITS or not _breed_of(cells[0]):
            raise InputError(f"{annotations.name}/{file}, line {number}: {line[:80]!r}", "Abyssinian_201 1 1 1")
        listed.append(_Listed(cells[0], int(cells[1])))
    return listed


def _breeds(name: str, lists: Iterable[Sequence[_Listed]]) -> Mapping[int, str]:
    """The breed of each number."""
    breeds: dict[int, str] = {}
    for one in (one for listed in lists for one in listed):
        spelled = _breed_of(one.name)
        if breeds.setdefault(one.breed, spelled) != spelled:
            raise InputError(f"{name}: its lists give the number {one.breed} to {breeds[one.breed]} and {spelled}")
    if not breeds:
        raise InputError(f"{name}: its lists are empty", "trainval.txt and test.txt as published")
    return breeds
