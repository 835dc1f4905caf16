"""``snellen probe``."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from snellen.cli import options, output

if TYPE_CHECKING:
    from snellen.transfer.few import FewShotResult
    from snellen.transfer.probe import ProbeResult


@options.describes_a_model
def probe(
    dataset: options.Dataset,
    model: options.Model = options.DEFAULT_MODEL,
    classifier: Annotated[
        options.ClassifierKind, typer.Option("--classifier", help="What learns from the features.")
    ] = "logistic",
    compare: Annotated[
        str | None, typer.Option("--compare", help="Several models, separated by commas, side by side.")
    ] = None,
    label: options.Label = None,
    group: options.Group = None,
    shots: Annotated[
        str | None, typer.Option("--shots", help="Learn from so many examples a class: numbers, such as 1,2,5,10.")
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", help="How often the examples of --shots are drawn.", min=1)] = 10,
    mirrored: options.Mirrored = False,
    engine: Annotated[options.Engine, typer.Option("--engine", help="What runs the network.")] = "auto",
    precision: options.Precision = "float32",
    seed: options.Seed = 0,
    json: options.Json = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the probe, its numbers and figures.", file_okay=False)
    ] = None,
    architecture: options.Architecture = None,
    device: options.Device = "auto",
    *,
    described: options.Description = options.NOTHING_SAID,
) -> None:
    """What it can learn from few: a linear classifier of a data set on the network's features."""
    from snellen.runs.ledger import check_output

    models = [model] if compare is None else [name.strip() for name in compare.split(",") if name.strip()]
    _check_comparison(compare, models)
    output.exclusive(("--compare", compare is not None), ("--shots", shots is not None))
    counts = None if shots is None else _numbers(shots)
    if out is not None:
        check_output(out, [dataset])

    from snellen.cli.classifier import load_classifier
    from snellen.data.datasets import open_dataset
    from snellen.inference.features import FeatureConfig
    from snellen.runs.files import Run
    from snellen.transfer.few import few_shot
    from snellen.transfer.files import save_comparison, save_few_shot, save_run
    from snellen.transfer.probe import probe as probe_one

    images = open_dataset(dataset, label=label, group=group)
    features = FeatureConfig(engine, precision, mirrored)
    if counts is not None:
        network = load_classifier(model, None, architecture, device, described)
        with nullcontext() if out is None else Run(out) as run:
            with output.progress_bar() as progress:
                few = few_shot(
                    network, images, counts, seeds, kind=classifier, features=features, seed=seed, progress=progress
                )
            if run is not None:
                save_few_shot(run, few)
        _print_few_shot(few, json)
        return
    results: list[ProbeResult] = []
    with nullcontext() if out is None else Run(out) as run:
        for name in models:
            network = load_classifier(
                name, None, _architecture_of(name, architecture, compare is not None), device, described
            )
            with output.progress_bar() as progress:
                result = probe_one(network, images, kind=classifier, features=features, seed=seed, progress=progress)
            results.append(result)
            if run is not None:
                save_run(run if compare is None else Run(run.path / name.replace("/", "_")), result)
        if run is not None and compare is not None:
            save_comparison(run, results)
    _print(results, json, single=compare is None)
    for failure in results[0].failures:
        output.complain(failure.error)
    output.finish(len(results[0].failures))


def _architecture_of(model: str, architecture: str | None, compared: bool) -> str | None:
    """``--architecture``; where models are compared, for the files and runs among them, which alone need one."""
    from snellen.cli.classifier import weights_of

    return architecture if not compared or weights_of(model) is not None else None


def _numbers(text: str) -> list[int]:
    from snellen.errors import InputError

    numbers = [part.strip() for part in text.split(",")]
    if not all(number.isdecimal() for number in numbers):
        raise InputError(f"--shots {text}", "whole numbers, separated by commas, such as 1,2,5,10")
    return [int(number) for number in numbers]


def _print_few_shot(result: FewShotResult, json: bool) -> None:
    from snellen.runs.serialise import to_json

    if json:
        output.write(to_json(result.to_dict()))
    else:
        table = output.PlainTable("examples a class", "mean per class", "deviation", "drawings")
        for column in table.columns:
            column.justify = "right"
        for point in result.points:
            row = (f"{point.shots}", f"{point.mean:.3f}", f"{point.deviation:.3f}", f"{len(point.accuracies)}")
            table.add_row(*row)
        output.stdout.print(table)
        for sentence in (result.split, *result.discussion().split("\n\n")):
            output.stdout.print(sentence, soft_wrap=True)
    for failure in result.failures:
        output.complain(failure.error)
    output.finish(len(result.failures))


def _check_comparison(compare: str | None, models: list[str]) -> None:
    from snellen.errors import InputError

    if compare is None:
        return
    if len(set(models)) < 2:
        raise InputError(f"--compare {compare}: {len(set(models))} model", "two or more, separated by commas")


def _print(results: list[ProbeResult], json: bool, *, single: bool) -> None:
    from snellen.runs.serialise import to_json

    if json:
        written = [result.to_dict() for result in results]
        output.write(to_json(written[0] if single else written))
    elif single:
        _print_one(results[0])
    else:
        _print_comparison(results)


def _print_one(result: ProbeResult) -> None:
    from snellen.data.datasets.pets import is_pets
    from snellen.transfer.discussion import discuss
    from snellen.transfer.published import PETS_BASELINES

    mean, top1 = result.mean_per_class_accuracy, result.accuracy
    for name, value, low, high in (
        ("mean-per-class accuracy", mean.value, mean.low, mean.high),
        ("top-1 accuracy", top1.share, top1.low, top1.high),
    ):
        output.stdout.print(f"{name}: {value:.3f} ({low:.3f} to {high:.3f}), n = {result.n}")
    for sentence in (result.split, *discuss(result)):
        output.stdout.print(sentence, soft_wrap=True)
    if is_pets(result.labels):
        for baseline in PETS_BASELINES:
            line = f"published: {baseline.model}, {baseline.accuracy:.3f} ({baseline.source}; {baseline.protocol})"
            output.stdout.print(line, soft_wrap=True)


def _print_comparison(results: list[ProbeResult]) -> None:
    from snellen.transfer.discussion import compare_sentence

    table = output.PlainTable("model", "mean per class", "95%", "top-1", "seconds", "MB")
    for column in table.columns[1:]:
        column.justify = "right"
    for result in results:
        mean = result.mean_per_class_accuracy
        table.add_row(
            result.model, f"{mean.value:.3f}", f"{mean.low:.3f} to {mean.high:.3f}",
            f"{result.accuracy.share:.3f}", f"{result.seconds:.1f}", f"{result.parameter_bytes / 1e6:.0f}",
        )  # fmt: skip
    output.stdout.print(table)
    output.stdout.print(compare_sentence(results), soft_wrap=True)
