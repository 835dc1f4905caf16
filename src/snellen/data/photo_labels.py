"""What somebody says of photographs by their names: the class that each shows, who took it, where its object lies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import TypeVar

from snellen.data.datasets.tables import FILE_COLUMNS, LABEL_COLUMNS, image_key, read_table
from snellen.data.images import read_image
from snellen.data.labels import Labels, label_of_folder
from snellen.errors import InputError, shown, shown_names
from snellen.runs.text import composed, read_text

T = TypeVar("T")
Rectangle = tuple[int, int, int, int]
"""Left, top, right and bottom, in pixels of a photograph."""


def photo_labels(
    labels: Labels, sources: Sequence[str], said: Mapping[str, str | int] | str | Path | None = None
) -> list[int | None]:
    """The class of each photograph; None where nobody says.

    What ``said`` gives counts first, then the folder (see :func:`snellen.data.labels.label_of_folder`).

    Args:
        labels: the classifier's classes.
        sources: paths of the photographs.
        said: class of photographs by their path, by as much of its end as tells them apart, or by its name without its
            ending; or a .csv, .tsv or .jsonl file that says the same, and may speak of other photographs too.

    Raises:
        InputError: no such class; a name that fits several photographs, or none; a file none of whose names fits one;
            no such file.
    """
    table = isinstance(said, str | Path)
    given = read_photo_labels(said) if isinstance(said, str | Path) else dict(said or {})
    found: list[int | None] = [label_of_folder(labels, source) for source in sources]
    by: dict[int, tuple[str, int | None]] = {}
    for name, fitting in _fitting("labels", given, sources):
        if not fitting and not table:
            raise _nobody("labels", name, sources)
        index = _class_of(labels, name, given[name]) if fitting else None
        for number in fitting:
            if by.setdefault(number, (name, index))[1] != index:
                raise InputError(
                    f"labels: {by[number][0]!r} and {name!r} name {sources[number]} differently", "one class"
                )
            found[number] = index
    if table and not by:
        raise InputError(f"{said}: names none of the photographs", ", ".join(map(_short, sources[:8])))
    return found


def photo_credits(sources: Sequence[str], said: Mapping[str, str]) -> list[str]:
    """Who took each photograph, and under what terms it is shown; empty where nobody says.

    Args:
        sources: paths of the photographs.
        said: as a text, by a photograph's path, as much of its end as tells it apart, or its name without its ending.

    Raises:
        InputError: a name that fits several photographs, or none, or two that fit one.
    """
    found = _said_of("credits", said, sources, "one text")
    return [found.get(number, "") for number in range(len(sources))]


def photo_objects(sources: Sequence[str], said: Mapping[str, Sequence[int]]) -> list[Sequence[int] | None]:
    """Where the object of each photograph lies; None where nobody says.

    Args:
        sources: paths of the photographs.
        said: the edges of a rectangle, by a photograph's path, as much of its end as tells it apart, or its name
            without its ending; :func:`rectangle_of` checks them.

    Raises:
        InputError: a name that fits several photographs, or none, or two that fit one.
    """
    found = _said_of("objects", said, sources, "one rectangle")
    return [found.get(number) for number in range(len(sources))]


def rectangle_of(source: str, edges: Sequence[int]) -> Rectangle:
    """The rectangle of a photograph with these edges: left, top, right and bottom, in its own pixels.

    Raises:
        ImageError: the photograph cannot be read.
        InputError: other than four edges, or none of a rectangle within the photograph.
    """
    width, height = read_image(Path(source)).size
    if len(edges) == 4:
        left, top, right, bottom = edges
        if 0 <= left < right <= width and 0 <= top < bottom <= height:
            return left, top, right, bottom
    raise InputError(
        f"objects: {_short(source)!r} is {shown(list(edges))}",
        f"[left, top, right, bottom] in whole pixels of its {width} x {height}",
    )


def _said_of(key: str, said: Mapping[str, T], sources: Sequence[str], accepted: str) -> dict[int, T]:
    """What is said of photographs by their names, by their place among ``sources``.

    Raises:
        InputError: a name that fits several photographs, or none, or two that fit one, where ``accepted`` is.
    """
    found: dict[int, T] = {}
    for name, fitting in _fitting(key, said, sources):
        if not fitting:
            raise _nobody(key, name, sources)
        if any(number in found for number in fitting):
            raise InputError(f"{key}: {name!r} and another name {sources[fitting[0]]}", f"{accepted} for each")
        found |= dict.fromkeys(fitting, said[name])
    return found


def _fitting(key: str, names: Iterable[str], sources: Sequence[str]) -> Iterator[tuple[str, list[int]]]:
    """Each name with the places of the photograph that it fits, which may have several; empty where it fits none.

    Raises:
        InputError: a name that fits several photographs; ``key`` begins the message.
    """
    spelled = [composed(source) for source in sources]
    ends = _by_last_part(spelled)

    def fits(plain: str) -> list[int]:
        return [number for number in ends.get(PurePath(plain).name, ()) if _names(plain, spelled[number])]

    for name in names:
        # A file's own name may hold a backslash; else it is Windows' way to write a path.
        fitting = fits(composed(name)) or fits(image_key(name))
        if len({sources[number] for number in fitting}) > 1:
            several = ", ".join(sources[number] for number in fitting[:4])
            raise InputError(f"{key}: {name!r} names {len(fitting)} photographs", f"more of its path: {several}")
        yield name, fitting


def _nobody(key: str, name: str, sources: Sequence[str]) -> InputError:
    return InputError(f"{key}: no photograph is called {name!r}", ", ".join(map(_short, sources[:8])))


def _class_of(labels: Labels, name: str, label: str | int) -> int:
    try:
        return labels.find(label)
    except InputError as error:
        raise InputError(f"labels: {name}: {error.message}", error.hint) from error


def _by_last_part(sources: Sequence[str]) -> dict[str, list[int]]:
    """The photographs by their file's name, with and without its ending."""
    found: dict[str, list[int]] = {}
    for number, source in enumerate(sources):
        path = PurePath(source)
        for name in {path.name, path.stem}:
            found.setdefault(name, []).append(number)
    return found


def read_photo_labels(path: str | Path) -> dict[str, str]:
    """What a table says of photographs: the label of each by its name.

    Raises:
        InputError: no such file, none in UTF-8, or no table with a column of names and one of labels.
    """
    path = Path(path)
    table = read_table(str(path), read_text(path))
    lowered = {column.lower(): column for column in reversed(table.columns)}
    names, classes = (
        next((lowered[c] for c in known if c in lowered), None) for known in (FILE_COLUMNS, LABEL_COLUMNS)
    )
    if names is None or classes is None:
        raise InputError(f"{path}: its columns are {shown_names(table.columns)}", "file_name and label")
    found: dict[str, str] = {}
    for name, label in zip(table.column(names), table.column(classes), strict=True):
        if label and found.setdefault(name, label) != label:
            raise InputError(f"{path}: {name!r} is {found[name]!r} and {label!r}", "one class for each photograph")
    return found


def _names(name: str, source: str) -> bool:
    """Whether ``name`` is the end of a path, with or without the file's ending."""
    wanted, path = PurePath(name).parts, PurePath(source)
    count = len(wanted)
    return bool(count) and wanted in (path.parts[-count:], path.with_suffix("").parts[-count:])


def _short(source: str) -> str:
    return PurePath(source).name
