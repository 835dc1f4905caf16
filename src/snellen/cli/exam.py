"""``snellen exam``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from snellen.cli import options, output


def exam(
    config: Annotated[
        Path | None, typer.Argument(help="The exam's configuration; without it, the embedded model and photographs.")
    ] = None,
    out: options.Out = Path("exam"),
) -> None:
    """All of it, as a PDF: runs the exam's parts and writes report.pdf."""
    from snellen.exam.config import ExamConfig, read_config
    from snellen.exam.parts import PARTS
    from snellen.exam.run import run_exam

    settings = ExamConfig() if config is None else read_config(config, PARTS)
    result = run_exam(settings, out, started=lambda part: output.stderr.print(f"{PARTS[part].title} ..."))
    for failure in (*result.unreadable, *result.failed):
        output.complain(failure)
    output.stdout.print(f"The report is {result.report}", soft_wrap=True, markup=False)
    if result.failed:
        raise typer.Exit(1)
    output.finish(len(result.unreadable))
