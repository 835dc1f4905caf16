"""``snellen embed``."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import Annotated, Literal

import typer

from snellen.cli import options, output


@options.describes_a_model
def embed(
    dataset: options.Dataset,
    out: Annotated[Path, typer.Option("--out", "-o", help="The parquet file to write.", dir_okay=False)],
    model: options.Model = options.DEFAULT_MODEL,
    label: options.Label = None,
    mirrored: options.Mirrored = False,
    engine: Annotated[
        Literal["auto", "torch", "openvino", "ray"], typer.Option("--engine", help="ray is for many machines.")
    ] = "auto",
    precision: options.Precision = "float32",
    json: options.Json = False,
    architecture: options.Architecture = None,
    device: options.Device = "auto",
    *,
    described: options.Description = options.NOTHING_SAID,
) -> None:
    """Features at scale: embeds a data set, or a folder of photographs, into a parquet file.

    Killed and started again, it goes on where it stopped.
    """
    from snellen.errors import InputError

    if out.suffix != ".parquet":
        raise InputError(f"{out}: cannot write a {out.suffix or 'nameless'} file", "a name that ends in .parquet")

    from snellen.runs.ledger import check_output

    check_output(out, [dataset])

    from snellen.cli.classifier import load_classifier
    from snellen.data.datasets import open_dataset
    from snellen.inference.embed_dataset import RAY, embed_dataset
    from snellen.inference.features import FeatureConfig
    from snellen.runs.serialise import to_json

    images = open_dataset(dataset, label=label)
    classifier = load_classifier(model, None, architecture, device, described)
    if engine == RAY:
        quiet_ray()
    features = FeatureConfig(engine, precision, mirrored)
    with output.progress_bar() as progress:
        result = embed_dataset(classifier, images, out, features=features, progress=progress)
    for failure in result.failures:
        output.complain(failure.error)
    if json:
        output.write(to_json(result))
    else:
        sign = "none negative" if result.non_negative else "some negative"
        used = result.features
        rate = f"{result.embedded / result.seconds:.0f} a second on {used.engine} in {used.precision}"
        output.stdout.print(
            f"{result.path}: {result.rows:,} images of {result.width:,} features, {sign}; {result.embedded:,} embedded "
            f"now, {rate}",
            soft_wrap=True,
        )
    output.finish(len(result.failures))


def quiet_ray() -> None:
    """Keep what Ray says of its own progress from standard error."""
    with contextlib.suppress(ImportError):
        import ray.data

        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
