"""``snellen exam``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from snellen.cli import options, output
from snellen.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from snellen.exam.config import ExamConfig


@options.describes_a_model
def exam(
    configs: Annotated[
        list[Path] | None,
        typer.Argument(
            help="The exam's configuration, or several, each of which gets a folder below --out, as one does where "
            "--out is that of a class; without one, the bundled model and photographs.",
            metavar="[CONFIG...]",
        ),
    ] = None,
    out: options.Out = Path("exam"),
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="A first look: the bundled digits stand in for every data set to learn from; at most four "
            "photographs; no corruptions, no robust accuracy.",
        ),
    ] = False,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="In place of the configuration's, and named as elsewhere.")
    ] = None,
    architecture: options.Architecture = None,
    photographs: Annotated[
        list[str] | None,
        typer.Option(
            "--photographs", help="In place of the configuration's: a file, folder or pattern; once for each."
        ),
    ] = None,
    photo_labels: options.PhotoLabels = None,
    sample: Annotated[
        str | None, typer.Option("--sample", help="How many of the photographs are drawn and examined; or all.")
    ] = None,
    sure: Annotated[
        float | None,
        typer.Option("--sure", help="Only photographs that the model gets right with at least this probability."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="In place of the configuration's.", min=0, max=2**32 - 1)
    ] = None,
    allow: Annotated[
        list[Path] | None,
        typer.Option(
            "--allow",
            help="Folder beside its own that somebody else's configuration or exam may name files of; once for each. "
            "Several configurations, one that goes to a class, and exams to compare are always taken for somebody "
            "else's.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Lay finished exams side by side: the arguments are their run folders.")
    ] = False,
    summary: Annotated[
        bool, typer.Option("--summary", help="Print the findings, and name summary.pdf: the first page alone.")
    ] = False,
    keep_source: Annotated[
        bool,
        typer.Option(
            "--keep-source", help="Also write source/: the report in Typst, its figures, the discussions to rewrite."
        ),
    ] = False,
    notebook: Annotated[
        bool,
        typer.Option(
            "--notebook", help="Also write report.ipynb: the report as a notebook whose cells draw its figures anew."
        ),
    ] = False,
    keys: Annotated[
        bool, typer.Option("--keys", help="Print all keys of a configuration: meaning, default and an example.")
    ] = False,
    *,
    described: options.Description = options.NOTHING_SAID,
) -> None:
    """All of it, as a PDF: runs the exam's parts and writes report.pdf and report.html."""
    configs = configs or []
    if keys:
        from snellen.exam.keys import keys_text

        output.exclusive(("--keys", True), ("CONFIG", bool(configs)), ("--compare", compare))
        output.write(keys_text())
        return
    if compare:
        changes = {
            "--model": model, "--architecture": architecture, "--photographs": photographs, "--sample": sample,
            "--photo-labels": photo_labels, "--sure": sure, "--seed": seed,
        }  # fmt: skip
        given = [(name, value is not None and value != []) for name, value in changes.items()]
        output.exclusive(
            ("--compare", True), ("--quick", quick), ("--summary", summary), ("--keep-source", keep_source),
            ("--notebook", notebook), *given,
        )  # fmt: skip
        from snellen.exam.compare import compare_exams

        _print(*compare_exams(configs, out, allowed=allow or []))
        return
    import dataclasses

    from snellen.exam.config import ExamConfig, read_exam_config
    from snellen.runs.process import keep_freed_memory

    # Trainings are among its parts.
    keep_freed_memory()

    def change(config: ExamConfig) -> ExamConfig:
        labels = None if photo_labels is None else str(photo_labels)
        config = config.with_model(model, architecture, **described.as_arguments())
        config = config.with_photographs(photographs or (), labels, sample, sure, seed)
        return dataclasses.replace(config, quick=config.quick or quick)

    # What takes the place of a file that a configuration names: that is not opened.
    replaced = {
        "photographs": bool(photographs),
        "labels": bool(photographs) or photo_labels is not None,
        "model": model is not None,
        "model_labels": model is not None or bool(described.as_arguments()["labels"]),
        "preprocessing": model is not None,
        "dataset": quick,
        "training": quick,
        "training_runs": quick,
    }
    unopened = [key for key, is_replaced in replaced.items() if is_replaced]
    from snellen.exam.many import is_class

    # One alone that goes into the folder of a class is one of the class's, as a late one is.
    if len(configs) > 1 or (configs and is_class(out)):
        own = (("--summary", summary), ("--keep-source", keep_source), ("--notebook", notebook))
        output.exclusive(("several configurations" if len(configs) > 1 else "the folder of a class", True), *own)
        _take_many(configs, out, allow or [], change, unopened)
        return
    from snellen.exam.run import run_exam

    if allow and not configs:
        raise InputError("--allow: no configuration that could name files", "CONFIG, or no --allow")
    read = read_exam_config(configs[0], allowed=allow or None, replaced=unopened) if configs else ExamConfig()
    settings = change(read)
    with output.progress_bar(announced=True) as progress:
        result = run_exam(settings, out, keep_source=keep_source, notebook=notebook, progress=progress)
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


def _take_many(
    configs: list[Path],
    out: Path,
    allowed: list[Path],
    change: Callable[[ExamConfig], ExamConfig],
    replaced: list[str],
) -> None:
    """Take them all; status 1 where one failed, 2 where only inputs were bad."""
    from snellen.exam.many import TABLE, run_exams, with_counts

    with output.progress_bar(announced=True) as progress:
        entries = run_exams(configs, out, allowed=allowed, change=change, replaced=replaced, progress=progress)
    for one in entries:
        for problem in one.problems:
            output.complain(f"{one.name}: {problem}")
        if one.same_attacks:
            said = f"{one.name} has attacked files in common with {with_counts(one.same_attacks)}"
            output.stdout.print(output.printable(said), soft_wrap=True)
    sharing = sum(bool(one.same_photographs) for one in entries)
    if sharing:
        # As draws from one pool have; with thirty, a line for each would hide what matters.
        said = f"{sharing} of {len(entries)} exams have photographs in common with another; {TABLE}.csv says with which"
        output.stdout.print(said, soft_wrap=True)
    good = sum(one.status == 0 for one in entries)
    said = f"{good} of {len(entries)} exams without a problem; the table is {out / TABLE}.csv, .json and .html"
    output.stdout.print(said, soft_wrap=True)
    states = {one.status for one in entries}
    if states != {0}:
        raise typer.Exit(1 if 1 in states else 2)


def _print(report: Path, page: Path) -> None:
    output.stdout.print(f"The report is {report}, and as a page {page}", soft_wrap=True)
