"""``snellen evaluate``."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from snellen.cli import options, output

if TYPE_CHECKING:
    from snellen.evaluation.evaluate import EvaluationResult
    from snellen.evaluation.matching import MatchBy
    from snellen.evaluation.requirements import Verdict


def evaluate(
    dataset: options.Dataset,
    model: options.Model = options.DEFAULT_MODEL,
    against: Annotated[
        str | None, typer.Option("--against", help="Another model, scored on the same photographs and compared.")
    ] = None,
    split: Annotated[
        str | None, typer.Option("--split", help="The split to score; without it the test split, else everything.")
    ] = None,
    match_by: Annotated[
        str, typer.Option("--match-by", help="How classes are matched: auto, name, wordnet or index.")
    ] = "auto",
    mapping: Annotated[
        Path | None,
        typer.Option("--mapping", help="CSV or JSON: for a class of the set, the model's class.", dir_okay=False),
    ] = None,
    require: Annotated[
        list[str] | None,
        typer.Option("--require", help="A number that must be reached, such as accuracy>=0.9; else status 1."),
    ] = None,
    engine: Annotated[str, typer.Option("--engine", help="auto, torch, openvino, or ray for many machines.")] = "auto",
    seed: options.Seed = 0,
    json: options.Json = False,
    csv: options.Csv = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for numbers, figures and a model card.", file_okay=False),
    ] = None,
    probe: options.Probe = None,
    architecture: options.Architecture = None,
    device: options.Device = "auto",
) -> None:
    """How well it does its job: accuracy, calibration and errors on labelled photographs.

    With --out, killed and started again, it goes on where it stopped.
    """
    output.exclusive(("--json", json), ("--csv", csv))
    from snellen.evaluation.matching import read_mapping
    from snellen.evaluation.requirements import judge, measured, read_requirement

    requirements = [read_requirement(one) for one in require or []]
    classes = None if mapping is None else read_mapping(mapping)

    from snellen.cli.classifier import load_classifier
    from snellen.cli.embed import quiet_ray
    from snellen.data.datasets import open_dataset
    from snellen.evaluation.comparison import compare_models
    from snellen.evaluation.evaluate import evaluate as evaluate_one
    from snellen.evaluation.files import to_csv, write_comparison, write_evaluation
    from snellen.inference.embed_dataset import RAY
    from snellen.inference.features import FeatureConfig
    from snellen.models.classifier import load
    from snellen.runs.files import Run
    from snellen.runs.serialise import to_json

    if engine == RAY:
        quiet_ray()
    images = open_dataset(dataset)
    classifiers = [load_classifier(model, probe, architecture, device)]
    if against is not None:
        classifiers.append(load(against, device=device))
    with nullcontext() if out is None else Run(out) as run:
        results = []
        for number, classifier in enumerate(classifiers):
            folder = None if out is None else out / "against" if number else out
            with output.progress_bar() as progress:
                result = evaluate_one(
                    classifier,
                    images,
                    split=split,
                    match_by=cast("MatchBy", match_by),
                    mapping=classes,
                    features=FeatureConfig(engine),
                    seed=seed,
                    out=folder,
                    progress=progress,
                )
            results.append(result)
            if folder is not None:
                write_evaluation(result, folder)
        comparison = compare_models(results[0], results[1], seed) if against is not None else None
        if run is not None:
            if comparison is not None:
                write_comparison(comparison, run.path)
            run.write_manifest(results[0].provenance)
    first = results[0]
    verdicts = judge(requirements, measured(first))
    if json:
        sys.stdout.write(to_json({**first.to_dict(), "comparison": comparison, "requirements": verdicts}))
    elif csv:
        sys.stdout.write(to_csv(first))
    else:
        _print(first)
        if comparison is not None:
            output.stdout.print(comparison.discussion(), markup=False, soft_wrap=True)
        if out is not None:
            output.stdout.print(f"Everything is in {out}", markup=False, soft_wrap=True)
    _finish(first, verdicts)


def _print(result: EvaluationResult) -> None:
    from rich.table import Table

    scores = result.calibration.scores
    rows = [("accuracy (top-1)", result.accuracy.share, result.accuracy.low, result.accuracy.high)]
    if result.top5 is not None:
        rows.append(("accuracy (top-5)", result.top5.share, result.top5.low, result.top5.high))
    for name, estimate in (
        ("mean-per-class accuracy", result.mean_per_class),
        ("expected calibration error", scores.calibration_error),
        ("Brier score", scores.brier),
        ("negative log-likelihood", scores.log_loss),
        ("area under risk-coverage", scores.risk_coverage),
    ):
        rows.append((name, estimate.value, estimate.low, estimate.high))
    table = Table(f"{result.n:,} photographs", "value", "95%", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for name, value, low, high in rows:
        table.add_row(name, f"{value:.3f}", f"{low:.3f} to {high:.3f}")
    output.stdout.print(table, markup=False)
    errors = Table("surest mistakes", "is", "seen as", "probability", box=None, pad_edge=False)
    errors.columns[0].overflow = "fold"
    for one in result.wrong_and_sure[:5]:
        errors.add_row(output.printable(one.image), one.label.label, one.top.label, f"{one.top.probability:.3f}")
    if errors.row_count:
        output.stdout.print(errors, markup=False)
    for paragraph in result.discussion().split("\n\n"):
        if paragraph not in result.warnings:
            output.stdout.print(paragraph, markup=False, soft_wrap=True)


def _finish(result: EvaluationResult, verdicts: tuple[Verdict, ...]) -> None:
    """Warn, say what is required and missed, and end with the status that follows."""
    for warning in result.warnings:
        output.complain(f"warning: {warning}")
    for one in result.unmatched:
        output.complain(f"{one.name}: {one.count} photographs not scored: {one.reason}")
    for failure in result.failures:
        output.complain(failure.error)
    missed = [verdict for verdict in verdicts if not verdict.met]
    for verdict in missed:
        output.complain(f"required {verdict.requirement}: it is {verdict.value:.4g}")
    if missed:
        raise typer.Exit(1)
    output.finish(len(result.failures) + len(result.unmatched))
