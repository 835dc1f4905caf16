"""How it sees: five feature maps from early in the network, five from the middle, five from near its end.

The assignment's problem 1, part 2. A layer has hundreds of channels, so which are worth looking at? The *interest*
of a channel is a product of three numbers in [0, 1], computed for the photograph at hand:

- **alive**, s / (s + m): s is the standard deviation of its values over the map, m the median of s over the
  layer's channels that vary at all. A constant map has 0, a typical one 1/2.
- **structured**, Moran's autocorrelation between neighbours, 1 - mean (a_i - a_j)^2 / (2 s^2) over horizontal and
  vertical neighbours i, j, at least 0: 1 for broad shapes, near 0 for noise.
- **different**, 1 - max |r|: r is the correlation with each map already chosen from this layer.

Channels are taken greedily, the most interesting first, the lower number where two are equal: the same photograph
always gives the same maps. A margin of a seventh of each side is left out of the three: there the padding speaks,
not the photograph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from skimage import filters
from skimage.color import rgb2lab
from torch import Tensor
from torch.nn import functional

from snellen.data.preprocessing import check_pixels
from snellen.errors import InputError, ModelError
from snellen.inspect.activations import read_activations, read_activations_and_gradients
from snellen.models.classifier import Classifier
from snellen.models.layers import Layer, Transform, find_layer, hooked
from snellen.models.predictions import Prediction, top_predictions

# Where early, middle and late lie, as shares of the network's weighted layers.
BANDS = ((0.0, 0.2), (0.3, 0.7), (0.8, 1.0))
# The part of each side on which the choice does not look.
_MARGIN = 7
# In units of CIELAB; below it a cue does not vary in the photograph.
_LEAST_CUE = 1e-2
# How many silenced copies of the photograph run at once.
_BATCH = 8

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class FeatureMap:
    """One channel's map of one photograph, and what was measured of it.

    Attributes:
        layer: the name of the place.
        channel: counted from 0.
        depth: of the layer, in [0, 1].
        height, width: of the map.
        receptive_field: (height, width) in input pixels that one value can depend on.
        interest: alive x structured x different; see the module.
        alive, structured, different: its factors, in [0, 1].
        low, high: the least and the greatest value.
        dead: share of values that are zero or less.
        edges: adjusted multiple correlation with the photograph's edges at the map's resolution (Sobel, of CIELAB
            lightness: horizontal, vertical and strength), in [0, 1].
        colour: the same with the photograph's colour (CIELAB a and b), in [0, 1].
        importance: change of the top class's probability when the channel is set to zero; negative where the
            channel speaks for the class.
    """

    layer: str
    channel: int
    depth: float
    height: int
    width: int
    receptive_field: tuple[int, int]
    interest: float
    relative_variance: float
    autocorrelation: float
    dissimilarity: float
    low: float
    high: float
    zero_fraction: float
    edges: float
    colour: float
    importance: float


@dataclass(frozen=True)
class LayerSummary:
    """All channels of one chosen layer.

    Attributes:
        name, kind, depth, channels, height, width, receptive_field: see :class:`snellen.models.layers.Layer`.
        dead: share of the layer's values that are zero or less.
        zero_channels: channels without a value above zero anywhere.
        supporting: channels that speak for the top class: activation times gradient of its logit, summed over the
            map, is above zero. To first order this is what silencing the channel takes from the logit.
        concentration: the least number of channels that hold half of all that speaks for the class.
        edges, colour: medians over the channels that vary.
    """

    name: str
    kind: str
    depth: float
    channels: int
    height: int
    width: int
    receptive_field: tuple[int, int]
    zero_fraction: float
    zero_channels: int
    supporting: int
    concentration: int
    edges: float
    colour: float


@dataclass(frozen=True, eq=False)
class FeatureMaps:
    """The chosen maps of one photograph.

    Attributes:
        top: the photograph's most probable class.
        input_size: (height, width) of the network's input.
        layers: from shallow to deep, or as asked for.
        maps: those of the first layer first, the most interesting first.
        values: of each map, (H, W), as the network holds them.
    """

    top: Prediction
    input_size: tuple[int, int]
    layers: tuple[LayerSummary, ...]
    maps: tuple[FeatureMap, ...]
    values: tuple[Array, ...]


@dataclass(frozen=True, eq=False)
class ChannelSelection:
    """The channels chosen from one layer: one number of each measure for each channel.

    Attributes:
        place: the layer.
        channels: (k,) their numbers.
        alive, structured, different: (k,) in [0, 1].
        maps: (C, H, W) the whole layer, chosen or not.
    """

    place: Layer
    channels: list[int]
    relative_variance: list[float]
    autocorrelation: list[float]
    dissimilarity: list[float]
    maps: Tensor


def feature_maps(
    classifier: Classifier,
    pixels: Tensor,
    layers: Sequence[str] | None = None,
    channels: Sequence[int] | None = None,
    count: int = 5,
) -> FeatureMaps:
    """Interesting feature maps of one photograph, with what can be measured of them.

    Args:
        classifier: the classifier under examination.
        pixels: one photograph (1, 3, H, W) in [0, 1].
        layers: names of places; without them one each from early, the middle and late.
        channels: their numbers, the same in every layer; without them the ``count`` most interesting.
        count: how many maps of each layer.

    Raises:
        InputError: more than one photograph, no such layer or channel, or a count below one.
        ModelError: the network has no place with a spatial map.
    """
    check_pixels(pixels, "feature_maps")
    if pixels.shape[0] != 1:
        raise InputError(f"feature_maps: got {pixels.shape[0]} photographs", "one at a time")
    places = choose_layers(classifier, layers)
    view = classifier.preprocessing.preprocess(pixels.to(classifier.device))
    logits, choices = choose_channels(classifier, view, places, channels, count)
    top = top_predictions(classifier, logits, 1)[0][0]
    changes = ablate(classifier, view, choices, top)
    support = channel_contributions(classifier, view, places, top)
    described = [_describe(choice, view) for choice in choices]
    return FeatureMaps(
        top=top,
        input_size=classifier.preprocessing.size,
        layers=tuple(
            _summarise(choice, each, evidence)
            for choice, each, evidence in zip(choices, described, support, strict=True)
        ),
        maps=tuple(
            feature
            for choice, each, change in zip(choices, described, changes, strict=True)
            for feature in _features(choice, each, change)
        ),
        values=tuple(choice.maps[channel].cpu().numpy() for choice in choices for channel in choice.channels),
    )


def choose_layers(classifier: Classifier, layers: Sequence[str] | None = None) -> list[Layer]:
    """The places called ``layers``; without names, one of each of :data:`BANDS`.

    Only places right after an activation function count, and of these, where the band has such, those that follow a
    convolution with a window: what a 1 x 1 convolution makes is a blend of channels, and harder to read. Of several
    it is the one with the finest map, and of these the one nearest to the middle of the band; where a band has none,
    the nearest outside it.

    Raises:
        InputError: no such name; offers the nearest.
        ModelError: the network has no place with a spatial map.
    """
    places = classifier.layers
    if not places:
        raise ModelError(
            f"{classifier.name}: no layer of it has a map with height and width", "a convolutional or patch network"
        )
    if layers:
        return list(dict.fromkeys(find_layer(places, name) for name in layers))
    activated = [place for place in places if place.activated] or places
    return list(dict.fromkeys(_layer_in(activated, low, high) for low, high in BANDS))


def _layer_in(places: Sequence[Layer], low: float, high: float) -> Layer:
    def distance(place: Layer) -> float:
        return abs(place.depth - (low + high) / 2)

    inside = [place for place in places if low <= place.depth <= high]
    if not inside:
        return min(places, key=distance)
    windowed = [place for place in inside if place.windowed] or inside
    return min(windowed, key=lambda place: (-place.shape.height * place.shape.width, distance(place)))


def choose_channels(
    classifier: Classifier,
    view: Tensor,
    places: Sequence[Layer],
    channels: Sequence[int] | None = None,
    count: int = 5,
) -> tuple[Tensor, list[ChannelSelection]]:
    """Logits (1, K) of ``view`` (1, 3, h, w) and the chosen channels of each place: one forward pass.

    Raises:
        InputError: no such channel, or a count below one.
    """
    if count < 1:
        raise InputError(f"feature_maps: {count} maps of each layer", "at least 1")
    for place in places:
        for channel in channels or ():
            if not 0 <= channel < place.shape.channels:
                raise InputError(
                    f"{place.name}: no channel {channel}", f"its channels are 0 to {place.shape.channels - 1}"
                )
    logits, maps = read_activations(classifier, view, places)
    return logits, [_choose(place, layer[0], channels, count) for place, layer in zip(places, maps, strict=True)]


def _choose(place: Layer, maps: Tensor, channels: Sequence[int] | None, count: int) -> ChannelSelection:
    """The most interesting channels of ``maps`` (C, H, W), or those asked for, measured in the order given."""
    down, across = (side // _MARGIN for side in maps.shape[1:])
    inner = maps[:, down : maps.shape[1] - down, across : maps.shape[2] - across]
    deviations, autocorrelation = _spread_and_structure(inner)
    relative_variance = _relative_variance(deviations)
    worth = relative_variance * autocorrelation
    flat = _standardised(inner.flatten(1), deviations)
    similarity = torch.zeros_like(worth)
    chosen: list[int] = []
    dissimilarity: list[float] = []
    asked = list(dict.fromkeys(channels)) if channels else [None] * min(count, place.shape.channels)
    for wanted in asked:
        interest = worth * (1 - similarity)
        interest[chosen] = -1
        channel = int(interest.argmax()) if wanted is None else wanted
        chosen.append(channel)
        dissimilarity.append(float(1 - similarity[channel]))
        similarity = torch.maximum(similarity, (flat @ flat[channel]).abs().clamp(max=1))
    return ChannelSelection(
        place, chosen, relative_variance[chosen].tolist(), autocorrelation[chosen].tolist(), dissimilarity, maps
    )


def _spread_and_structure(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Standard deviation and neighbour autocorrelation, both (C,), of ``maps`` (C, H, W)."""
    variance = maps.flatten(1).var(dim=1, correction=0)
    down = (maps[:, 1:] - maps[:, :-1]).flatten(1)
    across = (maps[:, :, 1:] - maps[:, :, :-1]).flatten(1)
    squared = torch.linalg.vector_norm(down, dim=1).square() + torch.linalg.vector_norm(across, dim=1).square()
    step = squared / (down.shape[1] + across.shape[1])
    autocorrelation = (1 - step / (2 * variance)).clamp(0, 1)
    return variance.sqrt(), torch.where(variance > 0, autocorrelation, 0.0)


