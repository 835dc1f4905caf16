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

Of the :data:`SEARCHED` most interesting those are shown that can be read best: whose correlation with a simple cue of
the photograph lies farthest above what chance gives (:mod:`snellen.inspect.cues`).

Near the network's end a simple cue hardly says what a channel is for. Of a layer there those are shown that support the
top class most (:func:`channel_contributions`), of the channels whose relative variance is at least a typical one's: an
even map supports it by its level, and shows nothing. Where too few support it, the choice is the same as elsewhere.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from skimage import filters
from torch import Tensor

from snellen.data.images import Failure, ImageLike, Source
from snellen.data.preprocessing import Preprocessing
from snellen.errors import InputError, ModelError
from snellen.inspect.activations import read_activations, read_activations_and_gradients
from snellen.inspect.batches import Named, one_or_each, reader
from snellen.inspect.cues import CONFIDENCE, LEAST_CUE, CueFit, deviations_of, fit_cues, flattened, lab_of, standardised
from snellen.inspect.shape import Shape, number_of_regions, shape_of
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
SEARCHED = 20
"""How many of the most interesting maps of a layer are searched for those that can be read best."""
_TYPICAL = 0.5
"""Relative variance of a channel that varies as much as a layer's median one."""
# One over the share of each side that is left out of the measures behind the choice.
_MARGIN = 7
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
        importance: change of the top class's probability when the channel is ablated: each value of its map replaced
            map's mean. Its pattern is gone, its level stays; negative where the pattern supports the class.
        rival: of the other classes the one whose probability changes most the other way when the channel is ablated;
            empty where none does.
        rival_change: that change.
        support: the channel's part of all that supports the top class in its layer, to first order; negative where it
            speaks against the class, 0 where nothing supports it. See :class:`LayerSummary`.
        cue: the one of :data:`snellen.inspect.cues.CUES` that the map correlates with most, over the photograph at the
            map's resolution.
        cue_correlation: that correlation, in [0, 1]; 0 where no cue or the map itself does not vary.
        cue_by_chance: what the best of all cues reaches with the same map shifted around, in 95% of the shifts.
        shape: what the eye sees of it: how many regions lie above half, where, and whether they are blobs or bands.
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
    rival: str
    rival_change: float
    support: float
    cue: str
    cue_correlation: float
    cue_by_chance: float
    shape: Shape

    @property
    def follows(self) -> bool:
        """Whether it correlates with its cue more than 95% of its shifts do with any."""
        return self.cue_correlation > self.cue_by_chance


