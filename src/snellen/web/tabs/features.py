"""How it sees: what supports the answer, and feature maps from early, the middle and late."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

import matplotlib
import numpy as np
from PIL import Image

from snellen.errors import InputError
from snellen.figures import percent
from snellen.inspect.discussion import discuss_feature_maps
from snellen.inspect.feature_maps import FeatureMaps, feature_maps
from snellen.inspect.figures import blend, on_photograph, scaled
from snellen.inspect.files import write_feature_maps, write_heatmap
from snellen.inspect.heatmap import Heatmap, heatmap
from snellen.models.layers import find_layer
from snellen.prose import signed, with_decimal
from snellen.web.content import Picture, Pictures, StageProgress, TabResult, Text, Work
from snellen.web.fields import ClassName, Field, LayerName, TextLine
from snellen.web.state import AppState
from snellen.web.tabs.base import Asked, Plan, Tab, command_of, provenance, slowness, sureness, write_picture

_SHOWN_SIDE = 900
_MOST_CHANNELS = 8


def _fields(_: AppState) -> tuple[Field, ...]:
    return (
        ClassName("target", "What supports", help="A class for the heat map. Empty: the most probable."),
        LayerName("layer", "Layer", help="Of the maps. Empty: one each from early, the middle and late."),
        TextLine("channels", "Channels", help="Numbers such as 3, 17. Empty: five are chosen in each layer."),
    )


def _plan(asked: Asked) -> Plan:
    classifier, settings = asked.classifier, asked.settings
    if settings["target"]:
        classifier.labels.find(settings["target"])
    layers = [find_layer(classifier.layers, settings["layer"])] if settings["layer"] else []
    channels = _channels(settings["channels"])
    for layer in layers:
        wrong = [channel for channel in channels if channel >= layer.shape.channels]
        if wrong:
            raise InputError(f"{layer.name}: no channel {wrong[0]}", f"0 to {layer.shape.channels - 1}")
    return Plan(_work(asked, channels), 4 + 6 * slowness(asked), mebibytes=900, uses=[asked.photograph])


def _channels(text: str) -> list[int]:
    """The channels of ``3, 17``.

    Raises:
        InputError: something else.
    """
    parts = [part for part in re.split(r"[\s,]+", text) if part]
    if not all(re.fullmatch("[0-9]{1,5}", part) for part in parts) or len(parts) > _MOST_CHANNELS:
        raise InputError(f"Channels: {text!r}", f"at most {_MOST_CHANNELS} numbers, such as 3, 17")
    return [int(part) for part in parts]


def _work(asked: Asked, channels: Sequence[int]) -> Work:
    classifier, photograph, settings = asked.classifier, asked.photograph, asked.settings
    yield StageProgress("Asking what supports the answer", 0, 3)
    image = photograph.read()
    heat = dataclasses.replace(heatmap(classifier, image, settings["target"] or None), image=photograph.name)
    first = [_heat_block(asked, image, heat)]
    yield StageProgress("Reading and weighing the maps", 1, 3, first)
    layers = [settings["layer"]] if settings["layer"] else None
    maps = dataclasses.replace(feature_maps(classifier, image, layers, channels or None), image=photograph.name)
    blocks = [*first, _map_blocks(asked, maps)]
    yield StageProgress("Drawing the figures to keep", 2, 3, blocks)
    arguments = ["--heatmap", settings["target"] or "top", *(["--layer", *layers] if layers else [])]
    arguments += [word for channel in channels for word in ("--channel", str(channel))]
    command = command_of("features", asked, *arguments, "--out", "features")
    write_heatmap(heat, asked.folder)
    write_feature_maps(maps, asked.folder, {"heatmap": heat, "provenance": provenance(classifier, image, command)})
    yield TabResult(
        headline=f"{sureness(maps.top)}, and what its {len(maps.maps)} maps show",
        blocks=[*blocks, Text("What the maps say", [heat.discussion(), *discuss_feature_maps(maps)])],
        files=["result.json", "maps.npz", "features.png", "overlay.png", "heatmap.png", "features.svg", "heatmap.svg"],
        command=command,
    )


def _heat_block(asked: Asked, image: Image.Image, heat: Heatmap) -> Pictures:
    small = image.copy()
    small.thumbnail((_SHOWN_SIDE, _SHOWN_SIDE))
    values = np.asarray(small, dtype=np.float32) / np.float32(255)
    over = blend(values, on_photograph(heat.values, heat.preprocessing, *values.shape[:2]))
    write_picture(asked.folder / "photograph-small.png", small)
    write_picture(asked.folder / "heat-small.png", Image.fromarray((over * 255).round().astype(np.uint8)))
    share = percent(heat.area_of_half, 0)
    return Pictures(
        f"What supports {heat.label}, {with_decimal(heat.probability)}",
        [
            Picture("photograph-small.png", "The photograph", f"{heat.image} as it is", "heat"),
            Picture(
                "heat-small.png",
                f"Bright supports {heat.label}; half of the support lies on {share} of the input",
                f"Heat map over the photograph: half of what supports {heat.label} lies on {share} of the input",
                "heat",
            ),
        ],
    )


def _map_blocks(asked: Asked, maps: FeatureMaps) -> Pictures:
    colours = matplotlib.colormaps["viridis"]
    pictures = []
    for number, (one, values) in enumerate(zip(maps.maps, maps.values, strict=True)):
        file = f"map-{number:02d}.png"
        drawn = (colours(scaled(values))[..., :3] * 255).round().astype(np.uint8)
        write_picture(asked.folder / file, Image.fromarray(drawn))
        change = signed(one.importance, 3)
        change = "\N{PLUS-MINUS SIGN}0.000" if float(f"{one.importance:.3f}") == 0 else change
        pictures.append(
            Picture(
                file,
                f"channel {one.channel}; made even {change}",
                f"Map of channel {one.channel} of {one.layer}: values from {one.low:.2f} to {one.high:.2f}; made even, "
                f"at its mean, it changes the answer's probability by {change}",
                f"{one.layer}: {one.height} x {one.width} values, depth {percent(one.depth, 0)}",
            )
        )
    return Pictures("Feature maps", pictures)


TAB = Tab(
    title="Features",
    lead="How it sees: what supports the answer, and what single channels respond to on the way there.",
    action="Show the maps",
    empty="A heat map of what supports the answer, then fifteen feature maps: five each from early, the middle and "
    "late.",
    fields=_fields,
    plan=_plan,
)