def _relative_variance(deviations: Tensor) -> Tensor:
    varying = deviations[deviations > 0]
    if not len(varying):
        return torch.zeros_like(deviations)
    return deviations / (deviations + varying.median())


def _standardised(flat: Tensor, deviations: Tensor) -> Tensor:
    """``flat`` (C, P) such that the product of two rows is their correlation; zero where a row is constant."""
    scale = torch.where(deviations > 0, deviations, torch.inf) * flat.shape[1] ** 0.5
    standard: Tensor = (flat - flat.mean(dim=1, keepdim=True)) / scale[:, None]
    return standard


def ablate(
    classifier: Classifier, view: Tensor, choices: Sequence[ChannelSelection], top: Prediction
) -> list[list[float]]:
    """The change of the top class's probability when each chosen channel alone is set to zero."""
    wanted = [(number, channel) for number, choice in enumerate(choices) for channel in choice.channels]
    changes: list[list[float]] = [[] for _ in choices]
    for start in range(0, len(wanted), _BATCH):
        batch = wanted[start : start + _BATCH]
        taps: dict[Layer, Transform] = {}
        for number in {number for number, _ in batch}:
            cases = [(row, channel) for row, (other, channel) in enumerate(batch) if other == number]
            taps[choices[number].place] = _ablation(choices[number].place, cases)
        with torch.no_grad(), hooked(classifier.network, taps):
            logits = classifier.logits_from_inputs(view.expand(len(batch), -1, -1, -1))
        probabilities = logits.double().softmax(dim=1)[:, top.index].tolist()
        for (number, _), probability in zip(batch, probabilities, strict=True):
            changes[number].append(probability - top.probability)
    return changes


