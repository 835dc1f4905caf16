"""How it sees: five feature maps from early in the network, five from the middle, five from near its end.

The assignment's problem 1, part 2. A layer has hundreds of channels, so which are worth looking at? The *interest*
of a channel is a product of three numbers in [0, 1], computed for the photograph at hand:

- **relative variance**, s / (s + m): s is the standard deviation of its values over the map, m the median of s over
  the layer's channels that vary at all. A constant map has 0, a typical one 1/2.
- **autocorrelation**, Moran's between neighbours, 1 - mean (a_i - a_j)^2 / (2 s^2) over horizontal and vertical
  neighbours i, j, at least 0: 1 for broad shapes, near 0 for noise.
- **dissimilarity**, 1 - max |r|: r is the correlation with each map already chosen from this layer.

Channels are taken greedily, the most interesting first, the lower number where two are equal: the same photograph
always gives the same maps. A margin of a seventh of each side is left out of the three: it owes more to the padding
than to the photograph.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from skimage import filters
from skimage.color import rgb2lab
from torch import Tensor
from torch.nn import functional

from snellen.data.images import Failure, ImageLike, Source
from snellen.data.preprocessing import Preprocessing
from snellen.errors import InputError, ModelError
from snellen.inspect.activations import read_activations, read_activations_and_gradients
from snellen.inspect.batches import Named, one_or_each, reader
from snellen.models.classifier import Classifier
from snellen.models.layers import Hook, Layer, find_layer, hooked
from snellen.models.predictions import Prediction, softmax, top_predictions
from snellen.runs.result import Result
from snellen.runs.serialise import NOT_SERIALISED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BANDS = ((0.0, 0.2), (0.4, 0.6), (0.8, 1.0))
"""Where early, middle and end lie, as shares of the network's weighted layers."""
STAGES = ("early", "middle", "end")
"""What each of :data:`BANDS` is called."""
# One over the share of each side that is left out of the measures behind the choice.
_MARGIN = 7
SPREAD = "here and there"
"""Where the greatest values of a map lie that has them in many places."""
_DIRECTIONS = ("right", "lower right", "bottom", "lower left", "left", "upper left", "top", "upper right")
_LINES = (
    "horizontal lines", "lines rising gently to the right", "lines rising to the right",
    "lines rising steeply to the right", "vertical lines", "lines falling steeply to the right",
    "lines falling to the right", "lines falling gently to the right",
)  # fmt: skip
"""Lines of either sign, each turned by an eighth of half a turn from the one before."""
CUES = (
    "light areas", "dark areas", "red", "green", "yellow", "blue", "outlines", "horizontal edges", "vertical edges",
    *(f"edges with the {shade} at the {side}" for shade in ("light", "red", "yellow") for side in _DIRECTIONS),
    *_LINES,
)  # fmt: skip
"""What a map is held against, one by one: CIELAB lightness and its opposite; the two ends of a and of b; of Sobel's
answers to lightness the strength, and the sizes of its two directions; the slope of lightness, of a (red against green)
and of b (yellow against blue) towards each of eight sides, or what of it is above zero; and the energy of lines in
eight directions (:func:`line_energy`)."""
_SAMPLES, _WAVELENGTH = 4, 2.0
"""Samples a side of what is searched for lines, for each of a map's values; and, in such values, from a line to the
next."""
# In units of CIELAB; below it a cue does not vary in the photograph.
_LEAST_CUE = 1e-2
# How many ablations run at once.
_BATCH = 8

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class FeatureMap:
    """One channel's map of one photograph, and what was measured of it.

    Attributes:
        layer: name of the layer.
        channel: number of the channel, from 0.
        depth: depth of the layer, in [0, 1].
        height, width: size of the map.
        receptive_field: (height, width) in input pixels that one value can depend on.
        interest: relative variance x autocorrelation x dissimilarity; see the module.
        relative_variance, autocorrelation, dissimilarity: its factors, in [0, 1].
        low, high: the least and the greatest value.
        zero_fraction: share of values that are zero or less.
        edges: adjusted multiple correlation with the photograph's edges at the map's resolution (Sobel, of CIELAB
            lightness: horizontal, vertical and strength), in [0, 1].
        colour: the same with the photograph's colour (CIELAB a and b), in [0, 1].
        importance: change of the top class's probability when the channel is ablated (set to zero); negative where
            the channel supports the class.
        cue: the one of :data:`CUES` that the map correlates with most, over the photograph at the map's resolution.
        cue_correlation: that correlation, in [0, 1]; 0 where no cue or the map itself does not vary.
        brightest: where in the input the greatest tenth of its values lies on average, such as ``at the bottom left``;
            ``here and there`` where that is the middle of values far apart.
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
    cue: str
    cue_correlation: float
    brightest: str


@dataclass(frozen=True)
class LayerSummary:
    """All channels of one chosen layer.

    Attributes:
        name, kind, depth, channels, height, width, receptive_field: see :class:`snellen.models.layers.Layer`.
        zero_fraction: share of the layer's values that are zero or less.
        zero_channels: number of channels without a value above zero anywhere.
        supporting: number of channels that support the top class: activation times gradient of its logit, summed over
            the map, is above zero. To first order this is what ablating the channel takes from the logit.
        concentration: the least number of channels that hold half of all that supports the class.
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
class FeatureMaps(Result):
    """The chosen maps of one photograph.

    Attributes:
        image: path of the photograph, or what stands for it.
        model: name of the classifier.
        top: the photograph's most probable class.
        input_size: (height, width) of the network's input.
        layers: from shallow to deep, or as asked for.
        maps: those of the first layer first, the most interesting first.
        values: the activations of each map, (H, W), as the network holds them.
        photograph: the photograph as it was given; a figure opens it again.
        preprocessing: where in the photograph the input lies.
    """

    image: str
    model: str
    top: Prediction
    input_size: tuple[int, int]
    layers: tuple[LayerSummary, ...]
    maps: tuple[FeatureMap, ...]
    values: tuple[Array, ...] = field(repr=False, metadata=NOT_SERIALISED)
    photograph: ImageLike = field(repr=False, metadata=NOT_SERIALISED)
    preprocessing: Preprocessing = field(repr=False, metadata=NOT_SERIALISED)

    def plot(self) -> Figure:
        """One row for each layer: its maps, each scaled to [0, 1]."""
        from snellen.inspect.figures import draw_feature_maps

        return draw_feature_maps(self)

    def discussion(self) -> str:
        """What early, middle and late maps show, why the late ones are hard to read, and what this does not prove."""
        from snellen.inspect.discussion import discuss_feature_maps

        return "\n\n".join(discuss_feature_maps(self))


