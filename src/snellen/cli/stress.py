"""``snellen stress``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from snellen.cli import options, output

if TYPE_CHECKING:
    from snellen.data.images import Failure
    from snellen.robustness.stress import StressResult

_MOST_ROWS_OF_A_FIGURE = 8


def stress(
    images: options.Images,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.", file_okay=False)],
    original: Annotated[
        list[str] | None,
        typer.Option(help="What an attacked photograph was made from; once for each, in their order."),
    ] = None,
    model: options.Model = options.DEFAULT_MODEL,
    json: options.Json = False,
    csv: options.Csv = False,
    probe: options.Probe = None,
    architecture: options.Architecture = None,
    device: options.Device = "auto",
) -> None:
    """A turn of the head: the answer under manipulations of each photograph, mild to strong."""
    output.exclusive(("--json", json), ("--csv", csv))
    from snellen.cli.classifier import load_classifier
    from snellen.data.images import expand
    from snellen.errors import InputError
    from snellen.robustness.files import stress_files, to_csv, write_results
    from snellen.runs.files import Run
    from snellen.runs.serialise import to_json

    sources = expand(images)
    originals = expand(original or [])
    if originals and len(originals) != len(sources):
        raise InputError(f"{len(sources)} photographs, {len(originals)} originals", "as many, in the same order")
    with Run(out) as run:
        classifier = load_classifier(model, probe, architecture, device)
        with output.progress("Manipulating", len(sources)) as advance:
            result = stress_files(classifier, sources, originals, done=advance)
        write_results(result, out, most_rows=_MOST_ROWS_OF_A_FIGURE)
        provenance = classifier.provenance(result.data)
        run.write_manifest(provenance)
    if json:
        sys.stdout.write(to_json(result))
    elif csv:
        sys.stdout.write(to_csv(result))
    else:
        _print(result.photographs)
    failures: tuple[Failure, ...] = result.failures
    for failure in failures:
        output.complain(failure.error)
    output.finish(len(failures))


def _print(photographs: tuple[StressResult, ...]) -> None:
    from snellen.data.transforms import TRANSFORMS
    from snellen.robustness.discussion import discuss
    from snellen.robustness.stress import assignment_transforms

    if not photographs:
        return
    from rich.table import Table

    table = Table("image", "manipulation", "is seen as", "probability", "label", "target", box=None, pad_edge=False)
    table.columns[0].overflow = "fold"
    for column in table.columns[3:]:
        column.justify = "right"
    for one in photographs:
        for number, answer in enumerate((one.before, *(one.answer(*trial) for trial in assignment_transforms()))):
            manipulation = TRANSFORMS[answer.manipulation].describe(answer.strength) if number else "as it is"
            table.add_row(
                "" if number else one.image,
                manipulation,
                answer.top.label,
                f"{answer.top.probability:.4f}",
                f"{answer.label:.4f}",
                "" if answer.target is None else f"{answer.target:.4f}",
            )
    output.stdout.print(table, markup=False)
    output.stdout.print(discuss(photographs), markup=False)