@dataclass(frozen=True)
class LayerSummary:
    """All channels of one chosen layer.

    Attributes:
        name, kind, depth, channels, height, width, receptive_field: see :class:`snellen.models.layers.Layer`.
        zero_fraction: share of the layer's values that are zero or less.
        zero_channels: number of channels without a value above zero anywhere.
        supporting: number of channels that support the top class: activation times gradient of its logit, summed over
            the map, is above zero. To first order this is what the logit loses where the channel is set to zero.
        concentration: the least number of channels that hold half of all that supports the class.
        by_support: whether the maps shown are those that support the class most, of the channels that vary.
        shown_of_half: number of the maps shown that are among those that hold half.
        passed_over: number of channels that support the class more than one that is shown by its support, but whose
            maps vary less than a typical one.
        edges, colour: medians over the channels that vary.
        searched: number of its most interesting maps that those shown were chosen from; of channels that were asked
            for, how many.
        following: of those searched the number that follow a cue more closely than by chance.
        regions: median over those searched of the number of connected regions above half.
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
    by_support: bool
    shown_of_half: int
    passed_over: int
    edges: float
    colour: float
    searched: int
    following: int
    regions: float

    @property
    def above_chance(self) -> bool:
        """Whether more of those searched follow a cue than may by chance: :func:`most_by_chance`."""
        return self.following > most_by_chance(self.searched)


@dataclass(frozen=True, eq=False)
class FeatureMaps(Result):
    """The chosen maps of one photograph.

    Attributes:
        image: path of the photograph, or what stands for it.
        model: name of the classifier.
        top: the photograph's most probable class.
        input_size: (height, width) of the network's input.
        layers: from shallow to deep, or as asked for.
        maps: those of the first layer first; of a layer the one that can be read best first, or supports the class
            most, or as asked for.
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
        fits: (k,) the cue that each fits best.
        searched, following, regions, by_support, passed_over: see :class:`LayerSummary`.
        maps: (C, H, W) the whole layer, chosen or not.
    """

    layer: Layer
    channels: list[int]
    relative_variance: list[float]
    autocorrelation: list[float]
    dissimilarity: list[float]
    fits: list[CueFit]
    searched: int
    following: int
    regions: float
    maps: Tensor
    by_support: bool = False
    passed_over: int = 0


@dataclass(frozen=True, eq=False)
class _Interesting:
    """Channels of a layer, in the order in which they were taken, and of each the three measures of interest.

    ``maps`` (C, H, W) are the whole layer's; ``measures`` are relative variances, autocorrelations, dissimilarities.
    """

    layer: Layer
    maps: Tensor
    channels: list[int]
    measures: tuple[list[float], list[float], list[float]]


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
        channels: their numbers, the same in every layer; without them, of the 20 most interesting, the ``count`` that
            can be read best, and near the network's end those that support the top class most.
        count: number of maps of each layer.

    Returns:
        :class:`FeatureMaps`; of several photographs a list, with a :class:`Failure` where one cannot be read.

    Raises:
        ImageError: the only photograph cannot be read.
        InputError: something that is no photograph, no such layer or channel, or a count below one.
        ModelError: the network has no layer with a spatial map.
    """
    read = reader(classifier, "feature_maps")
    chosen = choose_layers(classifier, layers)

    def run(photographs: Sequence[Named], inputs: Tensor) -> list[FeatureMaps]:
        logits, selections = choose_channels(classifier, inputs, chosen, channels, count)
        top = top_predictions(classifier, logits, 1)[0][0]
        contributions = channel_contributions(classifier, inputs, chosen, top)
        if not channels:
            selections = [
                _strongest(each, of_each, inputs, count) if stage_of(each.layer.depth) == STAGES[-1] else each
                for each, of_each in zip(selections, contributions, strict=True)
            ]
        return [_weigh(classifier, photographs[0], inputs, logits, selections, contributions, top)]

    return one_or_each(images, "feature_maps", read, run, size=1)


