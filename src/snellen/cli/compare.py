"""``snellen compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from snellen.cli import output

_COMPARED_BY = {
    "metrics.json": "",
    "evaluation.json": "snellen evaluate DATASET --model ONE --against OTHER",
    "probe.json": "snellen probe DATASET --compare ONE,OTHER",
    "contents.json": "snellen exam --compare ONE OTHER",
}
"""What other runs leave in their folder, and who lays these beside each other."""


def _check_trained(run: Path) -> None:
    """Refuse a run of another kind, and say who compares those."""
    from snellen.errors import InputError

    left = next((name for name in _COMPARED_BY if (run / name).is_file()), "metrics.json")
    if _COMPARED_BY[left]:
        raise InputError(f"{run}: no training run: it holds {left}", _COMPARED_BY[left])


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Folders of training runs.", metavar="RUN...")],
    figure: Annotated[
        Path | None, typer.Option("--figure", help="Draw their curves in one figure: a .png, .svg or .pdf file.")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the table as Markdown.")] = False,
) -> None:
    """Training runs beside each other: curves in one figure, a table, and what differs."""
    from snellen.prose import as_markdown
    from snellen.runs.files import check_figure_path, write_figure
    from snellen.training.discussion import table
    from snellen.training.files import read_results
    from snellen.training.results import TrainingComparison

    if figure is not None:
        check_figure_path(figure)
    for run in runs:
        _check_trained(run)
    comparison = TrainingComparison(tuple(tuple(read_results(run)) for run in runs))
    columns, rows = table(comparison.runs)
    if markdown:
        for row in (map(as_markdown, columns), ["---"] * len(columns), *(map(as_markdown, row) for row in rows)):
            output.write(f"| {' | '.join(row)} |\n")
    else:
        shown = output.PlainTable(*columns)
        for row in rows:
            shown.add_row(*row)
        output.stdout.print(shown)
    output.stdout.print(comparison.discussion(), soft_wrap=True)
    if figure is not None:
        write_figure(figure, comparison.plot())
