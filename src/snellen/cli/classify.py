"""``snellen classify``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from snellen.cli import options, output

if TYPE_CHECKING:
    from snellen.data.images import Failure
    from snellen.inspect.categories import Classification

_MOST_ROWS_OF_A_FIGURE = 50


@options.describes_a_model
def classify(
    images: options.Images,
    model: options.Model = options.DEFAULT_MODEL,
    k: Annotated[int, typer.Option("-k", help="How many categories.", min=1)] = 3,
    json: options.Json = False,
    csv: options.Csv = False,
    figure: Annotated[
        Path | None, typer.Option("--figure", help="Draw each photograph beside its bars: a .png, .svg or .pdf file.")
    ] = None,
    photo_labels: options.PhotoLabels = None,
    probe: options.Probe = None,
    architecture: options.Architecture = None,
    device: options.Device = "auto",
    *,
    described: options.Description = options.NOTHING_SAID,
) -> None:
    """What it sees: the top categories of each photograph and their probabilities."""
    output.exclusive(("--json", json), ("--csv", csv))
    from snellen.data.images import Failure, expand
    from snellen.data.photo_labels import photo_labels as labels_of_photographs
    from snellen.errors import InputError
    from snellen.runs.files import check_figure_path
    from snellen.runs.ledger import check_output

    if figure is not None:
        check_output(figure, images)
        check_figure_path(figure)
    sources = expand(images, output.complain)
    if figure is not None and len(sources) > _MOST_ROWS_OF_A_FIGURE:
        raise InputError(f"--figure: {len(sources)} photographs", f"at most {_MOST_ROWS_OF_A_FIGURE} in one figure")

    from snellen.cli.classifier import load_classifier
    from snellen.inspect.categories import Classification, classify_each
    from snellen.intervals import Rate
    from snellen.runs.serialise import to_json

    classifier = load_classifier(model, probe, architecture, device, described)
    if probe is not None:
        # A probe may know fewer classes than are shown by default.
        k = min(k, len(classifier.labels))
    # Of one photograph there is no rate, and looking for its class takes longer than showing it.
    several = len(sources) > 1 or photo_labels is not None
    labels = labels_of_photographs(classifier.labels, sources, photo_labels) if several else [None]
    results: list[Classification | Failure] = []
    with output.progress_bar() as progress:
        progress.begin("Classifying", len(sources))
        for result in classify_each(classifier, sources, k):
            results.append(result)
            progress.advance()
    if json:
        output.write(to_json(results))
    elif csv:
        _print_csv(results)
    else:
        _print_table(results)
    right = [
        label == one.top.index
        for label, one in zip(labels, results, strict=True)
        if label is not None and isinstance(one, Classification)
    ]
    if photo_labels is not None and right:
        # What was asked for is said; beside a table for programs, where programs do not read.
        (output.stderr if json or csv else output.stdout).print(
            f"By the labels {Rate.of(right)} are right.", soft_wrap=True
        )
    elif len(right) > 1 and not json and not csv:
        output.stdout.print(f"By the names of their folders {Rate.of(right)} are right.", soft_wrap=True)
    if figure is not None:
        _draw([result for result in results if isinstance(result, Classification)], figure)
    output.finish(sum(isinstance(result, Failure) for result in results))


def _print_csv(results: list[Classification | Failure]) -> None:
    from snellen.data.images import Failure
    from snellen.runs.table import csv_text

    rows: list[tuple[object, ...]] = []
    for result in results:
        if isinstance(result, Failure):
            rows.append((result.image, "", "", "", "", result.error))
            continue
        for rank, prediction in enumerate(result.predictions, start=1):
            rows.append((result.image, rank, prediction.label, prediction.index, f"{prediction.probability:.6f}", ""))
    output.write(csv_text(("image", "rank", "label", "index", "probability", "error"), rows))


def _print_table(results: list[Classification | Failure]) -> None:
    from snellen.data.images import Failure

    table = output.PlainTable("image", "category", "index", "probability")
    table.columns[0].overflow = "fold"
    for column in table.columns[2:]:
        column.justify = "right"
    for result in results:
        if isinstance(result, Failure):
            output.complain(result.error)
            continue
        for rank, prediction in enumerate(result.predictions):
            image = result.image if rank == 0 else ""
            table.add_row(image, prediction.label, str(prediction.index), f"{prediction.probability:.4f}")
    if table.row_count:
        output.stdout.print(table)


def _draw(results: list[Classification], path: Path) -> None:
    from snellen.inspect.figures import draw_classifications
    from snellen.runs.files import write_figure

    if not results:
        output.complain(f"{path}: not drawn: no photograph could be read")
        return
    write_figure(path, draw_classifications(results))
