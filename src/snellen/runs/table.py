"""Tables as CSV, which a spreadsheet shows and does not compute: what stands in their cells is anybody's.

A cell that a spreadsheet would take for a formula is written with an apostrophe before it, as is one that begins with
apostrophes and goes on like a formula, so that :func:`read_csv` gives what was written. Numbers are left as they are,
as is ``-``, which stands for standard input.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from snellen.errors import InputError

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_MARK = "'"


def csv_text(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A CSV file of a head and its rows, whose lines end with a line feed; None is an empty cell."""
    return "".join(_line([_inert(cell) if isinstance(cell, str) else cell for cell in row]) for row in (head, *rows))


def read_csv(text: str) -> list[dict[str, str]]:
    """The rows of what :func:`csv_text` wrote, each by the names in the head.

    Raises:
        InputError: it is no table.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline=""), restval=""))
    except csv.Error as error:
        raise InputError(f"is no table: {error}", "CSV, with a head") from error
    # Cells beyond the head have no name.
    return [{_bare(name): _bare(cell) for name, cell in row.items() if isinstance(name, str)} for row in rows]


def _line(cells: Sequence[object]) -> str:
    text = io.StringIO()
    # The writer puts into quotes only those ends of lines that are its own: any, where they are both characters.
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().removesuffix("\r\n") + "\n"


def _inert(cell: str) -> str:
    return _MARK + cell if _is_formula(cell.lstrip(_MARK)) else cell


def _bare(cell: str) -> str:
    return cell[1:] if cell.startswith(_MARK) and _is_formula(cell.lstrip(_MARK)) else cell


def _is_formula(cell: str) -> bool:
    if cell == "-" or not cell.startswith(_FORMULA):
        return False
    try:
        float(cell)
    except ValueError:
        return True
    return False
