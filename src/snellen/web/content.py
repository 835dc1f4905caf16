"""What a tab of the page shows: while the work goes on, and when it is done."""

from __future__ import annotations

import html
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class StageProgress:
    """What is being done.

    Attributes:
        text: in a few words.
        done, of: how far; ``of`` is 0 where nobody knows.
    """

    text: str
    done: int = 0
    of: int = 0


@dataclass(frozen=True)
class Table:
    """A table; columns whose cells are all numbers are aligned to the right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class TabResult:
    """A result.

    Attributes:
        headline: the answer in one line.
        figures: PNG files.
        table: the numbers.
        paragraphs: the discussion.
        files: what can be downloaded.
        document: a web page in one file, shown as it is; None where there is none.
    """

    headline: str
    figures: Sequence[Path] = ()
    table: Table | None = None
    paragraphs: Sequence[str] = field(default=())
    files: Sequence[Path] = ()
    document: Path | None = None


Work = Generator[StageProgress | TabResult, None, None]
"""What is done for one visitor, step by step, the result last. Whoever stops asking stops the work."""


def status(text: str, done: int = 0, of: int = 0) -> str:
    """A line of text, with a bar where it is known how far the work is."""
    bar = f'<progress value="{done}" max="{of}"></progress>' if of else ""
    return f'<div class="snellen-status" role="status">{html.escape(text)}{bar}</div>'


CANCELLED = f'<div class="snellen-cancelled">{status("Cancelled.")}</div>'
"""The line of text that takes the place of work that was stopped."""


def details(shown: TabResult) -> str:
    """The table and the discussion."""
    table = "" if shown.table is None else _table(shown.table)
    return table + "".join(f"<p>{html.escape(text)}</p>" for text in shown.paragraphs)


def frame(document: str) -> str:
    """A web page inside the page, without scripts and without access to it."""
    return f'<iframe class="snellen-report" title="the report" sandbox="" srcdoc="{html.escape(document)}"></iframe>'


def _table(table: Table) -> str:
    numeric = [all(_is_number(row[column]) for row in table.rows) for column in range(len(table.columns))]

    def row(cells: Sequence[str], tag: str) -> str:
        written = (
            f"<{tag}{' class=number' if right else ''}>{html.escape(cell)}</{tag}>"
            for cell, right in zip(cells, numeric, strict=True)
        )
        return f"<tr>{''.join(written)}</tr>"

    head, body = row(table.columns, "th"), "".join(row(cells, "td") for cells in table.rows)
    return f'<table class="snellen-table"><thead>{head}</thead><tbody>{body}</tbody></table>'


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "").removesuffix("/255") or 0)
    except ValueError:
        return False
    return True
