"""``snellen evaluate``."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from snellen.cli import options, output

if TYPE_CHECKING:
    from snellen.attacks.robust_accuracy import EnsembleConfig, RobustnessResult
    from snellen.data.datasets.base import ImageSet
    from snellen.evaluation.comparison import ModelComparison
    from snellen.evaluation.evaluate import EvaluationResult
    from snellen.evaluation.requirements import Verdict
    from snellen.models.classifier import Classifier


@options.describes_a_model
def evaluate(
    dataset: options.Dataset,
    model: options.Model = options.DEFAULT_MODEL,
    label: options.Label = None,
    against: Annotated[
        str | None,
        typer.Option("--against", help="Another model, or a probe, scored on the same photographs and compared."),
    ] = None,
    corruptions: Annotated[
        bool, typer.Option("--corruptions", help="Also under the corruptions of ImageNet-C, at five severities.")
    ] = False,
    transforms: Annotated[
        bool, typer.Option("--transforms", help="Also the acuity chart of accuracy: under each transform's ladder.")
    ] = False,
    at: Annotated[
        Literal["network", "photograph"],
        typer.Option("--at", help="Where to corrupt: at the network's size or the photograph's."),
    ] = "network",
    epsilon: Annotated[
        str | None,
        typer.Option(
            "--epsilon", "-e", help="Also robust accuracy, by the standard ensemble: bounds such as 1/255,4/255."
        ),
    ] = None,
    norm: Annotated[Literal["Linf", "L2"], typer.Option("--norm", help="Of the attacks' bounds.")] = "Linf",
    most: Annotated[
        int | None, typer.Option("--most", help="How many photographs to change and attack, drawn; all if not.", min=1)
    ] = None,
    split: Annotated[
        str | None, typer.Option("--split", help="The split to score; without it the test split, else everything.")
    ] = None,
    match_by: Annotated[
        Literal["auto", "name", "wordnet", "index"], typer.Option("--match-by", help="How classes are matched.")
    ] = "auto",
    mapping: Annotated[
        Path | None,
        typer.Option("--mapping", help="CSV or JSON: for a class of the set, the model's class.", dir_okay=False),
    ] = None,
    require: Annotated[
        list[str] | None,
        typer.Option(
            "--require",
            help="A number that must be reached, such as accuracy>=0.9 or accuracy.low>=0.85 (the end of its "
            "interval); else status 1. Others: top5, mean_per_class, calibration_error, brier, log_loss, "
            "risk_coverage, corruption_accuracy, robust_accuracy.",
        ),
    ] = None,
    engine: Annotated[
        Literal["auto", "torch", "openvino", "ray"], typer.Option("--engine", help="ray is for many machines.")
    ] = "auto",
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
    *,
    described: options.Description = options.NOTHING_SAID,
) -> None:
    """How well it does its job: accuracy, calibration and errors on labelled photographs.

    With --out, killed and started again, it goes on where it stopped.
    """
    output.exclusive(("--json", json), ("--csv", csv))
    from snellen.runs.ledger import check_output

    if out is not None:
        check_output(out, [dataset])
    from snellen.evaluation.matching import read_mapping
    from snellen.evaluation.requirements import check_measured, judge, measured, read_requirement

    requirements = [read_requirement(one) for one in require or []]
    check_measured(requirements, {"corruptions": corruptions, "epsilon": epsilon is not None})
    choice: dict[str, Any] = {
        "split": split,
        "match_by": match_by,
        "mapping": None if mapping is None else read_mapping(mapping),
        "seed": seed,
    }

    from snellen.attacks.robust_accuracy import EnsembleConfig
    from snellen.cli.classifier import load_classifier, load_pair
    from snellen.data.datasets import open_dataset
    from snellen.evaluation.corrupted import evaluate_corruptions
    from snellen.evaluation.files import to_csv, write_corruptions, write_transforms
    from snellen.evaluation.transformed import evaluate_transforms
    from snellen.runs.files import Run
    from snellen.runs.serialise import to_json

    ensemble = None
    if epsilon is not None:
        bounds = tuple(one.strip() for one in epsilon.split(","))
        ensemble = EnsembleConfig(bounds, norm, seed=seed)
    images = open_dataset(dataset, label=label)
    classifiers = (
        [load_classifier(model, probe, architecture, device, described)]
        if against is None
        else [*load_pair(model, against, probe, architecture, device, described)]
    )
    corrupted, transformed, attacked = None, None, None
    some: dict[str, Any] = {"most": most, "engine": "auto" if engine == "ray" else engine, "out": out, **choice}
    with nullcontext() if out is None else Run(out) as run:
        first, comparison = _score(classifiers, images, choice, engine, out)
        if corruptions:
            with output.progress_bar() as progress:
                corrupted = evaluate_corruptions(classifiers[0], images, at=at, progress=progress, **some)
            if out is not None:
                write_corruptions(corrupted, out)
        if transforms:
            with output.progress_bar() as progress:
                transformed = evaluate_transforms(classifiers[0], images, progress=progress, **some)
            if out is not None:
                write_transforms(transformed, out)
        if ensemble is not None:
            attacked = _attack(classifiers[0], images, choice, ensemble, most, out)
        if run is not None:
            run.write_manifest(first.provenance)
    numbers = dict(measured(first, corrupted))
    if attacked is not None:
        numbers["robust_accuracy"] = attacked.points[-1].accuracy
    verdicts = judge(requirements, numbers)
    more = [one for one in (comparison, corrupted, transformed, attacked) if one is not None]
    if json:
        further = {
            "comparison": comparison,
            "corruptions": corrupted,
            "transforms": transformed,
            "robustness": attacked,
            "requirements": verdicts,
        }
        output.write(to_json({**first.to_dict(), **further}))
    elif csv:
        output.write(to_csv(first))
    else:
        _print(first)
        for one in more:
            output.stdout.print(one.discussion(), soft_wrap=True)
        if out is not None:
            output.stdout.print(f"Everything is in {out}", soft_wrap=True)
    _finish(first, verdicts)


def _score(
    classifiers: Sequence[Classifier], images: ImageSet, choice: dict[str, Any], engine: str, out: Path | None
) -> tuple[EvaluationResult, ModelComparison | None]:
    """The first model's evaluation, and its comparison with the second where there is one."""
    from snellen.cli.embed import quiet_ray
    from snellen.evaluation.comparison import compare_models
    from snellen.evaluation.evaluate import evaluate as evaluate_one
    from snellen.evaluation.files import write_comparison, write_evaluation
    from snellen.inference.embed_dataset import RAY
    from snellen.inference.features import FeatureConfig

    if engine == RAY:
        quiet_ray()
    results = []
    for number, classifier in enumerate(classifiers):
        folder = None if out is None else out / "against" if number else out
        with output.progress_bar() as progress:
            result = evaluate_one(
                classifier, images, features=FeatureConfig(engine), out=folder, progress=progress, **choice
            )
        results.append(result)
        if out is not None and not number:
            _remove_earlier(out, against=len(classifiers) > 1)
        if folder is not None:
            write_evaluation(result, folder)
    if len(results) == 1:
        return results[0], None
    comparison = compare_models(results[0], results[1], choice["seed"])
    if out is not None:
        write_comparison(comparison, out)
    return results[0], comparison


