"""How commands talk: results on standard output, everything else on standard error."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from snellen.errors import InputError
from snellen.runs.progress import Progress

# Piped tables are not folded: their lines are for other programs.
_WIDE = 10_000
# The library names its parameters so; a command's name has a space in it.
_PARAMETER = re.compile(r"`([a-z][a-z_]*)`")
_COMMANDS = {
    "snellen.list_models()": "snellen models",
    "classifier.layers": "snellen layers",
}


class _Plain(Console):
    """Shows text as it is: no markup in it is obeyed, and no control character reaches the terminal.

    Names of files and classes, and what a damaged file says, can hold any.
    """

    def print(self, *objects: Any, **options: Any) -> None:
        """As the base class, of escaped texts."""
        super().print(*(escaped(one) if isinstance(one, str) else one for one in objects), **options)


class PlainTable(Table):
    """A table of lines without rules, whose cells are texts."""

    def __init__(self, *columns: str) -> None:
        super().__init__(*map(printable, columns), box=None, pad_edge=False)

    def add_row(self, *cells: str) -> None:  # type: ignore[override]
        """As the base class, of escaped texts."""
        super().add_row(*map(printable, cells))


def escaped(text: str) -> str:
    """``text`` with its control characters escaped, but for the ends of its lines."""
    return "\n".join(map(printable, text.split("\n")))


def printable(text: str) -> str:
    """``text`` on one line, its control characters escaped."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


_OPTIONS: Any = {"highlight": False, "emoji": False, "markup": False}
stdout = _Plain(**_OPTIONS, width=None if sys.stdout and sys.stdout.isatty() else _WIDE)
stderr = _Plain(**_OPTIONS, stderr=True)


def write(text: str) -> None:
    """JSON or CSV on standard output, byte for byte; on a terminal, without what the terminal would obey."""
    sys.stdout.write(escaped(text) if sys.stdout.isatty() else text)


@contextlib.contextmanager
def progress_bar(announced: bool = False) -> Iterator[Progress]:
    """A bar for each stage of some work, with count, rate and time left; the lines that it notes stay.

    Where standard error is not a terminal, only those lines are shown, and the name of each stage if ``announced``.
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text("" if task.speed is None else f"{task.speed:.3g}/s")

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[metrics]}", markup=False),
    )

    class Shown(Progress):
        def begin(self, stage: str, total: int | None = None) -> None:
            if announced and not stderr.is_terminal:
                self.note(f"{stage} ...")
            bar.reset(task, description=printable(stage), total=total, completed=0, metrics="", visible=True)

        def advance(self, count: int = 1, **metrics: float) -> None:
            shown = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in metrics.items())
            bar.update(task, advance=count, metrics=shown)

        def note(self, line: str) -> None:
            stderr.print(printable(line), soft_wrap=True)

    with Bar(*columns, console=stderr, transient=True, disable=not stderr.is_terminal) as bar:
        task = bar.add_task("", total=None, visible=False, metrics="")
        yield Shown()


def as_options(text: str) -> str:
    """What the library says of its parameters and functions, in the words of the command line.

    ```out``` becomes ``--out``, ``snellen.list_models()`` becomes ```snellen models```.
    """
    for function, command in _COMMANDS.items():
        text = text.replace(f"`{function}`", f"`{command}`")
    return _PARAMETER.sub(lambda match: f"--{match[1].replace('_', '-')}", text)


def complain(message: str) -> None:
    """One line about one bad input; the command goes on."""
    stderr.print(f"snellen: {printable(as_options(message))}", style="red", soft_wrap=True)


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
