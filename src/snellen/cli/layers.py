"""``snellen layers``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from snellen.cli import options, output

if TYPE_CHECKING:
    from snellen.models.layers import Layer


def layers(
    model: Annotated[
        str, typer.Argument(help="Bundled model, timm name, hf-hub:owner/name, or a .safetensors file.")
    ] = options.DEFAULT_MODEL,
    json: options.Json = False,
    architecture: options.Architecture = None,
    device: options.Device = "auto",
) -> None:
    """Every layer whose feature maps can be shown: its depth, its maps' size, and each value's receptive field."""
    from snellen.models.classifier import load
    from snellen.runs.serialise import to_json

    classifier = load(model, architecture=architecture, device=device)
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
