"""How commands talk: results on standard output, everything else on standard error."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Protocol

import typer
from rich.console import Console

from snellen.errors import InputError

# Piped tables are not folded: their lines are for other programs.
_WIDE = 10_000
stdout = Console(highlight=False, emoji=False, width=None if sys.stdout and sys.stdout.isatty() else _WIDE)
stderr = Console(stderr=True, highlight=False, emoji=False)


class Advance(Protocol):
    """Tells a progress bar that ``count`` more are done."""

    def __call__(self, count: int = 1, /) -> None:
        """Advance the bar."""


@contextlib.contextmanager
def progress(description: str, total: int | None) -> Iterator[Advance]:
    """A progress bar with count, rate and time left; gives the function that advances it, by one if not told.

    Nothing is shown where standard error is not a terminal.
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text("" if task.speed is None else f"{task.speed:.3g}/s")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal) as bar:
        task = bar.add_task(description, total=total)
        yield lambda count=1: bar.advance(task, count)


def complain(message: str) -> None:
    """One line about one bad input; the command goes on."""
    stderr.print(f"snellen: {printable(message)}", style="red", markup=False, soft_wrap=True)


def printable(text: str) -> str:
    """``text`` on one line, its control characters escaped: file names can hold any."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def exclusive(*flags: tuple[str, bool]) -> None:
    """Refuse more than one of several flags.

    Raises:
        InputError: names those that were given.
    """
    given = [name for name, value in flags if value]
    if len(given) > 1:
        raise InputError(f"{' and '.join(given)} cannot go together", "one of them")


def finish(failures: int) -> None:
    """End a batch: status 2 where some of its inputs were bad, else 0."""
    if failures:
        raise typer.Exit(InputError.exit_status)