def _remove_earlier(out: Path, *, against: bool) -> None:
    """Remove what an earlier evaluation found beside its numbers: it may be of another model or other photographs.

    The shards that it was made from stay, so the same command that asks for it again has it at once. The other model's
    evaluation stays where one is compared ``against``, which goes on from it and replaces it.
    """
    from snellen.attacks.files import ROBUSTNESS
    from snellen.evaluation.files import BESIDE
    from snellen.runs.ledger import remove, remove_run

    for name in (*BESIDE, *ROBUSTNESS):
        remove(out / name)
    if not against and (out / "against").is_dir():
        remove_run(out / "against")


def _attack(
    classifier: Classifier,
    images: ImageSet,
    choice: dict[str, Any],
    ensemble: EnsembleConfig,
    most: int | None,
    out: Path | None,
) -> RobustnessResult:
    """Robust accuracy on the photographs, or on some that are drawn."""
    from snellen.attacks.files import write_robustness
    from snellen.attacks.robust_accuracy import robust_accuracy
    from snellen.evaluation.labelled import labelled_photographs

    chosen = labelled_photographs(classifier, images, most=most, **choice)
    with output.progress_bar() as progress:
        progress.begin("Attacking", len(chosen))
        result = robust_accuracy(
            classifier,
            chosen.read(),
            ensemble,
            dataset=images.name,
            sampled=chosen.sampled,
            data=chosen.data,
            out=out,
            progress=progress,
        )
    if out is not None:
        write_robustness(result, out)
    return result


def _print(result: EvaluationResult) -> None:

    scores = result.calibration.scores
    rows = [("accuracy (top-1)", result.accuracy.share, result.accuracy.interval)]
    if result.top5 is not None:
        rows.append(("accuracy (top-5)", result.top5.share, result.top5.interval))
    for name, estimate in (
        ("mean-per-class accuracy", result.mean_per_class),
        ("expected calibration error", scores.calibration_error),
        ("Brier score", scores.brier),
        ("negative log-likelihood", scores.log_loss),
        ("area under risk-coverage", scores.risk_coverage),
    ):
        rows.append((name, estimate.value, estimate.interval))
    table = output.PlainTable(f"{result.n:,} photographs", "value", "95%")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, value, interval in rows:
        table.add_row(name, f"{value:.3f}", interval)
    output.stdout.print(table)
    errors = output.PlainTable("surest mistakes", "is", "seen as", "probability")
    errors.columns[0].overflow = "fold"
    for one in result.wrong_and_sure[:5]:
        errors.add_row(output.printable(one.image), one.label.label, one.top.label, f"{one.top.probability:.3f}")
    if errors.row_count:
        output.stdout.print(errors)
    for paragraph in result.discussion().split("\n\n"):
        if paragraph not in result.warnings:
            output.stdout.print(paragraph, soft_wrap=True)


def _finish(result: EvaluationResult, verdicts: tuple[Verdict, ...]) -> None:
    """Warn, say what is required and missed, and end with the status that follows."""
    from snellen.prose import counted

    for warning in result.warnings:
        output.complain(f"warning: {warning}")
    for one in result.unmatched:
        output.complain(f"{one.name}: {counted(one.count, 'photograph')} not scored: {one.reason}")
    for failure in result.failures:
        output.complain(failure.error)
    missed = [verdict for verdict in verdicts if not verdict.met]
    for verdict in missed:
        output.complain(f"required {verdict.requirement}: it is {verdict.value:.4g}")
    if missed:
        raise typer.Exit(1)
    output.finish(len(result.failures) + len(result.unmatched))
