"""``snellen layers``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from snellen.cli import options, output

if TYPE_CHECKING:
    from snellen.models.layers import Layer


@options.describes_a_model
def layers(
    model: Annotated[
        str,
        typer.Argument(
            help="A bundled, timm or torchvision model, hf-hub:owner/name, a .safetensors file or a folder."
        ),
    ] = options.DEFAULT_MODEL,
    json: options.Json = False,
    architecture: options.Architecture = None,
    device: options.Device = "auto",
    *,
    described: options.Description = options.NOTHING_SAID,
) -> None:
    """Every layer whose feature maps can be shown: its depth, its maps' size, and each value's receptive field."""
    from snellen.cli.classifier import load_classifier
    from snellen.runs.serialise import to_json

    classifier = load_classifier(model, None, architecture, device, described)
    if json:
        output.write(to_json([_record(layer) for layer in classifier.layers]))
        return
    table = output.PlainTable("name", "depth", "channels", "map", "receptive field", "activated", "kind")
    # A name is there to be copied: it is never cut.
    table.columns[0].min_width = max((len(layer.name) for layer in classifier.layers), default=0)
    for column in table.columns[1:5]:
        column.justify = "right"
    for layer in classifier.layers:
        shape = layer.shape
        table.add_row(
            layer.name,
            f"{layer.depth:.2f}",
            str(shape.channels),
            f"{shape.height} x {shape.width}",
            "{} x {}".format(*layer.receptive_field),
            "yes" if layer.activated else "",
            layer.kind,
        )
    output.stdout.print(table)


def _record(layer: Layer) -> dict[str, Any]:
    return {
        "name": layer.name,
        "aliases": layer.aliases,
        "kind": layer.kind,
        "depth": layer.depth,
        "channels": layer.shape.channels,
        "height": layer.shape.height,
        "width": layer.shape.width,
        "receptive_field": layer.receptive_field,
        "activated": layer.activated,
    }
