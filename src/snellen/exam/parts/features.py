"""The exam's second part: feature maps of the first photograph, and what supports its answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from snellen.exam.context import Context, fingerprints
from snellen.exam.report.document import Answer, Block, Discussion, Fact, Heading, Paragraph, Picture, Table
from snellen.figures import percent
from snellen.inspect.discussion import READABLE, discuss_feature_maps, discuss_heatmap, excites, headline_of_maps
from snellen.inspect.feature_maps import feature_maps
from snellen.inspect.figures import draw_layer
from snellen.inspect.files import write_feature_maps, write_heatmap
from snellen.inspect.heatmap import heatmap
from snellen.runs.files import write_figure

REFERENCES = (
    "Matthew D. Zeiler and Rob Fergus. Visualizing and Understanding Convolutional Networks. ECCV 2014. arXiv "
    "1311.2901.",
    "Ramprasaath R. Selvaraju et al. Grad-CAM: Visual Explanations from Deep Networks via Gradient-based "
    "Localization. ICCV 2017. arXiv 1610.02391.",
    "P. A. P. Moran. Notes on Continuous Stochastic Phenomena. Biometrika 37, 1950.",
)

_SECONDS_OF_FIGURES = 8.0

ASKED = (
    ("Problem 1, part 2", "Five feature maps from early, five from the middle, five from the end, as images", ""),
    ("Problem 1, part 2", "What the maps show; the challenges in interpreting them", "What the maps show"),
)


def inputs(context: Context) -> object:
    """What decides the answer: the first photograph, and the layers and channels that were asked for."""
    return fingerprints(context.photographs[:1]), context.features


def seconds(_: Context, seconds_of_pass: float) -> float:
    """Seconds that :func:`run` takes, roughly: a pass for each ablated channel, those of the gradients, the figures."""
    return 40 * seconds_of_pass + _SECONDS_OF_FIGURES


def run(context: Context) -> Answer:
    """Examine how the first photograph is seen; write ``result.json``, the maps and their figures."""
    classifier, name = context.classifier, context.photographs[0]
    layers, channels = context.features.layers or None, context.features.channels or None
    result, heat = feature_maps(classifier, name, layers, channels), heatmap(classifier, name)
    write_heatmap(heat, context.folder)
    write_feature_maps(result, context.folder, {"heatmap": heat, "provenance": context.provenance})
    pictures = [(layer, context.folder / f"maps-{number}.png") for number, layer in enumerate(result.layers, start=1)]
    for layer, path in pictures:
        write_figure(path, draw_layer(result, layer.name))
    blocks: Sequence[Block] = (
        Paragraph(
            f"The photograph is {Path(name).name}, which the model calls {result.top.label} with probability "
            f"{result.top.probability:.3f}. {_which(context)}"
        ),
        *(
            Picture(
                path,
                f"{layer.name}: the photograph as the network is given it, and five maps of it at the same place, "
                "each scaled to [0, 1] by its own least and greatest value. One square is one value; nothing is "
                "smoothed.",
                0.74,
            )
            for layer, path in pictures
        ),
        Heading("What the maps show"),
        Discussion(discuss_feature_maps(result)),
        Table(
            ("layer", "channel", "what excites it on this photograph", "r", "at zero", "without it"),
            [
                (
                    feature.layer,
                    str(feature.channel),
                    excites(feature),
                    f"{feature.cue_correlation:.2f}",
                    percent(feature.zero_fraction, 0),
                    f"{100 * feature.importance:+.1f}",
                )
                for feature in result.maps
            ],
            "The maps. r: correlation with the cue that fits best, of light, dark, four colours and edges of every "
            f"direction; from {READABLE:g} on a map is called readable. At zero: share of values at zero or below. "
            f"Without it: the change of the probability of {result.top.label}, in points, when the channel is set to "
            "zero.",
        ),
        Heading("Which part of the photograph supports the answer"),
        Picture(
            context.folder / "heatmap.png",
            f"Grad-CAM for {heat.label} at {heat.layer}: half of the heat lies on {percent(heat.area_of_half, 0)} of "
            "the network's input.",
            0.7,
        ),
        Paragraph(discuss_heatmap(heat)),
    )
    zero_fraction = sum(feature.zero_fraction for feature in result.maps) / len(result.maps)
    matters = min(result.maps, key=lambda feature: feature.importance)
    facts = (
        Fact("values at zero or below in the maps shown", percent(zero_fraction, 0)),
        Fact("the map that matters most", f"{matters.layer}/{matters.channel}, {matters.importance:+.3f} when ablated"),
        Fact(f"half of the heat for {heat.label}", f"on {percent(heat.area_of_half, 0)} of the network's input"),
    )
    highlight = Picture(context.folder / "heatmap.png", f"What supports {heat.label}.")
    return Answer(Path(name).name, facts, blocks, headline_of_maps(result), highlight)


def code(context: Context, picture: str) -> str:
    """Python that draws ``picture`` anew in a notebook, the first layer's for all of them; empty where none does."""
    if picture == "heatmap.png":
        return "snellen.heatmap(classifier, photographs[0])"
    numbered = re.fullmatch(r"maps-([1-9]\d{0,2})\.png", picture)
    if numbered is None:
        return ""
    place = int(numbered[1]) - 1
    asked = [
        f", {name}={list(chosen)!r}"
        for name, chosen in (("layers", context.features.layers), ("channels", context.features.channels))
        if chosen
    ]
    maps = (
        "from snellen.inspect.figures import draw_layer\n\n"
        f"maps = snellen.feature_maps(classifier, photographs[0]{''.join(asked)})\n"
    )
    return f"{'' if place else maps}draw_layer(maps, maps.layers[{place}].name)"


def _which(context: Context) -> str:
    """Which layers and channels are shown, and why these."""
    layers = (
        f"The layers are those that were asked for ({', '.join(context.features.layers)})"
        if context.features.layers
        else "One forward pass reads a layer from early in the network, one from the middle and one from near its end"
    )
    channels = (
        f"Of each layer the channels that were asked for are shown ({', '.join(map(str, context.features.channels))})."
        if context.features.channels
        else "Of each layer the five most interesting channels are shown: interest is how much a map varies beside the "
        "layer's others, times its correlation between neighbours, times how much it differs from the maps chosen "
        "before it."
    )
    return f"{layers}, right after the activation function and before anything in place can overwrite it. {channels}"
