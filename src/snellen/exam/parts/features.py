"""The exam's second part: feature maps of the first photograph, and what supports its answer."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from snellen.data.datasets.base import UNLABELLED, ImageSet, Rows
from snellen.data.datasets.digits import DIGITS
from snellen.data.datasets.pets import is_pets, species_of
from snellen.data.draw import drawn_in_turn
from snellen.errors import SnellenError
from snellen.exam.context import Context, content_of, content_of_files, data_set, fingerprints, scored_on
from snellen.exam.context import short_name as name_of_set
from snellen.exam.report.document import Answer, Block, Discussion, Fact, Heading, Paragraph, Picture, Reference, Table
from snellen.figures import percent
from snellen.inspect.activations import CAPS
from snellen.inspect.discussion import (
    CLOSELY,
    describe_forms,
    describe_patches,
    discuss_feature_maps,
    discuss_heatmap,
    discuss_patches,
    excites,
    headline_of_maps,
    qualify_patches,
    short_name,
)
from snellen.inspect.feature_maps import BANDS, SEARCHED, FeatureMaps, LayerSummary, feature_maps, stage_of
from snellen.inspect.figures import draw_layer, draw_patches
from snellen.inspect.files import write_feature_maps, write_heatmap
from snellen.inspect.heatmap import heatmap
from snellen.inspect.shape import describe_shape
from snellen.inspect.top_patches import TopPatches, top_activating_patches
from snellen.prose import class_names, counted, in_percent, listed, signed, word
from snellen.runs.files import write_figure

GRAD_CAM = Reference(
    "Ramprasaath R. Selvaraju et al. Grad-CAM: Visual Explanations from Deep Networks via Gradient-based "
    "Localization. ICCV 2017. arXiv 1610.02391.",
    r"Grad-CAM",
)
REFERENCES = (
    Reference(
        "Matthew D. Zeiler and Rob Fergus. Visualizing and Understanding Convolutional Networks. ECCV 2014. "
        "arXiv 1311.2901.",
        r"patches on which its channel is most active",
    ),
    GRAD_CAM,
    Reference(
        "P. A. P. Moran. Notes on Continuous Stochastic Phenomena. Biometrika 37, 1950.",
        r"correlation between neighbours",
    ),
)

_LEGEND = (
    " Dark purple is a map's least value and yellow its greatest, the two numbers above it; one square is one value, "
    "and nothing is smoothed."
)
_SECONDS_OF_FIGURES = 8.0
_EXAMPLES, _RANKED, _PATCHES = 128, 16, 4
"""Photographs of a data set that patches are looked for in, and of each channel those that are ranked, and shown."""
_LOCAL = 0.1
"""Share of the input's side up to which what a value sees is told by its colour and its edge."""
_SHOWS = 0.25
"""Share of the input's side from which on what a value sees may show an animal, and not only an edge of it."""
_MOST_TO_READ = 20_000
"""Photographs of a set that is read for them; a larger one takes longer to go through than all else here."""
_SECONDS_OF_EXAMPLE = 0.02
"""Of reading one and bringing it to the network's input."""

ASKED = (
    (
        "Problem 1, part 2",
        "Five feature maps from early, five from the middle, five from the end, as images",
        "",
        "five maps of it",
    ),
    ("Problem 1, part 2", "What the maps show; the challenges in interpreting them", "What the maps show", ""),
)


def inputs(context: Context) -> object:
    """What decides the answer: the first photograph, the layers and channels asked for, and where patches come from."""
    examples = _examples_from(context)
    return fingerprints(context.photographs[:1]), context.features, examples and content_of(examples)


def seconds(context: Context, seconds_of_pass: float) -> float:
    """Seconds that :func:`run` takes, roughly: a pass for each ablated channel, those of the gradients, the figures,
    and a pass for each example that patches are looked for in.
    """
    examples = _examples_from(context)
    patches = min(_EXAMPLES, len(examples)) * (seconds_of_pass + _SECONDS_OF_EXAMPLE) if examples else 0.0
    return 40 * seconds_of_pass + _SECONDS_OF_FIGURES + patches