def _weigh(
    classifier: Classifier,
    photograph: Named,
    inputs: Tensor,
    logits: Tensor,
    selections: Sequence[ChannelSelection],
    contributions: Sequence[Tensor],
    top: Prediction,
) -> FeatureMaps:
    ablations = ablate(classifier, inputs, logits, selections, top)
    described = [_describe(each, inputs) for each in selections]
    return FeatureMaps(
        image=photograph[0],
        model=classifier.name,
        top=top,
        input_size=classifier.preprocessing.size,
        layers=tuple(map(_summarise, selections, described, contributions)),
        maps=tuple(
            feature for each in map(_features, selections, described, ablations, contributions) for feature in each
        ),
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


def most_by_chance(searched: int) -> int:
    """How many of so many maps that follow nothing exceed chance at most, in 95% of cases, if they are independent."""
    of_each = (
        math.comb(searched, count) * (1 - CONFIDENCE) ** count * CONFIDENCE ** (searched - count)
        for count in range(searched + 1)
    )
    at_most = itertools.accumulate(of_each)
    return next(count for count, probability in enumerate(at_most) if probability > CONFIDENCE - 1e-9)


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
    return logits, [
        _readable(_choose(layer, each[0], channels, max(count, SEARCHED)), inputs, None if channels else count)
        for layer, each in zip(layers, maps, strict=True)
    ]


def _readable(interesting: _Interesting, inputs: Tensor, count: int | None) -> ChannelSelection:
    """Those ``count`` of some interesting channels whose fit to a cue lies farthest above chance; None keeps all."""
    fits = fit_cues(interesting.maps[interesting.channels], inputs)
    best = sorted(range(len(fits)), key=lambda n: fits[n].by_chance - fits[n].correlation)
    kept = range(len(fits)) if count is None else best[:count]
    shown = [[each[n] for n in kept] for each in interesting.measures]
    regions = [number_of_regions(interesting.maps[channel].cpu().numpy()) for channel in interesting.channels]
    return ChannelSelection(
        layer=interesting.layer,
        channels=[interesting.channels[n] for n in kept],
        relative_variance=shown[0],
        autocorrelation=shown[1],
        dissimilarity=shown[2],
        fits=[fits[n] for n in kept],
        searched=len(fits),
        following=sum(fit.correlation > fit.by_chance for fit in fits),
        regions=float(np.median(regions)),
        maps=interesting.maps,
    )


def _choose(layer: Layer, maps: Tensor, channels: Sequence[int] | None, count: int) -> _Interesting:
    """The most interesting channels of ``maps`` (C, H, W), or those asked for, measured in the order given."""
    inner = _inner(maps)
    deviations, autocorrelation = _deviation_and_autocorrelation(inner)
    relative_variance = _relative_variance(deviations)
    worth = relative_variance * autocorrelation
    flat = standardised(inner.flatten(1), deviations)
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
    measures = relative_variance[chosen].tolist(), autocorrelation[chosen].tolist(), dissimilarity
    return _Interesting(layer, maps, chosen, measures)


def _strongest(selection: ChannelSelection, contributions: Tensor, inputs: Tensor, count: int) -> ChannelSelection:
    """The ``count`` channels of the same layer with the greatest contributions (C,) to the class, of those that vary.

    What was searched, and how much of that follows a cue, stays. The same selection where fewer support the class.
    """
    deviations, _ = _deviation_and_autocorrelation(_inner(selection.maps))
    varies = _relative_variance(deviations) >= _TYPICAL
    candidates = torch.where(varies, contributions, 0.0)
    order = candidates.argsort(descending=True, stable=True)[:count]
    if not bool((candidates[order] > 0).all()):
        return selection
    chosen = _readable(_choose(selection.layer, selection.maps, order.tolist(), count), inputs, None)
    return replace(
        chosen,
        searched=selection.searched,
        following=selection.following,
        regions=selection.regions,
        by_support=True,
        passed_over=int((~varies & (contributions > candidates[order].min())).sum()),
    )


def _inner(maps: Tensor) -> Tensor:
    """``maps`` (C, H, W) without their margin."""
    down, across = (side // _MARGIN for side in maps.shape[1:])
    return maps[:, down : maps.shape[1] - down, across : maps.shape[2] - across]


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


@dataclass(frozen=True)
class Ablation:
    """What changes when one channel is ablated: see :class:`FeatureMap`."""

    importance: float
    rival: str
    rival_change: float


def ablate(
    classifier: Classifier,
    inputs: Tensor,
    logits: Tensor,
    selections: Sequence[ChannelSelection],
    top: Prediction,
) -> list[list[Ablation]]:
    """What changes in the answer when each chosen channel alone has its map's mean everywhere.

    ``logits`` (1, K) are those of ``inputs`` (1, 3, h, w) as they are.
    """
    before = softmax(logits)[0]
    ablations = [(number, channel) for number, each in enumerate(selections) for channel in each.channels]
    found: list[list[Ablation]] = [[] for _ in selections]
    for start in range(0, len(ablations), _BATCH):
        batch = ablations[start : start + _BATCH]
        hooks: dict[Layer, Hook] = {}
        for number in {number for number, _ in batch}:
            ablated = [(row, channel) for row, (other, channel) in enumerate(batch) if other == number]
            hooks[selections[number].layer] = _ablation(selections[number].layer, ablated)
        with torch.no_grad(), hooked(classifier.network, hooks):
            ablated_logits = classifier.logits_from_inputs(inputs.expand(len(batch), -1, -1, -1))
        for (number, _), changes in zip(batch, softmax(ablated_logits) - before, strict=True):
            found[number].append(_ablation_of(classifier, changes, top))
    return found


def _ablation_of(classifier: Classifier, changes: Tensor, top: Prediction) -> Ablation:
    """What the ``changes`` (K,) of all probabilities say of the top class and of the one that takes its place."""
    change = float(changes[top.index])
    opposite = -changes if change > 0 else changes.clone()
    opposite[top.index] = 0
    rival = int(opposite.argmax())
    if not float(opposite[rival]) > 0:
        return Ablation(change, "", 0.0)
    return Ablation(change, classifier.labels[rival], float(changes[rival]))


def _ablation(layer: Layer, ablated: Sequence[tuple[int, int]]) -> Hook:
    """Sets channel c of photograph n to its map's mean for each (n, c) of ``ablated``.

    Zero would take the map's level too, on which each later layer relies, and not only what the map shows.
    """
    rows, channels = (list(each) for each in zip(*ablated, strict=True))

    def hook(output: Tensor) -> Tensor:
        output = output.clone()
        maps = layer.shape.map_of(output)
        maps[rows, channels] = maps[rows, channels].mean(dim=(1, 2), keepdim=True)
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
    """Of every channel of a layer: correlations with the photograph (C,), and the share of values zero or less (C,)."""

    edges: Tensor
    colour: Tensor
    zero_fraction: Tensor


def _describe(selection: ChannelSelection, inputs: Tensor) -> _Description:
    flat = selection.maps.flatten(1)
    standard = standardised(flat, deviations_of(flat))
    size = (selection.maps.shape[1], selection.maps.shape[2])
    lab = lab_of(inputs, *size)
    edges = flattened([filters.sobel_h(lab[0]), filters.sobel_v(lab[0]), filters.sobel(lab[0])]).to(flat)
    return _Description(
        _explained(standard, edges),
        _explained(standard, flattened(lab[1:]).to(flat)),
        (flat <= 0).float().mean(dim=1),
    )


def _explained(standard: Tensor, cues: Tensor) -> Tensor:
    """Adjusted multiple correlation (C,) of each row of ``standard`` (C, P) with the rows of ``cues`` (k, P)."""
    positions = cues.shape[1]
    centred = cues - cues.mean(dim=1, keepdim=True)
    _, scale, basis = torch.linalg.svd(centred, full_matrices=False)
    # A grey photograph has no colour but rounding.
    basis = basis[scale > LEAST_CUE * positions**0.5]
    freedom = positions - len(basis) - 1
    if freedom < 1 or not len(basis):
        return torch.zeros(len(standard)).to(standard)
    squared: Tensor = (standard @ basis.T).square().sum(dim=1).clamp(max=1)
    adjusted = 1 - (1 - squared) * (positions - 1) / freedom
    return adjusted.clamp(min=0).sqrt()


def _features(
    selection: ChannelSelection, described: _Description, ablations: Sequence[Ablation], contributions: Tensor
) -> Iterator[FeatureMap]:
    layer, supporting = selection.layer, float(contributions.clamp(min=0).sum())
    factors = zip(selection.relative_variance, selection.autocorrelation, selection.dissimilarity, strict=True)
    for channel, fit, ablation, (variance, autocorrelation, dissimilarity) in zip(
        selection.channels, selection.fits, ablations, factors, strict=True
    ):
        low, high = selection.maps[channel].aminmax()
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
            importance=ablation.importance,
            rival=ablation.rival,
            rival_change=ablation.rival_change,
            support=float(contributions[channel]) / supporting if supporting > 0 else 0.0,
            cue=fit.cue,
            cue_correlation=fit.correlation,
            cue_by_chance=fit.by_chance,
            shape=shape_of(selection.maps[channel].cpu().numpy()),
        )


def _summarise(selection: ChannelSelection, described: _Description, contributions: Tensor) -> LayerSummary:
    layer = selection.layer
    varying = deviations_of(selection.maps.flatten(1)) > 0
    ranked = contributions.sort(descending=True, stable=True)
    support = ranked.values[ranked.values > 0].cpu().double().cumsum(0)
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
        by_support=selection.by_support,
        shown_of_half=len(set(ranked.indices[:half].tolist()) & set(selection.channels)),
        passed_over=selection.passed_over,
        edges=float(described.edges[varying].median()) if varying.any() else 0.0,
        colour=float(described.colour[varying].median()) if varying.any() else 0.0,
        searched=selection.searched,
        following=selection.following,
        regions=selection.regions,
    )