def _ablation(place: Layer, cases: Sequence[tuple[int, int]]) -> Transform:
    """Sets channel c of photograph n to zero for each (n, c) of ``cases``."""
    rows, channels = (list(each) for each in zip(*cases, strict=True))

    def ablated(output: Tensor) -> Tensor:
        output = output.clone()
        place.shape.map_of(output)[rows, channels] = 0
        return output

    return ablated


def channel_contributions(
    classifier: Classifier, view: Tensor, places: Sequence[Layer], top: Prediction
) -> list[Tensor]:
    """For each place, what each channel (C,) adds to the top class's logit, to first order."""
    _, evidence = read_activations_and_gradients(
        classifier, view, places, lambda logits: logits.new_tensor([top.index]).long()
    )
    return [(maps * gradients).sum(dim=(2, 3))[0] for maps, gradients in evidence]


@dataclass(frozen=True, eq=False)
class _Description:
    """Correlations of every channel (C,) of a layer with the photograph, and its share of dead values (C,)."""

    edges: Tensor
    colour: Tensor
    zero_fraction: Tensor


def _describe(choice: ChannelSelection, view: Tensor) -> _Description:
    flat = choice.maps.flatten(1)
    standard = _standardised(flat, _spread(flat))
    edges, colour = (cue.to(flat) for cue in _cues(view, choice.maps.shape[1], choice.maps.shape[2]))
    zero_fraction = (flat <= 0).float().mean(dim=1)
    return _Description(_explained(standard, edges), _explained(standard, colour), zero_fraction)