def run(context: Context) -> Answer:
    """Examine how the first photograph is seen; write ``result.json``, the maps and their figures."""
    classifier, name = context.classifier, context.photographs[0]
    layers, channels = context.features.layers or None, context.features.channels or None
    result, heat = feature_maps(classifier, name, layers, channels), heatmap(classifier, name)
    write_heatmap(heat, context.folder)
    write_feature_maps(result, context.folder, {"heatmap": heat, "provenance": context.provenance})
    of_name = {layer.name: layer for layer in result.layers}
    pictures = [(layer, context.folder / f"maps-{number}.png") for number, layer in enumerate(result.layers, start=1)]
    for layer, path in pictures:
        write_figure(path, draw_layer(result, layer.name))
    blocks: Sequence[Block] = (
        Paragraph(
            f"The photograph is {Path(name).name}, which the model calls {result.top.label} with probability "
            f"{in_percent(result.top.probability)}. {_which(context, result)} {_shown_in(len(pictures))} "
            "[[features/maps]] lists what excites each and what the answer loses without its pattern."
        ),
        *(
            Picture(
                path,
                f"{_where(layer)}: the photograph as the network is given it, and {_maps_of(layer, result)}."
                f"{_LEGEND if number == 1 else ''}",
                0.74,
                name=f"maps-{number}",
            )
            for number, (layer, path) in enumerate(pictures, 1)
        ),
        Heading("What the maps show"),
        Table(
            ("layer", "channel", "what excites it here", "r", "by chance", "what is seen", "support", "without it"),
            [
                (
                    short_name(feature.layer, result),
                    str(feature.channel),
                    excites(feature, of_name[feature.layer]),
                    f"{feature.cue_correlation:.2f}",
                    f"{feature.cue_by_chance:.2f}",
                    describe_shape(feature.shape),
                    f"{signed(100 * feature.support, 1)}%",
                    signed(100 * feature.importance, 1),
                )
                for feature in result.maps
            ],
            "The maps. What excites it: the cue that fits best, of light, dark, four colours, edges and lines in eight "
            "directions, and edges of colour (red against green, yellow against blue); r: the map's correlation with "
            f"it, called partly below {CLOSELY:g}. By chance: the r that the best of all cues stays below in 95% of "
            "the map's shifts; a dash where r does not exceed it, or where no more of the layer's maps do than may by "
            "chance. What is seen: the forms above half way from the map's least to its greatest value; where most of "
            "it lies at one level between, what stands out from that. Support: its part of all that supports "
            f"{result.top.label} in its layer; below zero it speaks against it. Without it: the change of its "
            "probability, in points, with the map made even, at its mean (set to zero it would lose its level too, and "
            "not only what it shows).",
            "maps",
        ),
        Discussion(discuss_feature_maps(result)),
        *_patches(context, result),
        Heading("Which part of the photograph supports the answer"),
        Paragraph(f"{discuss_heatmap(heat)} [[features/heatmap]] shows it."),
        Picture(
            context.folder / "heatmap.png",
            f"Support for {heat.label} by Grad-CAM at {heat.layer}, from none (dark purple) to its most (yellow), over "
            "the photograph in gray; what lies outside of the network's input is pale.",
            0.7,
            name="heatmap",
        ),
    )
    zero_fraction = sum(feature.zero_fraction for feature in result.maps) / len(result.maps)
    matters = max(result.maps, key=lambda feature: abs(feature.importance))
    facts = (
        Fact("values at zero or below in the maps shown", percent(zero_fraction, 0)),
        Fact(
            "the map that matters most",
            f"{matters.layer}/{matters.channel}, {signed(matters.importance, 3)} when ablated",
        ),
        Fact(f"half of the support for {heat.label}", f"on {percent(heat.area_of_half, 0)} of the network's input"),
    )
    highlight = Picture(
        context.folder / "heatmap.png", f"Support for {heat.label}, from none (dark purple) to its most (yellow)."
    )
    content = content_of_files(context.photographs[:1])
    return Answer(Path(name).name, facts, blocks, headline_of_maps(result), highlight, content=content)


def _examples_from(context: Context) -> ImageSet | None:
    """Labelled photographs of the exam that lie on this machine; None where it has none, or too many to go through."""
    name = next((one for one in scored_on(context) if one != DIGITS and Path(one).exists()), None)
    if name is None:
        return None
    try:
        found = data_set(name)
        return found if 0 < len(found) <= _MOST_TO_READ else None
    except SnellenError:
        # The part that it was named for says what is wrong with it.
        return None


