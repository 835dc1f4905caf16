"""``snellen stress``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from snellen.cli import options, output

if TYPE_CHECKING:
    from snellen.robustness.report import StressReport

_MOST_ROWS_OF_A_FIGURE = 8


@options.describes_a_model
def stress(
    images: options.Images,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.", file_okay=False)],
    original: Annotated[
        list[str] | None,
        typer.Option(help="What an attacked photograph was made from; once for each, in their order."),
    ] = None,
    photo_labels: options.PhotoLabels = None,
    model: options.Model = options.DEFAULT_MODEL,
    json: options.Json = False,
    csv: options.Csv = False,
    probe: options.Probe = None,
    architecture: options.Architecture = None,
    device: options.Device = "auto",
    *,
    described: options.Description = options.NOTHING_SAID,
) -> None:
    """A turn of the head: the answer under transforms of each photograph, mild to strong."""
    output.exclusive(("--json", json), ("--csv", csv))
    from snellen.runs.ledger import check_output

    check_output(out, [*images, *(original or [])])

    from snellen.cli.classifier import load_classifier
    from snellen.data.images import expand
    from snellen.data.photo_labels import photo_labels as labels_of_photographs
    from snellen.robustness.files import stress_files, to_csv, write_results
    from snellen.robustness.stress import check_originals
    from snellen.runs.files import Run
    from snellen.runs.serialise import to_json

    sources = expand(images, output.complain)
    originals = expand(original or [])
    check_originals(len(sources), len(originals) or len(sources))
    with Run(out) as run:
        classifier = load_classifier(model, probe, architecture, device, described)
        labels = labels_of_photographs(classifier.labels, originals or sources, photo_labels)
        with output.progress_bar() as progress:
            report = stress_files(classifier, sources, originals, labels=labels, progress=progress)
        write_results(report, out, most_rows=_MOST_ROWS_OF_A_FIGURE)
        run.remove_earlier()
        run.write_manifest(classifier.provenance(report.data, engine=report.engine))
    if json:
        output.write(to_json(report))
    elif csv:
        output.write(to_csv(report))
    else:
        _print(report)
    for failure in report.failures:
        output.complain(failure.error)
    output.finish(len(report.failures))


def _print(report: StressReport) -> None:
    from snellen.data.transforms import assignment_transforms

    if not report.photographs:
        return
    table = output.PlainTable("image", "transform", "is seen as", "probability", "label", "target")
    table.columns[0].overflow = "fold"
    for column in table.columns[3:]:
        column.justify = "right"
    for one in report.photographs:
        for number, outcome in enumerate((one.before, *(one.outcome(*asked) for asked in assignment_transforms()))):
            table.add_row(
                "" if number else one.image,
                outcome.title,
                outcome.top.label,
                f"{outcome.top.probability:.4f}",
                f"{outcome.label_probability:.4f}",
                "" if outcome.target_probability is None else f"{outcome.target_probability:.4f}",
            )
    output.stdout.print(table)
    output.stdout.print(report.discussion())