@dataclass(frozen=True, eq=False)
class ChannelSelection:
    """The channels chosen from one layer: one number of each measure for each channel.

    Attributes:
        layer: the layer.
        channels: (k,) their numbers.
        relative_variance, autocorrelation, dissimilarity: (k,) in [0, 1].
        maps: (C, H, W) the whole layer, chosen or not.
    """

    layer: Layer
    channels: list[int]
    relative_variance: list[float]
    autocorrelation: list[float]
    dissimilarity: list[float]
    maps: Tensor


@overload
def feature_maps(
    classifier: Classifier,
    images: Source | Image.Image,
    layers: Sequence[str] | None = ...,
    channels: Sequence[int] | None = ...,
    count: int = ...,
) -> FeatureMaps: ...
@overload
def feature_maps(
    classifier: Classifier,
    images: Any,
    layers: Sequence[str] | None = ...,
    channels: Sequence[int] | None = ...,
    count: int = ...,
) -> Any: ...
def feature_maps(
    classifier: Classifier,
    images: ImageLike | Iterable[ImageLike],
    layers: Sequence[str] | None = None,
    channels: Sequence[int] | None = None,
    count: int = 5,
) -> FeatureMaps | list[FeatureMaps | Failure]:
    """Interesting feature maps of one photograph, or of each of several, with what can be measured of them.

    Args:
        classifier: the classifier under examination.
        images: one photograph or several: see :func:`snellen.data.images.one_or_many`.
        layers: names of layers; without them one each from early, the middle and late.
        channels: their numbers, the same in every layer; without them the ``count`` most interesting.
        count: number of maps of each layer.

    Returns:
        :class:`FeatureMaps`; of several photographs a list, with a :class:`Failure` where one cannot be read.

    Raises:
        ImageError: the only photograph cannot be read.
        InputError: something that is no photograph, no such layer or channel, or a count below one.
        ModelError: the network has no layer with a spatial map.
    """
    chosen = choose_layers(classifier, layers)

    def run(photographs: Sequence[Named], inputs: Tensor) -> list[FeatureMaps]:
        logits, selections = choose_channels(classifier, inputs, chosen, channels, count)
        return [_weigh(classifier, photographs[0], inputs, selections, top_predictions(classifier, logits, 1)[0][0])]

    return one_or_each(images, "feature_maps", reader(classifier, "feature_maps"), run, size=1)


