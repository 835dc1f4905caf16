"""Labels in a table beside the images: ``metadata.csv`` or ``.jsonl``, as the hub has it, or one CSV of ids and labels.

A row names its image by path, by name, or by name without its ending. Images without a row, and rows without an image,
are counted and said. An image may have several rows, but one label and one split.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from snellen.data.datasets.base import TRAIN_NAMES, UNLABELLED, ImageSet, Targets
from snellen.data.datasets.files import Files, fingerprint_of
from snellen.data.datasets.folder import class_folders, images_of, listed, split_folders
from snellen.data.datasets.tree import Tree
from snellen.data.images import is_image_name
from snellen.data.labels import MOST_DIGITS, Labels
from snellen.errors import InputError, shown_names
from snellen.runs.text import composed

METADATA = ("metadata.csv", "metadata.jsonl")
ENDINGS = (".csv", ".tsv", ".jsonl")
LABEL_COLUMNS = ("label", "labels", "fine_label", "class", "class_name", "category", "target", "breed", "species")
"""Names that a column of labels goes by, where nobody says which it is; the first that is there."""
FILE_COLUMNS = ("file_name", "filename", "image_id", "image", "id", "file", "path", "name")
"""Names that a column of images goes by."""
SEPARATORS = "\t;,"
"""What may stand between the cells of a line: a tab, a semicolon as where the comma is a decimal point, or a comma."""
_SPLIT_COLUMN = "split"
_MOST_CELL = 1 << 20


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes:
        name: what messages call it.
        columns: names of its columns.
        rows: the cells of each row, as many as there are columns.
    """

    name: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def column(self, name: str) -> list[str]:
        """The cells of one column.

        Raises:
            InputError: no such column.
        """
        if name not in self.columns:
            raise InputError(f"{self.name}: no column {name!r}", f"its columns are {shown_names(self.columns)}")
        index = self.columns.index(name)
        return [row[index] for row in self.rows]


def read_table(name: str, text: str) -> Table:
    """The table in the text of a .csv, .tsv or .jsonl file.

    Raises:
        InputError: not such a table; names the line.
    """
    return _read_json_lines(name, text) if name.lower().endswith(".jsonl") else _read_csv(name, text)


