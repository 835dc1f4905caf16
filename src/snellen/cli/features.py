"""``snellen features``."""

from __future__ import annotations

from dataclasses import replace
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


@options.describes_a_model
def features(
    image: Annotated[str, typer.Argument(help="A photograph: a file, or - for standard input.", metavar="IMAGE")],
    out: options.Out = Path("features"),
    layer: Annotated[
        list[str] | None,
        typer.Option("--layer", help="A layer by name, as `snellen layers` lists it; may be given again."),
    ] = None,
    channel: Annotated[
        list[int] | None,
        typer.Option("--channel", help="A channel by number, instead of those that are chosen; may be given again."),
    ] = None,
    count: Annotated[int, typer.Option("--count", help="Maps of each layer.", min=1, max=16)] = 5,
    heatmap: Annotated[
        str | None,
        typer.Option("--heatmap", help=f"Also show what supports this class, or '{_MOST_PROBABLE}'.", metavar="CLASS"),
    ] = None,
    examples: Annotated[
        str | None,
        typer.Option("--examples", help="Also show each channel's top-activating patches in this data set."),
    ] = None,
    model: options.Model = options.DEFAULT_MODEL,
    architecture: options.Architecture = None,
    device: options.Device = "auto",
    *,
    described: options.Description = options.NOTHING_SAID,
) -> None:
    """How it sees: feature maps from early, the middle and late, chosen, weighed and discussed."""
    from snellen.runs.ledger import check_output

    check_output(out, [image, *([] if examples is None else [examples])])

    from snellen.data.images import read_image

    photograph = read_image(image)

    from snellen.cli.classifier import load_classifier
    from snellen.inspect.feature_maps import feature_maps
    from snellen.inspect.files import write_feature_maps, write_heatmap, write_top_patches
    from snellen.inspect.heatmap import heatmap as grad_cam
    from snellen.runs.files import Run
    from snellen.runs.provenance import fingerprint

    with Run(out) as run:
        classifier = load_classifier(model, None, architecture, device, described)
        result = replace(feature_maps(classifier, photograph, layer, channel, count), image=image)
        more: dict[str, Any] = {"provenance": classifier.provenance(fingerprint(photograph.tobytes()))}
        failures: list[Failure] = []
        if heatmap is not None:
            target = None if heatmap == _MOST_PROBABLE else heatmap
            more["heatmap"] = replace(grad_cam(classifier, photograph, target), image=image)
            write_heatmap(more["heatmap"], out)
        if examples is not None:
            more["top_patches"], failures = _top_patches(classifier, result, examples)
            write_top_patches(more["top_patches"], out)
        write_feature_maps(result, out, more)
        run.remove_earlier()
        run.write_manifest(more["provenance"])
    _print(result, out, [failure.error for failure in failures])
    output.finish(len(failures))


def _top_patches(classifier: Classifier, result: FeatureMaps, name: str) -> tuple[list[TopPatches], list[Failure]]:
    from snellen.data.datasets import open_dataset
    from snellen.inspect.top_patches import top_activating_patches

    dataset = open_dataset(name)
    photographs = ((example.name, example.source) for _, example in dataset.read())
    channels = [(feature.layer, feature.channel) for feature in result.maps]
    with output.progress_bar() as progress:
        progress.begin("Finding top-activating patches", len(dataset))
        return top_activating_patches(classifier, photographs, channels, progress=progress)


def _print(result: FeatureMaps, out: Path, errors: list[str]) -> None:
    for error in errors:
        output.complain(error)
    output.stdout.print(result.discussion())
    output.stdout.print(f"\nThe figures are in {out}", soft_wrap=True)
