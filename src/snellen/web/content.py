"""What a tab of the page shows: progress while the work goes on, the result when it is done."""

from __future__ import annotations

import html
import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class StageProgress:
    """What is being done.

    Attributes:
        text: stage in a few words.
        done: number of steps done.
        total: number of all steps; 0 where nobody knows.
    """

    text: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class TabTable:
    """A table; columns whose cells are all numbers are aligned to the right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class TabResult:
    """A result.

    Attributes:
        headline: answer in one line.
        figures: PNG files.
        table: numbers of the answer.
        paragraphs: discussion.
        files: files that can be downloaded.
        document: web page in one file, shown as it is; None where there is none.
    """

    headline: str
    figures: Sequence[Path] = ()
    table: TabTable | None = None
    paragraphs: Sequence[str] = field(default=())
    files: Sequence[Path] = ()
    document: Path | None = None


Work = Generator[StageProgress | TabResult, None, None]
"""What is done for one visitor, step by step, the result last. Whoever stops asking stops the work."""


def status(text: str, done: int = 0, total: int = 0) -> str:
    """A line of text, with a bar where it is known how far the work is."""
    bar = f'<progress value="{done}" max="{total}"></progress>' if total else ""
    return f'<div class="snellen-status" role="status">{html.escape(text)}{bar}</div>'


CANCELLED = f'<div class="snellen-cancelled">{status("Cancelled.")}</div>'
"""The line of text that takes the place of work that was stopped."""


def without_backquotes(text: str) -> str:
    """What the library says, for a page: it names its parameters and functions in backquotes."""
    return re.sub("`(.*?)`", r"\1", text)


def details(result: TabResult) -> str:
    """The table and the discussion."""
    table = "" if result.table is None else _table(result.table)
    return table + "".join(f"<p>{html.escape(without_backquotes(text))}</p>" for text in result.paragraphs)


def frame(document: str) -> str:
    """A web page inside the page, without scripts and without access to it."""
    return f'<iframe class="snellen-report" title="the report" sandbox="" srcdoc="{html.escape(document)}"></iframe>'


def _table(table: TabTable) -> str:
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