def rows_of(name: str, text: str, separator: str) -> list[list[str]]:
    """The cells of each line of a CSV that is not empty.

    Raises:
        InputError: not such a table; names the line.
    """
    # Quoted cells may be long; the reader's own bound would fall in a traceback.
    csv.field_size_limit(_MOST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        return [[cell.strip() for cell in line] for line in reader if line]
    except csv.Error as error:
        raise InputError(f"{name}, line {reader.line_num}: {error}", "a table of text") from error


def _read_csv(name: str, text: str) -> Table:
    first = text.partition("\n")[0]
    lines = rows_of(name, text, max(SEPARATORS, key=first.count))
    if not lines:
        raise InputError(f"{name}: empty", "a line of column names, and one for each image")
    columns = tuple(lines[0])
    for number, line in enumerate(lines[1:], 2):
        if len(line) != len(columns):
            raise InputError(f"{name}, row {number}: {len(line)} cells, of {len(columns)} columns")
    return Table(name, columns, [tuple(line) for line in lines[1:]])


def _read_json_lines(name: str, text: str) -> Table:
    objects: list[Mapping[str, object]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise InputError(f"{name}, line {number}: not JSON: {error}", "an object on each line") from error
            if not isinstance(value, dict):
                raise InputError(f"{name}, line {number}: not an object", '{"file_name": "a.jpg", "label": "cat"}')
            objects.append(value)
    columns = tuple(dict.fromkeys(key for one in objects for key in one))
    return Table(name, columns, [tuple(_cell(one.get(column)) for column in columns) for one in objects])


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def tables_of(tree: Tree) -> dict[str, list[str]]:
    """Paths of the tables that label a tree's images, by the folder that they count for: ``""`` for all of it.

    ``metadata`` files count where they lie, at the root or in a split's folder. Without one, all tables at the root.
    """
    splits = split_folders(tree.top_folders()).values()
    found: dict[str, list[str]] = {}
    for folder in ("", *splits):
        for name in METADATA:
            path = f"{folder}/{name}" if folder else name
            if path in tree.files:
                found[folder] = [path]
    others = [path for path in tree.top_files() if path.lower().endswith(ENDINGS)]
    return found or ({"": others} if others else {})


def from_tables(tree: Tree, tables: Mapping[str, Sequence[str]], label: str | None = None) -> ImageSet | None:
    """The data set whose tables tell the labels; None where no table names an image.

    Args:
        tree: images and tables.
        tables: what :func:`tables_of` found.
        label: the column of labels; None takes the one that goes by such a name, or is the only one.

    Raises:
        InputError: no such column; several, and none obvious, or one that is called otherwise beside class folders;
            several tables that name images; one without a line of column names.
    """
    images = images_of(tree)
    named = {
        folder: [match for path in paths if (match := _match(tree, folder, path, images)) is not None]
        for folder, paths in tables.items()
    }
    named = {folder: matches for folder, matches in named.items() if matches}
    if not named:
        return None
    chosen = [_one(tree, matches, label) for matches in named.values()]
    columns = tuple(dict.fromkeys(column for match in chosen for column in match.table.columns))
    column = _label_column(tree, chosen, label)
    by_path: dict[str, tuple[str, ...]] = {}
    for match in chosen:
        order = [match.table.columns.index(c) if c in match.table.columns else None for c in columns]
        for path, row in match.rows:
            cells = tuple("" if index is None else row[index] for index in order)
            by_path[path] = _one_row(match.table.name, path, columns, column, by_path.get(path), cells)
    return _set(tree, images, by_path, columns, column, label, chosen)


def _one_row(
    table: str, path: str, columns: tuple[str, ...], label: str, before: tuple[str, ...] | None, now: tuple[str, ...]
) -> tuple[str, ...]:
    """What the rows of an image say together: each cell of the first that has it.

    Raises:
        InputError: they say two labels, or two splits.
    """
    for column, one, other in zip(columns, before or now, now, strict=True):
        if (column == label or column.lower() == _SPLIT_COLUMN) and one and other and one != other:
            raise InputError(f"{table}: {path!r} is {one!r} and {other!r} in the column {column}", "one for each image")
    return tuple(one or other for one, other in zip(before or now, now, strict=True))


@dataclass(frozen=True)
class _Match:
    """A table, the column that names images, each image that it names with the row, and how many name several."""

    table: Table
    file_column: str
    rows: Sequence[tuple[str, tuple[str, ...]]]
    several: int

    @property
    def images(self) -> int:
        """Number of images that it names."""
        return len({path for path, _ in self.rows})


def _match(tree: Tree, folder: str, path: str, images: Sequence[str]) -> _Match | None:
    """The column of a table that names most images, and the rows that do.

    Raises:
        InputError: no such table, or its first line names an image and so is no head.
    """
    table = read_table(f"{tree.name}/{path}", tree.read_text(path))
    here = [image for image in images if image.startswith(f"{folder}/")] if folder else images
    lookup = _lookup(here, folder)
    best: _Match | None = None
    order = sorted(range(len(table.columns)), key=lambda at: FILE_COLUMNS.index(table.columns[at].lower())
                   if table.columns[at].lower() in FILE_COLUMNS else len(FILE_COLUMNS))  # fmt: skip
    for index in order:
        keys = [image_key(row[index]) for row in table.rows]
        rows = [(image, row) for key, row in zip(keys, table.rows, strict=True) if (image := lookup.get(key))]
        several = sum(key in lookup and lookup[key] is None for key in keys)
        match = _Match(table, table.columns[index], rows, several)
        if match.images > (0 if best is None else best.images):
            best = match
    heads = [best.file_column] if best is not None else [] if table.rows else table.columns
    # A column may be called as an image is without its ending; beside one of the known names it is a column.
    known = {one.lower() for one in table.columns} & {*FILE_COLUMNS, *LABEL_COLUMNS, _SPLIT_COLUMN}
    no_head = [one for one in heads if image_key(one) in lookup and (is_image_name(one) or not known)]
    if no_head:
        raise InputError(
            f"{table.name}: its first line names the image {no_head[0]}, not the columns",
            "a line of column names before it, such as file_name,label",
        )
    return best


def _lookup(images: Iterable[str], folder: str) -> dict[str, str | None]:
    """Images by what a table may call them; None for what would name two of them."""
    found: dict[str, str | None] = {}
    for image in images:
        path = PurePosixPath(image)
        inside = path.relative_to(folder) if folder else path
        for name in map(composed, {str(inside), str(inside.with_suffix("")), path.name, path.stem}):
            found[name] = image if found.get(name, image) == image else None
    return found


def image_key(cell: str) -> str:
    """How a table's cell names an image: as a path with ``/``, also where Windows wrote it."""
    return composed(cell.replace("\\", "/").removeprefix("./"))


def _one(tree: Tree, matches: Sequence[_Match], label: str | None) -> _Match:
    """The one table that can be meant: ``sample_submission.csv`` names images too, and its labels are made up."""
    able = [match for match in matches if "sample" not in PurePosixPath(match.table.name).name.lower()] or matches
    if label is not None:
        able = [match for match in able if label in match.table.columns] or able
    if len(able) > 1:
        names = ", ".join(PurePosixPath(match.table.name).name for match in able)
        raise InputError(f"{tree.name}: {len(able)} tables name its images: {names}", "one of them, or metadata.csv")
    return able[0]


def _label_column(tree: Tree, matches: Sequence[_Match], label: str | None) -> str:
    """The column of labels: that which was asked for, or goes by such a name, or is the only one.

    Raises:
        InputError: no such column; several, and none obvious; or one that is called otherwise, beside class folders.
    """
    if label is not None:
        for match in matches:
            match.table.column(label)
        return label
    match = matches[0]
    others = [c for c in match.table.columns if c != match.file_column and c.lower() != _SPLIT_COLUMN]
    named = [column for wanted in LABEL_COLUMNS for column in others if column.lower() == wanted]
    if named:
        return named[0]
    have = ", ".join(others) or "none but that of the images"
    if others and (folders := class_folders(tree)):
        raise InputError(
            f"{tree.name}: are its classes the folders {listed(folders)}, or a column of {match.table.name}: {have}?",
            "name the column by `label`, or take the table out of the folder",
        )
    if len(others) == 1:
        return others[0]
    raise InputError(f"{tree.name}: which column is the label? {match.table.name} has {have}", "name it by `label`")


def _set(
    tree: Tree, images: Sequence[str], by_path: Mapping[str, tuple[str, ...]], columns: tuple[str, ...], column: str,
    asked: str | None, matches: Sequence[_Match],
) -> ImageSet:  # fmt: skip
    at = columns.index(column)
    names, targets = text_labels([by_path[path][at] if path in by_path else "" for path in images])
    cells = {c: [by_path[path][i] if path in by_path else "" for path in images] for i, c in enumerate(columns)}
    kept = _splits(tree, images, cells)
    splits = {split: _part(tree, images, targets, cells, keep) for split, keep in kept.items()}
    note = [f"The labels are the column {column} of {listed([PurePosixPath(m.table.name).name for m in matches])}."]
    several = sum(match.several for match in matches)
    without = sum(len(match.table.rows) - len(match.rows) for match in matches) - several
    if without:
        note.append(f"{without:,} of its rows name no image that is there.")
    if several:
        note.append(f"{several:,} of its rows may name several images, and count for none.")
    said = str((column, targets.tolist(), names, kept))
    return ImageSet(
        tree.name, Labels(names), splits, fingerprint_of(tree, images, said), " ".join(note), columns, asked
    )


def _splits(tree: Tree, images: Sequence[str], cells: Mapping[str, Sequence[str]]) -> dict[str, list[int]]:
    """The numbers of each split's images: by the folders that are named as splits, or a column of that name."""
    by_folder = split_folders(tree.top_folders())
    by_column = next((values for name, values in cells.items() if name.lower() == _SPLIT_COLUMN), None)
    found: dict[str, list[int]] = {}
    for number, path in enumerate(images):
        top = path.partition("/")[0]
        split = next((split for split, folder in by_folder.items() if folder == top), "all")
        if by_column is not None and by_column[number]:
            split = by_column[number].lower()
        found.setdefault(split, []).append(number)
    return {split: found[split] for split in sorted(found, key=lambda split: (split not in TRAIN_NAMES, split))}


def _part(
    tree: Tree, images: Sequence[str], targets: Targets, cells: Mapping[str, Sequence[str]], keep: Sequence[int]
) -> Files:
    return Files(
        tree,
        [images[number] for number in keep],
        targets[keep],
        {column: [values[number] for number in keep] for column, values in cells.items()},
    )


def text_labels(values: Sequence[str | None]) -> tuple[tuple[str, ...], Targets]:
    """The classes that texts name, sorted, whole numbers by their size, and the class of each text (N,).

    What has more than :data:`snellen.data.labels.MOST_DIGITS` digits is no number.

    No text, an empty one and ``-1``, with which the hub hides labels, are no class.
    """
    spelled = {value for value in values if value not in (None, "", "-1")}
    numeric = all(re.fullmatch(rf"\d{{1,{MOST_DIGITS}}}", value) for value in spelled if value is not None)
    names = tuple(sorted((v for v in spelled if v is not None), key=lambda v: (int(v), v) if numeric else (0, v)))
    index = {name: number for number, name in enumerate(names)}
    targets = np.array([index.get(value, UNLABELLED) if value else UNLABELLED for value in values], dtype=np.int64)
    return names, targets