def _weigh(
    classifier: Classifier, photograph: Named, inputs: Tensor, selections: Sequence[ChannelSelection], top: Prediction
) -> FeatureMaps:
    changes = ablate(classifier, inputs, selections, top)
    contributions = channel_contributions(classifier, inputs, [each.layer for each in selections], top)
    described = [_describe(each, inputs) for each in selections]
    return FeatureMaps(
        image=photograph[0],
        model=classifier.name,
        top=top,
        input_size=classifier.preprocessing.size,
        layers=tuple(map(_summarise, selections, described, contributions)),
        maps=tuple(feature for each in map(_features, selections, described, changes) for feature in each),
        values=tuple(each.maps[channel].cpu().numpy() for each in selections for channel in each.channels),
        photograph=photograph[1],
        preprocessing=classifier.preprocessing,
    )


def choose_layers(classifier: Classifier, names: Sequence[str] | None = None) -> list[Layer]:
    """The layers called ``names``; without names, one of each of :data:`BANDS`.

    Only layers right after an activation function count, and of these, where the band has such, those that follow a
    convolution with a window: what a 1 x 1 convolution makes is a blend of channels, and harder to read. Of several
    it is the one with the finest map, and of these the one nearest to the middle of the band; where a band has none,
    the nearest outside it.

    Raises:
        InputError: no such name; offers the nearest.
        ModelError: the network has no layer with a spatial map.
    """
    layers = classifier.layers
    if not layers:
        raise ModelError(
            f"{classifier.name}: no layer of it has a map with height and width", "a convolutional or patch network"
        )
    if names:
        return list(dict.fromkeys(find_layer(layers, name) for name in names))
    activated = [layer for layer in layers if layer.activated] or layers
    return list(dict.fromkeys(_layer_in(activated, low, high) for low, high in BANDS))


def stage_of(depth: float) -> str:
    """Which of :data:`STAGES` a depth in [0, 1] lies in; empty between them."""
    return next((stage for stage, (low, high) in zip(STAGES, BANDS, strict=True) if low <= depth <= high), "")


def _layer_in(layers: Sequence[Layer], low: float, high: float) -> Layer:
    def distance(layer: Layer) -> float:
        return abs(layer.depth - (low + high) / 2)

    inside = [layer for layer in layers if low <= layer.depth <= high]
    if not inside:
        return min(layers, key=distance)
    windowed = [layer for layer in inside if layer.windowed] or inside
    return min(windowed, key=lambda layer: (-layer.shape.height * layer.shape.width, distance(layer)))


def choose_channels(
    classifier: Classifier,
    inputs: Tensor,
    layers: Sequence[Layer],
    channels: Sequence[int] | None = None,
    count: int = 5,
) -> tuple[Tensor, list[ChannelSelection]]:
    """Logits (1, K) of ``inputs`` (1, 3, h, w) and the chosen channels of each layer: one forward pass.

    Raises:
        InputError: no such channel, or a count below one.
    """
    if count < 1:
        raise InputError(f"feature_maps: {count} maps of each layer", "at least 1")
    for layer in layers:
        for channel in channels or ():
            if not 0 <= channel < layer.shape.channels:
                raise InputError(
                    f"{layer.name}: no channel {channel}", f"its channels are 0 to {layer.shape.channels - 1}"
                )
    logits, maps = read_activations(classifier, inputs, layers)
    return logits, [_choose(layer, each[0], channels, count) for layer, each in zip(layers, maps, strict=True)]


