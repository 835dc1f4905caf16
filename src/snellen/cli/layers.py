"""``snellen layers``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from snellen.cli import options, output

if TYPE_CHECKING:
    from snellen.models.layers import Layer


def layers(
    model: Annotated[
        str, typer.Argument(help="Embedded model, timm name, hf-hub:owner/name, or a .safetensors file.")
    ] = options.DEFAULT_MODEL,
    json: options.Json = False,
    architecture: options.Architecture = None,
    device: options.Device = "auto",
) -> None:
    """Every layer whose feature maps can be shown: its depth, its maps' size, and what one value sees of the input."""
    from snellen.models.classifier import load
    from snellen.runs.serialise import to_json

    classifier = load(model, architecture=architecture, device=device)
    if json:
        sys.stdout.write(to_json([_record(place) for place in classifier.layers]))
        return
    table = Table("name", "depth", "channels", "map", "sees", "activated", "kind", box=None, pad_edge=False)
    # A name is there to be copied: it is never cut.
    table.columns[0].min_width = max((len(place.name) for place in classifier.layers), default=0)
    for column in table.columns[1:5]:
        column.justify = "right"
    for place in classifier.layers:
        shape = place.shape
        table.add_row(
            place.name,
            f"{place.depth:.2f}",
            str(shape.channels),
            f"{shape.height} x {shape.width}",
            "{} x {}".format(*place.receptive_field),
            "yes" if place.activated else "",
            place.kind,
        )
    output.stdout.print(table, markup=False)


def _record(place: Layer) -> dict[str, Any]:
    return {
        "name": place.name,
        "aliases": place.aliases,
        "kind": place.kind,
        "depth": place.depth,
        "channels": place.shape.channels,
        "height": place.shape.height,
        "width": place.shape.width,
        "receptive_field": place.receptive_field,
        "activated": place.activated,
    }
