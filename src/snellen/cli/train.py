"""``snellen train``."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from snellen.cli import options, output
from snellen.errors import InputError
from snellen.runs.progress import Progress


def train(
    dataset: options.Dataset,
    recipe: Annotated[
        str, typer.Option("--recipe", "-r", help="plain, batchnorm, deep, robust, or a .toml file of your own.")
    ] = "plain",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The run's folder; runs/RECIPE where not given.", file_okay=False),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            "--network",
            help="In place of the recipe's: a timm name, or a Python file with a function network(classes).",
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", help="In place of the recipe's.", min=1)] = None,
    batch: Annotated[int | None, typer.Option("--batch", help="In place of the recipe's.", min=1)] = None,
    size: Annotated[
        int | None, typer.Option("--size", help="Side of the images, in pixels, in place of the recipe's.")
    ] = None,
    label: options.Label = None,
    group: options.Group = None,
    seed: options.Seed = 0,
    seeds: Annotated[int, typer.Option("--seeds", help="Repeat with so many seeds; mean and deviation.", min=1)] = 1,
    holdout: Annotated[
        float,
        typer.Option("--holdout", help="Share of the training images to hold out and evaluate after each epoch."),
    ] = 0.0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in --out.")] = False,
    tta: Annotated[
        bool, typer.Option("--tta", help="Also evaluate with test-time augmentation, reported apart.")
    ] = False,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write logs for TensorBoard below --out.")] = False,
    json: options.Json = False,
    device: options.Device = "auto",
) -> None:
    """Learning from scratch: trains by a recipe, tests once, draws curves and first filters."""
    from snellen.data.datasets import open_dataset
    from snellen.runs.ledger import check_output
    from snellen.runs.process import keep_freed_memory
    from snellen.training.recipe import read_recipe
    from snellen.training.trainer import train as train_once
    from snellen.training.trainer import train_seeds

    folder = out or Path("runs") / Path(recipe).stem
    check_output(folder, [dataset])
    keep_freed_memory()
    chosen = read_recipe(recipe, network, epochs=epochs, batch=batch, size=size)
    images = open_dataset(dataset, label=label, group=group)
    with _progress(folder if tensorboard else None) as progress:
        common: dict[str, Any] = {
            "holdout": holdout,
            "resume": resume,
            "tta": tta,
            "device": device,
            "progress": progress,
        }
        if seeds > 1:
            trained = train_seeds(images, chosen, out=folder, seeds=range(seed, seed + seeds), **common)
        else:
            trained = [train_once(images, chosen, out=folder, seed=seed, **common)]
    # Of the processes that `accelerate launch` may have started, one speaks for all.
    if os.environ.get("RANK", "0") == "0":
        _report([one.result for one in trained], folder, json)


def _report(results: list[Any], folder: Path, json: bool) -> None:

    from snellen.runs.serialise import to_json
    from snellen.training.discussion import discuss, seeds_sentence

    failures = results[0].data.failures
    for failure in failures:
        output.complain(f"left out: {failure}")
    if json:
        output.write(to_json(results if len(results) > 1 else results[0]))
    else:
        data = results[0].data
        for sentence in filter(None, (data.split_description, data.note)):
            output.stdout.print(sentence, soft_wrap=True)
        for sentence in discuss(results[0]) if len(results) == 1 else [seeds_sentence(results)]:
            output.stdout.print(sentence, soft_wrap=True)
        output.stderr.print(f"The run is in {folder}; --model {_model_in(folder, results)} takes it.", soft_wrap=True)
    output.finish(len(failures))


def _model_in(folder: Path, results: list[Any]) -> Path:
    from snellen.training.files import seed_folder

    return folder if len(results) == 1 else folder / seed_folder(results[0].seed)


@contextlib.contextmanager
def _progress(tensorboard: Path | None) -> Iterator[Progress]:
    """The bar, and logs for TensorBoard below the folder ``tensorboard`` where one is given."""
    with output.progress_bar() as bar, contextlib.ExitStack() as writers:
        if tensorboard is None:
            yield bar
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise InputError("--tensorboard needs TensorBoard", "pip install 'snellen[tensorboard]'") from error

        @functools.cache
        def writer(folder: str) -> Any:
            return writers.enter_context(SummaryWriter(str(tensorboard / folder / "tensorboard")))

        class Logged(Progress):
            begin, advance, note = bar.begin, bar.advance, bar.note

            def log(self, metrics: Mapping[str, float], step: int) -> None:
                for name, value in metrics.items():
                    # Of several seeds, the folder of one comes first.
                    folder, _, metric = name.rpartition("/")
                    writer(folder).add_scalar(metric, value, step)

        yield Logged()