def _choose(layer: Layer, maps: Tensor, channels: Sequence[int] | None, count: int) -> ChannelSelection:
    """The most interesting channels of ``maps`` (C, H, W), or those asked for, measured in the order given."""
    down, across = (side // _MARGIN for side in maps.shape[1:])
    inner = maps[:, down : maps.shape[1] - down, across : maps.shape[2] - across]
    deviations, autocorrelation = _deviation_and_autocorrelation(inner)
    relative_variance = _relative_variance(deviations)
    worth = relative_variance * autocorrelation
    flat = _standardised(inner.flatten(1), deviations)
    similarity = torch.zeros_like(worth)
    chosen: list[int] = []
    dissimilarity: list[float] = []
    for asked in dict.fromkeys(channels) if channels else [None] * min(count, layer.shape.channels):
        interest = worth * (1 - similarity)
        interest[chosen] = -1
        channel = int(interest.argmax()) if asked is None else asked
        chosen.append(channel)
        dissimilarity.append(float(1 - similarity[channel]))
        similarity = torch.maximum(similarity, (flat @ flat[channel]).abs().clamp(max=1))
    return ChannelSelection(
        layer, chosen, relative_variance[chosen].tolist(), autocorrelation[chosen].tolist(), dissimilarity, maps
    )


def _deviation_and_autocorrelation(maps: Tensor) -> tuple[Tensor, Tensor]:
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
    classifier: Classifier, inputs: Tensor, selections: Sequence[ChannelSelection], top: Prediction
) -> list[list[float]]:
    """The change of the top class's probability when each chosen channel alone is set to zero."""
    ablations = [(number, channel) for number, each in enumerate(selections) for channel in each.channels]
    changes: list[list[float]] = [[] for _ in selections]
    for start in range(0, len(ablations), _BATCH):
        batch = ablations[start : start + _BATCH]
        hooks: dict[Layer, Hook] = {}
        for number in {number for number, _ in batch}:
            ablated = [(row, channel) for row, (other, channel) in enumerate(batch) if other == number]
            hooks[selections[number].layer] = _ablation(selections[number].layer, ablated)
        with torch.no_grad(), hooked(classifier.network, hooks):
            logits = classifier.logits_from_inputs(inputs.expand(len(batch), -1, -1, -1))
        probabilities = softmax(logits)[:, top.index].tolist()
        for (number, _), probability in zip(batch, probabilities, strict=True):
            changes[number].append(probability - top.probability)
    return changes


def _ablation(layer: Layer, ablated: Sequence[tuple[int, int]]) -> Hook:
    """Sets channel c of photograph n to zero for each (n, c) of ``ablated``."""
    rows, channels = (list(each) for each in zip(*ablated, strict=True))

    def hook(output: Tensor) -> Tensor:
        output = output.clone()
        layer.shape.map_of(output)[rows, channels] = 0
        return output

    return hook


def channel_contributions(
    classifier: Classifier, inputs: Tensor, layers: Sequence[Layer], top: Prediction
) -> list[Tensor]:
    """For each layer, what each channel (C,) adds to the top class's logit, to first order."""
    _, read = read_activations_and_gradients(
        classifier, inputs, layers, lambda logits: logits.new_tensor([top.index]).long()
    )
    return [(maps * gradients).sum(dim=(2, 3))[0] for maps, gradients in read]


@dataclass(frozen=True, eq=False)
class _Description:
    """Of every channel of a layer: correlations with the photograph (C,), with each of :data:`CUES` (C, K), and the
    share of values zero or less (C,).
    """

    edges: Tensor
    colour: Tensor
    cues: Tensor
    zero_fraction: Tensor


