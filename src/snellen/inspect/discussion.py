"""What the measurements of feature maps say, in sentences, and what they do not prove."""

from __future__ import annotations

from snellen.inspect.feature_maps import FeatureMap, FeatureMaps, LayerSummary

# A map is called explained by a cue from this multiple correlation on: half of its variance.
_EXPLAINED = 0.5**0.5


def discuss(result: FeatureMaps) -> list[str]:
    """Paragraphs about the maps: one for each layer, how they change with depth, and the limits."""
    paragraphs = [_about_layer(layer, _of(result, layer), result) for layer in result.layers]
    if len(result.layers) > 1:
        paragraphs.append(_about_depth(result))
    return [*paragraphs, _LIMITS]


def _of(result: FeatureMaps, layer: LayerSummary) -> list[FeatureMap]:
    return [feature for feature in result.maps if feature.layer == layer.name]


def _about_layer(layer: LayerSummary, maps: list[FeatureMap], result: FeatureMaps) -> str:
    height, width = result.input_size
    cells = f"{layer.height} x {layer.width}"
    if layer.receptive_field == result.input_size:
        sees = "can depend on the whole input"
    else:
        sees = "can depend on {} x {} of its pixels".format(*layer.receptive_field)
    strongest = max(maps, key=lambda feature: abs(feature.importance))
    return " ".join(
        [
            f"{layer.name}, at {_percent(layer.depth)} of the depth, has {layer.channels} channels of {cells} values. "
            f"Each value stands for {height / layer.height:.3g} x {width / layer.width:.3g} pixels of the input "
            f"and {sees}.",
            f"{_percent(layer.zero_fraction)} of its values are zero or less, and {layer.zero_channels} channels are so "
            "everywhere on this photograph.",
            _cues(maps),
            f"{layer.supporting} of its channels speak for {result.top.label}; {layer.concentration} of them hold half "
            "of what speaks for it.",
            f"Of the maps shown, channel {strongest.channel} changes the answer most: silenced, the probability of "
            f"{result.top.label} goes from {result.top.probability:.3f} to "
            f"{result.top.probability + strongest.importance:.3f}.",
        ]
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
    sentences = [
        f"From {first.name} to {last.name} the maps go from {first.height} x {first.width} to "
        f"{last.height} x {last.width} values, {ratio:.3g} times fewer, while the channels go from {first.channels} to "
        f"{last.channels}.",
        f"The share of values that are zero or less goes from {_percent(first.zero_fraction)} to {_percent(last.zero_fraction)}; the "
        f"median multiple correlation with edges from {first.edges:.2f} to {last.edges:.2f}, with colour from "
        f"{first.colour:.2f} to {last.colour:.2f}.",
    ]
    if last.receptive_field == result.input_size and ratio > 1:
        sentences.append(
            f"That is why the late maps are hard to read: {last.height * last.width} values show roughly where "
            "something is, not what; each can depend on every pixel, so the place of a bright value need not be the "
            f"place of its cause; and the answer is spread over {last.supporting} channels, of which a figure shows a "
            "few."
        )
    return " ".join(sentences)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


_LIMITS = (
    "What this does not prove. The maps are of one photograph; a channel that follows its edges or colours here may "
    "follow something else elsewhere, and correlation is not the reason for which it fires. The interest of a channel "
    "measures how a map looks, not what it means. Silencing sets one channel to zero, a state that the network may "
    "never have met, and misses what several channels do together; the count of channels that speak for the class is "
    "a first-order estimate (activation times gradient). The receptive field is what a value can depend on; what it "
    "does depend on is often much less."
)
