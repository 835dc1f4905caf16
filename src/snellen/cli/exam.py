"""``snellen exam``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from snellen.cli import options, output


@options.describes_a_model
def exam(
    config: Annotated[
        Path | None, typer.Argument(help="The exam's configuration; without it, the bundled model and photographs.")
    ] = None,
    out: options.Out = Path("exam"),
    quick: Annotated[
        bool, typer.Option("--quick", help="A first look: the bundled digits stand in for every data set.")
    ] = False,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="In place of the configuration's, and named as elsewhere.")
    ] = None,
    architecture: options.Architecture = None,
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            "--compare", help="Lay two finished exams side by side, in place of taking one.", metavar="RUN RUN"
        ),
    ] = None,
    summary: Annotated[
        bool, typer.Option("--summary", help="Print the findings, and name summary.pdf: the first page alone.")
    ] = False,
    keep_source: Annotated[
        bool,
        typer.Option(
            "--keep-source", help="Also write source/: the report in Typst, its figures, the discussions to rewrite."
        ),
    ] = False,
    *,
    described: options.Description = options.NOTHING_SAID,
) -> None:
    """All of it, as a PDF: runs the exam's parts and writes report.pdf and report.html."""
    if compare is not None:
        output.exclusive(
            ("--compare", True),
            ("--quick", quick),
            ("--summary", summary),
            ("--keep-source", keep_source),
            ("a configuration", config is not None),
        )
        from snellen.exam.compare import compare_exams

        _print(*compare_exams(*compare, out))
        return
    import dataclasses

    from snellen.exam.config import ExamConfig, read_exam_config
    from snellen.exam.run import run_exam
    from snellen.runs.process import keep_freed_memory

    # Trainings are among its parts.
    keep_freed_memory()
    settings = ExamConfig() if config is None else read_exam_config(config)
    settings = settings.with_model(model, architecture, **described.as_arguments())
    with output.progress_bar(announced=True) as progress:
        settings = dataclasses.replace(settings, quick=settings.quick or quick)
        result = run_exam(settings, out, keep_source=keep_source, progress=progress)
    for failure in (*result.unreadable, *result.failed):
        output.complain(failure)
    if summary:
        for title, found in result.findings:
            output.stdout.print(f"{title}: {found}", soft_wrap=True)
        output.stdout.print(f"The same on one page is {result.summary}", soft_wrap=True)
    else:
        _print(result.report, result.page)
    if result.failed:
        raise typer.Exit(1)
    output.finish(len(result.unreadable))


def _print(report: Path, page: Path) -> None:
    output.stdout.print(f"The report is {report}, and as a page {page}", soft_wrap=True)
