"""What the numbers of this room say, in sentences, and what they do not prove."""

from __future__ import annotations

from snellen.figures import percent
from snellen.inspect.categories import Classification
from snellen.inspect.feature_maps import FeatureMap, FeatureMaps, LayerSummary
from snellen.inspect.heatmap import Heatmap
from snellen.inspect.top_patches import TopPatches

# A map is called explained by a cue from this multiple correlation on: half of its variance.
_EXPLAINED = 0.5**0.5


def discuss_classification(result: Classification) -> str:
    """The first category, how far it is ahead of the second, and what a probability is not."""
    first, *others = result.predictions
    found = f"{result.image} is classified as {first.label} with probability {first.probability:.3f}"
    if others:
        found += f", ahead of {others[0].label} by {first.probability - others[0].probability:.3f}"
    return f"{found}. This is the network's preference among the classes it knows, not the chance that it is right."


def discuss_heatmap(result: Heatmap) -> str:
    """How much of the input holds half of the heat, and what a heat map does not prove."""
    if result.peak == 0:
        return f"Nothing in {result.layer} supports {result.label} (probability {result.probability:.3f})."
    height, width = result.values.shape
    return (
        f"Half of what supports {result.label} (probability {result.probability:.3f}) lies on "
        f"{percent(result.area_of_half, 0)} of the network's input. Grad-CAM weighs the maps of {result.layer} by the "
        f"class's mean gradient, a first-order estimate; its {height} x {width} values say roughly where, not what, "
        "and each may depend on more of the photograph than it covers."
    )


def discuss_top_patches(result: TopPatches) -> str:
    """How active the channel is on its patches, and what they do not prove."""
    name = f"Channel {result.channel} of {result.layer}"
    if not result.patches:
        return f"{name} is zero or less all over these photographs."
    first, last = result.patches[0], result.patches[-1]
    return (
        f"{name} reaches {first.value:.2f} in {first.image}, and {last.value:.2f} in the last of the "
        f"{len(result.patches)} patches shown. They are its extremes in one collection; what it responds to "
        "moderately, or elsewhere, they do not show."
    )


def discuss_feature_maps(result: FeatureMaps) -> list[str]:
    """Paragraphs about the maps: one for each layer, how they change with depth, and the limits."""
    paragraphs = [
        _about_layer(layer, [feature for feature in result.maps if feature.layer == layer.name], result)
        for layer in result.layers
    ]
    if len(result.layers) > 1:
        paragraphs.append(_about_depth(result))
    return [*paragraphs, _LIMITS]


def _about_layer(layer: LayerSummary, maps: list[FeatureMap], result: FeatureMaps) -> str:
    height, width = result.input_size
    if layer.receptive_field == result.input_size:
        sees = "can depend on the whole input"
    else:
        sees = "can depend on {} x {} of its pixels".format(*layer.receptive_field)
    strongest = max(maps, key=lambda feature: abs(feature.importance))
    return (
        f"{layer.name}, at {percent(layer.depth, 0)} of the depth, has {layer.channels} channels of {layer.height} x "
        f"{layer.width} values. Each value stands for {height / layer.height:.3g} x {width / layer.width:.3g} pixels "
        f"of the input and {sees}. {percent(layer.zero_fraction, 0)} of its values are zero or less, and "
        f"{layer.zero_channels} channels are so everywhere on this photograph. {_cues(maps)} "
        f"{layer.supporting} of its channels support {result.top.label}; {layer.concentration} of them hold half of "
        f"the support. Of the maps shown, channel {strongest.channel} changes the answer most: ablated, the "
        f"probability of {result.top.label} goes from {result.top.probability:.3f} to "
        f"{result.top.probability + strongest.importance:.3f}."
    )


def _cues(maps: list[FeatureMap]) -> str:
    """Which of the maps follow from the photograph's edges or colours."""
    edges = [feature.channel for feature in maps if feature.edges >= _EXPLAINED]
    colours = [feature.channel for feature in maps if feature.colour >= _EXPLAINED]
    found = [
        f"More than half explained by the photograph's {cue}: {_channels(channels)}."
        for channels, cue in ((edges, "edges"), (colours, "colour"))
        if channels
    ]
    if found:
        return " ".join(found)
    best = max(maps, key=lambda feature: max(feature.edges, feature.colour))
    cue = "edges" if best.edges >= best.colour else "colour"
    return (
        f"None of the maps shown is half explained by the photograph's edges or colours; channel {best.channel} comes "
        f"nearest (multiple correlation {max(best.edges, best.colour):.2f}, with {cue})."
    )


def _channels(numbers: list[int]) -> str:
    *others, last = (str(number) for number in numbers)
    return f"channels {', '.join(others)} and {last}" if others else f"channel {last}"


def _about_depth(result: FeatureMaps) -> str:
    first, last = result.layers[0], result.layers[-1]
    ratio = (first.height * first.width) / (last.height * last.width)
    text = (
        f"From {first.name} to {last.name} the maps go from {first.height} x {first.width} to "
        f"{last.height} x {last.width} values, {ratio:.3g} times fewer, while the channels go from {first.channels} to "
        f"{last.channels}. The share of values that are zero or less goes from {percent(first.zero_fraction, 0)} to "
        f"{percent(last.zero_fraction, 0)}; the median multiple correlation with edges from {first.edges:.2f} to "
        f"{last.edges:.2f}, with colour from {first.colour:.2f} to {last.colour:.2f}."
    )
    if last.receptive_field != result.input_size or ratio <= 1:
        return text
    return (
        f"{text} That is why the late maps are hard to read: {last.height * last.width} values show roughly where "
        "something is, not what; each can depend on every pixel, so a bright value need not lie where its cause does; "
        f"and the answer is spread over {last.supporting} channels, of which a figure shows a few."
    )


_LIMITS = (
    "What this does not prove. The maps are of one photograph; a channel that follows its edges or colours here may "
    "follow something else elsewhere, and correlation is not the reason for which it is active. The interest of a "
    "channel measures how a map looks, not what it means. Ablation sets one channel to zero, a state that the network "
    "may never have met, and misses what several channels do together; the count of channels that support the class is "
    "a first-order estimate (activation times gradient). The receptive field is what a value can depend on; what it "
    "does depend on is often much less."
)