def _patches(context: Context, result: FeatureMaps) -> list[Block]:
    """The patches of some photographs of a data set on which each channel shown is most active."""
    examples = _examples_from(context)
    if examples is None:
        return []
    classes = [label for rows in examples.splits.values() for label in _targets(rows)]
    drawn = set(drawn_in_turn(classes, np.random.default_rng(context.seed))[:_EXAMPLES])
    channels = [(feature.layer, feature.channel) for feature in result.maps]
    photographs = (
        (f"{number}", example.source) for number, (_, example) in enumerate(examples.read()) if number in drawn
    )
    ranked, failures = top_activating_patches(context.classifier, photographs, channels, _RANKED)
    found = [dataclasses.replace(one, patches=one.patches[:_PATCHES]) for one in ranked]
    picture = context.folder / "patches.png"
    write_figure(picture, draw_patches(found))
    seen = len(drawn) - len(failures)
    labels = list(examples.labels or ())
    names = class_names(labels)
    named = {str(number): None if label is None or not labels else names[label]
             for number, label in enumerate(classes) if number in drawn}  # fmt: skip
    groups = dict(zip(names, map(species_of, labels), strict=True)) if labels and is_pets(labels) else {}
    local = {layer.name for layer in result.layers if max(layer.receptive_field) <= _LOCAL * min(result.input_size)}
    small = [one for one in found if one.layer in local]
    shows = {layer.name for layer in result.layers if min(layer.receptive_field) >= _SHOWS * min(result.input_size)}
    large = [one for one in ranked if one.layer in shows or not one.patches]
    capped = {layer.kind for layer in result.layers} & CAPS.keys()
    by = f" They are ranked by the value that {listed(sorted(capped))} is given, before it cuts." if capped else ""
    first, *others = [
        *describe_patches(small),
        *qualify_patches(found, result),
        *discuss_patches(large, named, groups),
    ]
    name = name_of_set(examples.name)
    shown = f"[[features/patches]] shows what excites the same channels most on photographs of {name}."
    return [
        Heading("What excites them elsewhere"),
        Picture(
            picture,
            f"For each map of [[features/maps]], the {_PATCHES} patches on which its channel is most active, of {seen} "
            f"photographs of {name_of_set(examples.name)}, drawn evenly over its classes, one patch a photograph at "
            f"most. A patch is as large as what one value sees{_cut_off(found)}.{by}",
            1.0,
            name="patches",
        ),
        Discussion([f"{shown} {first}", *others]),
    ]


def _cut_off(channels: Sequence[TopPatches]) -> str:
    """That some patches are not as large as others of their layer, since the photograph's border cuts them."""
    sizes: dict[str, set[tuple[int, ...]]] = {}
    for one in channels:
        sizes.setdefault(one.layer, set()).update(patch.pixels.shape for patch in one.patches)
    return ", less where the photograph's border cuts it" if any(len(each) > 1 for each in sizes.values()) else ""


def _targets(rows: Rows) -> list[int | None]:
    """The class of each example; None where it has none."""
    targets = rows.targets()
    return [None] * len(rows) if targets is None else [None if one == UNLABELLED else int(one) for one in targets]


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


def _where(layer: LayerSummary) -> str:
    """Where in the network a layer lies, and its name."""
    stage = stage_of(layer.depth)
    place = {"early": "Early in the network", "middle": "In the middle of the network", "end": "Near its end"}
    return f"{place[stage]}, {layer.name}" if stage else layer.name


def _maps_of(layer: LayerSummary, result: FeatureMaps) -> str:
    """Which of a layer's maps a figure shows, and what is seen of them."""
    maps = [one for one in result.maps if one.layer == layer.name]
    which = (
        f"the {word(len(maps))} maps that support its answer most, of those that vary,"
        if layer.by_support
        else (counted(len(maps), "map"))
    )
    return f"{which} at the same place: {describe_forms(maps)}"


def _shown_in(pictures: int) -> str:
    """Where so many layers' maps are shown."""
    if pictures == 1:
        return "[[features/maps-1]] shows them."
    return f"{listed([f'[[features/maps-{number}]]' for number in range(1, pictures + 1)])} show them, a layer each."


def _which(context: Context, result: FeatureMaps) -> str:
    """Which layers and channels are shown, and why these."""
    layers = (
        f"The layers are those that were asked for ({', '.join(context.features.layers)})"
        if context.features.layers
        else "One forward pass reads a layer from the first fifth of the network (early), one between "
        f"{BANDS[1][0]:.0%} and {BANDS[1][1]:.0%} of the way (middle) and one from its last fifth (end)"
    )
    by_support = any(layer.by_support for layer in result.layers)
    others = "each other" if by_support else "each"
    at_the_end = (
        "; of the end layer, where a cue hardly says what a channel is for, the five are shown that support the answer "
        "most, of those that vary as much as a typical one"
        if by_support
        else ""
    )
    channels = (
        f"Of each layer the channels that were asked for are shown ({', '.join(map(str, context.features.channels))})."
        if context.features.channels
        else f"Of {others} layer the {SEARCHED} most interesting channels are searched for the five that can be read "
        f"best{at_the_end}. "
        "Interest is how much a map varies beside the layer's others, times its correlation between neighbours, times "
        "how much it differs from the maps taken before it. Read best are those whose correlation with a simple cue of "
        "the photograph exceeds by most what chance gives."
    )
    return f"{layers}, right after the activation function and before anything in place can overwrite it. {channels}"
