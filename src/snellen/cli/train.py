"""``snellen train``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from snellen.cli import options, output

if TYPE_CHECKING:
    from snellen.training.trainer import Watch


def train(
    dataset: options.Dataset,
    recipe: Annotated[
        str, typer.Option("--recipe", "-r", help="plain, batchnorm, deep, or a .toml file of your own.")
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
    epochs: Annotated[int | None, typer.Option("--epochs", help="In place of the recipe's.")] = None,
    batch: Annotated[int | None, typer.Option("--batch", help="In place of the recipe's.")] = None,
    size: Annotated[
        int | None, typer.Option("--size", help="Side of the images, in pixels, in place of the recipe's.")
    ] = None,
    seed: options.Seed = 0,
    seeds: Annotated[int, typer.Option("--seeds", help="Repeat with so many seeds; mean and deviation.", min=1)] = 1,
    holdout: Annotated[
        float,
        typer.Option("--holdout", help="Share of the training images to keep back and look at after each epoch."),
    ] = 0.0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in --out.")] = False,
    tta: Annotated[bool, typer.Option("--tta", help="Also test over six views of each image; reported apart.")] = False,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write logs for TensorBoard below --out.")] = False,
    json: options.Json = False,
    device: options.Device = "auto",
) -> None:
    """Learning from scratch: trains by a recipe, tests once, draws curves and first filters."""
    from snellen.training.recipe import read_recipe
    from snellen.training.trainer import train as train_once
    from snellen.training.trainer import train_seeds

    chosen = read_recipe(recipe, network, epochs=epochs, batch=batch, size=size)
    folder = out or Path("runs") / Path(recipe).stem
    with _watching(tensorboard) as watch:
        common: dict[str, Any] = {"holdout": holdout, "resume": resume, "tta": tta, "device": device, "watch": watch}
        if seeds > 1:
            trained = train_seeds(dataset, chosen, out=folder, seeds=range(seed, seed + seeds), **common)
        else:
            trained = [train_once(dataset, chosen, out=folder, seed=seed, **common)]
    if _leads():
        _report([one.result for one in trained], folder, json)


def _report(results: list[Any], folder: Path, json: bool) -> None:
    import sys

    from snellen.runs.serialise import to_json
    from snellen.training.discussion import discuss, seeds_sentence

    for failure in results[0].failures:
        output.complain(f"left out: {failure}")
    if json:
        sys.stdout.write(to_json(results if len(results) > 1 else results[0]))
    else:
        for sentence in discuss(results[0]) if len(results) == 1 else [seeds_sentence(results)]:
            output.stdout.print(sentence, markup=False, soft_wrap=True)
        output.stderr.print(f"The run is in {folder}; --model {_model_in(folder, results)} takes it.", soft_wrap=True)
    output.finish(len(results[0].failures))


def _model_in(folder: Path, results: list[Any]) -> Path:
    from snellen.training.files import seed_folder

    return folder if len(results) == 1 else folder / seed_folder(results[0].seed)


def _leads() -> bool:
    """Whether this process, of those that `accelerate launch` may have started, speaks for all."""
    import os

    return os.environ.get("RANK", "0") == "0"


@contextlib.contextmanager
def _watching(tensorboard: bool) -> Iterator[Watch]:
    """Shows a bar with loss, speed and time left, a line after each epoch, and TensorBoard logs where asked for."""
    from rich.progress import BarColumn, Progress, TextColumn

    from snellen.training.loop import Step
    from snellen.training.results import Epoch
    from snellen.training.trainer import Watch

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"))
    log = _writer() if tensorboard and _leads() else None
    writer: Any = None

    class Shown(Watch):
        def begin(self, out: Path) -> None:
            nonlocal writer
            if log is not None:
                close()
                writer = log(str(out / "tensorboard"))

        def decoded(self, done: int, total: int) -> None:
            bar.update(task, description="Decoding", completed=done, total=total, state=f"{done:,} of {total:,}")

        def step(self, step: Step) -> None:
            minutes, seconds = divmod(round(step.seconds_left), 60)
            bar.update(
                task,
                description=f"Epoch {step.epoch} of {step.epochs}",
                completed=step.step,
                total=step.steps,
                state=f"loss {step.loss:.3f}, {step.images_per_second:,.0f} images/s, {minutes}:{seconds:02d} left",
            )
            if writer is not None:
                number = (step.epoch - 1) * step.steps + step.step
                writer.add_scalar("loss", step.loss, number)
                writer.add_scalar("images per second", step.images_per_second, number)

        def epoch(self, number: int, epoch: Epoch) -> None:
            held = "" if epoch.held_out_accuracy is None else f", held out {epoch.held_out_accuracy:.2%}"
            if _leads():
                output.stderr.print(
                    f"epoch {number}: loss {epoch.loss:.4f}, accuracy {epoch.accuracy:.2%}{held}, "
                    f"{epoch.images_per_second:,.0f} images/s",
                    markup=False,
                    soft_wrap=True,
                )
            if writer is not None:
                for name in ("loss", "accuracy", "learning_rate", "held_out_loss", "held_out_accuracy"):
                    value = getattr(epoch, name)
                    if value is not None:
                        writer.add_scalar(f"epoch/{name}", value, number)

    def close() -> None:
        if writer is not None:
            writer.close()

    show = output.stderr.is_terminal and _leads()
    with Progress(*columns, console=output.stderr, transient=True, disable=not show) as bar:
        task = bar.add_task("Starting", total=None, state="")
        try:
            yield Shown()
        finally:
            close()


def _writer() -> Any:
    from snellen.errors import InputError

    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise InputError("--tensorboard needs TensorBoard", "pip install 'snellen[tensorboard]'") from error
    return SummaryWriter