def _describe(selection: ChannelSelection, inputs: Tensor) -> _Description:
    flat = selection.maps.flatten(1)
    standard = _standardised(flat, _deviation(flat))
    size = (selection.maps.shape[1], selection.maps.shape[2])
    lab = _lab(inputs, *size)
    edges = _flat([filters.sobel_h(lab[0]), filters.sobel_v(lab[0]), filters.sobel(lab[0])]).to(flat)
    return _Description(
        _explained(standard, edges),
        _explained(standard, _flat(lab[1:]).to(flat)),
        cue_correlations(selection.maps, inputs),
        (flat <= 0).float().mean(dim=1),
    )


def cue_correlations(maps: Tensor, inputs: Tensor) -> Tensor:
    """Correlation (C, K) of each of ``maps`` (C, H, W) with each of :data:`CUES` in ``inputs`` (1, 3, h, w).

    0 where the map or the cue does not vary. With a slope, or with what of it is above zero, whichever is larger: a
    rectified map knows nothing of the other side.
    """
    size = (maps.shape[1], maps.shape[2])
    lab = _lab(inputs, *size)
    down, across = (_flat([filters.sobel(shade, axis=axis) for shade in lab]) for axis in (0, 1))
    angles = torch.arange(len(_DIRECTIONS)) * (2 * torch.pi / len(_DIRECTIONS))
    slopes = (angles.cos()[:, None] * across[:, None] + angles.sin()[:, None] * down[:, None]).flatten(0, 1)
    shades = _flat([sign * shade for shade in lab for sign in (1, -1)])
    unsigned = torch.cat((_flat([filters.sobel(lab[0])]), down[:1].abs(), across[:1].abs()))
    flat = maps.flatten(1)
    standard = _standardised(flat, _deviation(flat))

    def correlation(cues: Tensor) -> Tensor:
        deviation = _deviation(cues)
        return standard @ _standardised(cues, torch.where(deviation > _LEAST_CUE, deviation, 0.0)).to(flat).T

    of_slopes = torch.maximum(correlation(slopes), correlation(slopes.clamp(min=0)))
    rest = [correlation(cues) for cues in (shades, unsigned, line_energy(inputs, *size).flatten(1))]
    return torch.cat((*rest[:2], of_slopes, rest[2]), dim=1)


def line_energy(inputs: Tensor, height: int, width: int) -> Tensor:
    """How strong lines of each of eight directions are in ``inputs`` (1, 3, h, w), light or dark: (8, height, width).

    The length of the answers to a pair of Gabor filters, even and odd (Adelson and Bergen, Spatiotemporal energy models
    for the perception of motion, 1985, eq. 3 to 5, without time), on lightness with four samples to a value of the map,
    or fewer where the photograph has no more. From a line to the next it is two values of the map.
    """
    rows, columns = (min(_SAMPLES * side, most) for side, most in zip((height, width), inputs.shape[2:], strict=True))
    lightness = torch.from_numpy(_lab(inputs, rows, columns)[0]).float()
    kernels = _gabor_pairs(_WAVELENGTH * rows / height)
    reach = kernels.shape[-1] // 2
    padded = functional.pad(lightness[None, None], (reach,) * 4, mode="replicate")
    even, odd = functional.conv2d(padded, kernels)[0].chunk(2)
    return functional.adaptive_avg_pool2d((even.square() + odd.square()).sqrt(), (height, width))


def _gabor_pairs(wavelength: float) -> Tensor:
    """Even, then odd filters (16, 1, k, k) of lines in eight directions; none of them answers to a constant."""
    sigma = wavelength / 2
    reach = int(np.ceil(2.5 * sigma))
    y, x = torch.meshgrid(*[torch.arange(-reach, reach + 1).float()] * 2, indexing="ij")
    angles = torch.arange(len(_LINES))[:, None, None] * (torch.pi / len(_LINES))
    across = x * angles.sin() + y * angles.cos()
    window = torch.exp(-(x.square() + y.square()) / (2 * sigma**2)).expand_as(across)
    waves = torch.cat([wave(2 * torch.pi * across / wavelength) for wave in (torch.cos, torch.sin)])
    windows = window.repeat(2, 1, 1)
    waves = waves - (waves * windows).sum(dim=(1, 2), keepdim=True) / windows.sum(dim=(1, 2), keepdim=True)
    return (waves * windows / windows.sum(dim=(1, 2), keepdim=True))[:, None]


