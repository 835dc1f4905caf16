"""``snellen features``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from snellen.cli import options, output

if TYPE_CHECKING:
    from snellen.data.images import Failure
    from snellen.inspect.feature_maps import FeatureMaps
    from snellen.inspect.top_patches import TopPatches
    from snellen.models.classifier import Classifier

_MOST_PROBABLE = "top"


def features(
    image: Annotated[str, typer.Argument(help="A photograph: a file, or - for standard input.", metavar="IMAGE")],
    out: options.Out = Path("features"),
    layer: Annotated[
        list[str] | None,
        typer.Option("--layer", help="A layer by name, as `snellen layers` lists it; may be given again."),
    ] = None,
    channel: Annotated[
        list[int] | None,
        typer.Option("--channel", help="A channel by number, instead of the most interesting; may be given again."),
    ] = None,
    count: Annotated[int, typer.Option("--count", help="Maps of each layer.", min=1, max=16)] = 5,
    heatmap: Annotated[
        str | None,
        typer.Option(
            "--heatmap", help=f"Also show what speaks for this class, or '{_MOST_PROBABLE}'.", metavar="CLASS"
        ),
    ] = None,
    examples: Annotated[
        str | None,
        typer.Option("--examples", help="Also show what in this data set excites each channel most."),
    ] = None,
    model: options.Model = options.DEFAULT_MODEL,
    architecture: options.Architecture = None,
    device: options.Device = "auto",
) -> None:
    """How it sees: feature maps from early, the middle and late, chosen, weighed and discussed."""
    from snellen.data.images import read_image, to_pixels

    photograph = read_image(image)

    from snellen.inspect.feature_maps import feature_maps
    from snellen.inspect.files import write_examples, write_feature_maps, write_heatmap
    from snellen.models.classifier import load
    from snellen.runs.files import Run
    from snellen.runs.provenance import fingerprint

    with Run(out) as run:
        classifier = load(model, architecture=architecture, device=device)
        pixels = to_pixels(photograph)
        result = feature_maps(classifier, pixels, layer, channel, count)
        provenance = classifier.provenance(fingerprint(photograph.tobytes()))
        extras: dict[str, Any] = {}
        failures: list[Failure] = []
        if heatmap is not None:
            target = None if heatmap == _MOST_PROBABLE else heatmap
            extras["heatmap"] = write_heatmap(classifier, photograph, pixels, target, out)
        if examples is not None:
            found, failures = _examples(classifier, result, examples)
            extras["examples"] = write_examples(found, out)
        write_feature_maps(classifier, photograph, image, result, out, {**extras, "provenance": provenance})
        run.write_manifest(provenance)
    _print(result, out, [failure.error for failure in failures])
    output.finish(len(failures))


def _examples(classifier: Classifier, result: FeatureMaps, name: str) -> tuple[list[TopPatches], list[Failure]]:
    from snellen.data.datasets import open_dataset
    from snellen.inspect.top_patches import top_activating_patches

    dataset = open_dataset(name)
    photographs = ((example.name, example.source) for _, example in dataset.read())
    with output.progress("Looking for examples", len(dataset)) as advance:
        return top_activating_patches(
            classifier, photographs, [(m.layer, m.channel) for m in result.maps], advance=advance
        )


def _print(result: FeatureMaps, out: Path, errors: list[str]) -> None:
    from snellen.inspect.discussion import discuss

    for error in errors:
        output.complain(error)
    output.stdout.print("\n\n".join(discuss(result)), markup=False)
    output.stdout.print(f"\nThe figures are in {out}", soft_wrap=True, markup=False)