def _spread(flat: Tensor) -> Tensor:
    return flat.std(dim=1, correction=0)


def _cues(view: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Edges (3, P) and colour (2, P) of ``view`` (1, 3, h, w) at the P positions of a map."""
    small = functional.adaptive_avg_pool2d(view, (height, width))[0].permute(1, 2, 0).cpu().numpy()
    lightness, *colour = np.moveaxis(rgb2lab(small), 2, 0)
    edges = [filters.sobel_h(lightness), filters.sobel_v(lightness), filters.sobel(lightness)]
    return tuple(torch.from_numpy(np.stack(cue)).float().flatten(1) for cue in (edges, colour))  # type: ignore[return-value]


def _explained(standard: Tensor, cues: Tensor) -> Tensor:
    """Adjusted multiple correlation (C,) of each row of ``standard`` (C, P) with the rows of ``cues`` (k, P)."""
    positions = cues.shape[1]
    centred = cues - cues.mean(dim=1, keepdim=True)
    _, scale, basis = torch.linalg.svd(centred, full_matrices=False)
    # A grey photograph has no colour but rounding.
    basis = basis[scale > _LEAST_CUE * positions**0.5]
    freedom = positions - len(basis) - 1
    if freedom < 1 or not len(basis):
        return torch.zeros(len(standard)).to(standard)
    squared: Tensor = (standard @ basis.T).square().sum(dim=1).clamp(max=1)
    adjusted = 1 - (1 - squared) * (positions - 1) / freedom
    return adjusted.clamp(min=0).sqrt()


def _features(choice: ChannelSelection, described: _Description, changes: Sequence[float]) -> list[FeatureMap]:
    place = choice.place
    features = []
    for number, channel in enumerate(choice.channels):
        factors = choice.relative_variance[number], choice.autocorrelation[number], choice.dissimilarity[number]
        low, high = choice.maps[channel].aminmax()
        features.append(
            FeatureMap(
                layer=place.name,
                channel=channel,
                depth=place.depth,
                height=place.shape.height,
                width=place.shape.width,
                receptive_field=place.receptive_field,
                interest=factors[0] * factors[1] * factors[2],
                relative_variance=factors[0],
                autocorrelation=factors[1],
                dissimilarity=factors[2],
                low=float(low),
                high=float(high),
                zero_fraction=float(described.zero_fraction[channel]),
                edges=float(described.edges[channel]),
                colour=float(described.colour[channel]),
                importance=changes[number],
            )
        )
    return features


def _summarise(choice: ChannelSelection, described: _Description, support: Tensor) -> LayerSummary:
    place = choice.place
    live = _spread(choice.maps.flatten(1)) > 0
    speaking = support[support > 0].sort(descending=True).values.double().cumsum(0)
    half = int((speaking < speaking[-1] / 2).sum()) + 1 if len(speaking) else 0
    return LayerSummary(
        name=place.name,
        kind=place.kind,
        depth=place.depth,
        channels=place.shape.channels,
        height=place.shape.height,
        width=place.shape.width,
        receptive_field=place.receptive_field,
        zero_fraction=float(described.zero_fraction.mean()),
        zero_channels=int((described.zero_fraction == 1).sum()),
        supporting=len(speaking),
        concentration=half,
        edges=float(described.edges[live].abs().median()) if live.any() else 0.0,
        colour=float(described.colour[live].median()) if live.any() else 0.0,
    )