def _deviation(flat: Tensor) -> Tensor:
    return flat.std(dim=1, correction=0)


def _lab(inputs: Tensor, height: int, width: int) -> npt.NDArray[np.float32]:
    """CIELAB (3, height, width) of ``inputs`` (1, 3, h, w), averaged to that size."""
    small = functional.adaptive_avg_pool2d(inputs, (height, width))[0].permute(1, 2, 0).cpu().numpy()
    lab: npt.NDArray[np.float32] = np.moveaxis(rgb2lab(small), 2, 0).astype(np.float32)
    return lab


def _flat(cues: Iterable[npt.NDArray[np.float32]]) -> Tensor:
    return torch.from_numpy(np.stack(list(cues))).float().flatten(1)


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


def _features(selection: ChannelSelection, described: _Description, changes: Sequence[float]) -> Iterator[FeatureMap]:
    layer = selection.layer
    factors = zip(selection.relative_variance, selection.autocorrelation, selection.dissimilarity, strict=True)
    for channel, change, (variance, autocorrelation, dissimilarity) in zip(
        selection.channels, changes, factors, strict=True
    ):
        low, high = selection.maps[channel].aminmax()
        correlation, cue = described.cues[channel].max(dim=0)
        yield FeatureMap(
            layer=layer.name,
            channel=channel,
            depth=layer.depth,
            height=layer.shape.height,
            width=layer.shape.width,
            receptive_field=layer.receptive_field,
            interest=variance * autocorrelation * dissimilarity,
            relative_variance=variance,
            autocorrelation=autocorrelation,
            dissimilarity=dissimilarity,
            low=float(low),
            high=float(high),
            zero_fraction=float(described.zero_fraction[channel]),
            edges=float(described.edges[channel]),
            colour=float(described.colour[channel]),
            importance=change,
            cue=CUES[int(cue)],
            cue_correlation=float(correlation.clamp(0, 1)),
            brightest=_brightest(selection.maps[channel]),
        )


def _brightest(values: Tensor) -> str:
    """Where the greatest tenth of a map (H, W) lies on average: in which third of the height and of the width."""
    if not float(values.max()) > float(values.min()):
        return "nowhere"
    highest = torch.nonzero(values >= torch.quantile(values.flatten().float().cpu(), 0.9).to(values)).float().cpu()
    sides = torch.tensor(values.shape)
    down, across = ((highest.mean(dim=0) + 0.5) / sides).tolist()
    row = "top" if down < 1 / 3 else "bottom" if down > 2 / 3 else ""
    column = "left" if across < 1 / 3 else "right" if across > 2 / 3 else ""
    if row and column:
        return f"at the {row} {column}"
    if row or column:
        return f"at the {row or column}"
    # Few values far out do not count, and an even spread fills four fifths.
    first, last = torch.quantile(highest, torch.tensor([0.1, 0.9]), dim=0)
    return SPREAD if bool(((last - first) / sides > 2 / 3).any()) else "in the middle"


def _summarise(selection: ChannelSelection, described: _Description, contributions: Tensor) -> LayerSummary:
    layer = selection.layer
    varying = _deviation(selection.maps.flatten(1)) > 0
    support = contributions[contributions > 0].sort(descending=True).values.cpu().double().cumsum(0)
    half = int((support < support[-1] / 2).sum()) + 1 if len(support) else 0
    return LayerSummary(
        name=layer.name,
        kind=layer.kind,
        depth=layer.depth,
        channels=layer.shape.channels,
        height=layer.shape.height,
        width=layer.shape.width,
        receptive_field=layer.receptive_field,
        zero_fraction=float(described.zero_fraction.mean()),
        zero_channels=int((described.zero_fraction == 1).sum()),
        supporting=len(support),
        concentration=half,
        edges=float(described.edges[varying].median()) if varying.any() else 0.0,
        colour=float(described.colour[varying].median()) if varying.any() else 0.0,
    )
