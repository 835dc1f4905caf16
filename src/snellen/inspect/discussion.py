"""What the numbers of this room say, in sentences, and what they do not prove."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.stats import hypergeom
from skimage.color import rgb2lab
from skimage.filters import threshold_otsu

from snellen.inspect.activations import CAPS
from snellen.inspect.categories import Classification
from snellen.inspect.feature_maps import FeatureMap, FeatureMaps, LayerSummary, most_by_chance, stage_of
from snellen.inspect.heatmap import Heatmap
from snellen.inspect.shape import EVERYWHERE, FEW, FINE, Shape, describe_regions, direction_of, shape_of
from snellen.inspect.top_patches import TopPatches
from snellen.prose import counted, how_many, in_percent, listed, plain, sentence, share, stem, with_article, word

CLOSELY = 0.6
"""From this correlation on a map follows its cue closely: the cue explains over a third of its variance."""
_BY_SHIFTS = 0.05
"""How many of the maps that follow no cue stand above what chance gives: the share of the shifts left above it."""
_SURE, _CLOSE, _GOOD_PART = 0.9, 0.8, 0.25
"""Probability from which an answer is sure; the second's part of the first from which it is torn between them; and the
second's part of what the first leaves, below which that is spread over many classes."""
_SIGNIFICANT = 0.05
"""Probability of a class among a channel's photographs by chance, over all comparisons, below which it is named."""
_HEAT = 0.6
"""Share of a heat map's most from which on its forms are told."""


def discuss_classification(result: Classification) -> str:
    """The first category, how far it is ahead of the second, and what a probability is not."""
    first, *others = result.predictions
    found = f"{result.image} is classified as {first.label} with probability {first.probability:.3f}"
    if others:
        found += f", ahead of {others[0].label} by {first.probability - others[0].probability:.3f}"
    return f"{found}. This is the network's preference among the classes it knows, not the chance that it is right."


def discuss_classifications(results: Sequence[Classification], labels: Sequence[str | None]) -> list[str]:
    """What is seen in several photographs, how surely, and what a probability is not.

    Args:
        results: at least one.
        labels: for each the class that a person would choose, or None.
    """
    return [_answers(results, labels), *_doubts(results), _WHAT_A_PROBABILITY_IS]


def headline_of_classifications(results: Sequence[Classification]) -> str:
    """The first answers to at least one photograph, in one sentence."""
    named = [f"{stem(one.image)} as {plain(one.top.label)} ({in_percent(one.top.probability)})" for one in results[:4]]
    more = f" and {len(results) - 4} more" if len(results) > 4 else ""
    return f"It sees {listed(named) if not more else ', '.join(named)}{more}"


def headline_of_maps(result: FeatureMaps) -> str:
    """How many of the maps shown follow a cue, in one sentence."""
    counts = [_how_many_follow(layer, maps, result) for layer, maps in _by_layer(result)]
    return f"Maps that follow one simple cue of {stem(result.image)}, such as a colour or an edge: {listed(counts)}"


def _how_many_follow(layer: LayerSummary, maps: Sequence[FeatureMap], result: FeatureMaps) -> str:
    how = Counter(follows(one, layer) for one in maps)
    more = f" ({how['in part']} more in part)" if how["in part"] else ""
    return f"{how['closely'] or 'none'} of {len(maps)} {_where(layer, result)}{more}"


def _by_layer(result: FeatureMaps) -> list[tuple[LayerSummary, list[FeatureMap]]]:
    """Each layer with its maps."""
    return [(layer, [one for one in result.maps if one.layer == layer.name]) for layer in result.layers]


def short_name(layer: str, result: FeatureMaps) -> str:
    """What a table calls a layer: ``early``, ``middle`` or ``end`` where no two layers are the same; else its name."""
    stages = [stage_of(one.depth) for one in result.layers]
    by_name = dict(zip([one.name for one in result.layers], stages, strict=True))
    return by_name[layer] if all(stages) and len(set(stages)) == len(stages) else layer


def _where(layer: LayerSummary, result: FeatureMaps) -> str:
    """``early``, ``in the middle``, ``at the end``; or in which layer."""
    short = short_name(layer.name, result)
    return {"early": "early", "middle": "in the middle", "end": "at the end"}.get(short, f"in {short}")


def _answers(results: Sequence[Classification], labels: Sequence[str | None]) -> str:
    known = [(label, result) for label, result in zip(labels, results, strict=True) if label is not None]
    wrong = [(label, result) for label, result in known if label != result.top.label]
    sure = [result for result in results if result.top.probability >= _SURE]
    text = ""
    if known and not wrong:
        answers = "Each answer" if len(known) == len(results) else "Each answer to a photograph with a label"
        text = f"{answers} is the true label of its photograph. "
    elif known:
        mistakes = listed(
            [f"{stem(one.image)} is taken for {with_article(plain(one.top.label))}" for _, one in wrong[:3]]
        )
        more = f", and so on for {len(wrong) - 3} more" if len(wrong) > 3 else ""
        right = len(known) - len(wrong)
        are = "is" if right == 1 else "are"
        recognised = f"{sentence(how_many(right))} of {word(len(known))} photographs with a label {are} recognised"
        text = f"{recognised}: {mistakes}{more}. "
    if len(results) == 1:
        first = results[0].top
        return f"{text}{sentence(stem(results[0].image))} is {plain(first.label)} with {in_percent(first.probability)}."
    if len(sure) == len(results):
        least = min(results, key=lambda result: result.top.probability).top.probability
        return (
            f"{text}The network is sure of every one: the least probable of its first answers has {in_percent(least)}."
        )
    answers = sentence(counted(len(sure), "answer")) if sure else "No answer"
    verb = "is" if len(sure) < 2 else "are"
    return f"{text}{answers} of {word(len(results))} {verb} above {share(_SURE)}."


def _doubts(results: Sequence[Classification]) -> list[str]:
    """The least sure answer, and what it is torn between."""
    doubtful = min(results, key=lambda result: result.top.probability)
    if doubtful.top.probability >= _SURE or len(doubtful.predictions) < 2:
        return []
    first, second, *_ = doubtful.predictions
    of_the_rest = second.probability / (1 - first.probability)
    torn = (
        "it is torn between the two"
        if second.probability > _CLOSE * first.probability
        else f"that is {share(of_the_rest)} of what the first leaves"
        if of_the_rest >= _GOOD_PART
        else "what the first leaves is spread over many classes"
    )
    return [
        f"It hesitates most over {stem(doubtful.image)}: {plain(first.label)} with {in_percent(first.probability)}, "
        f"then {plain(second.label)} with {in_percent(second.probability)}; {torn}."
    ]


_WHAT_A_PROBABILITY_IS = (
    "A probability near one says that the network prefers this class to its other classes, not that the answer is "
    "right: the softmax need not be calibrated, and a photograph of none of the classes gets a top class too."
)


def discuss_heatmap(result: Heatmap) -> str:
    """How much of the input holds half of the support, and what Grad-CAM does not prove."""
    if result.peak == 0:
        return f"Nothing in {result.layer} supports {result.label} (probability {in_percent(result.probability)})."
    height, width = result.values.shape
    return (
        f"Half of the support for {result.label} (probability {in_percent(result.probability)}) lies on "
        f"{share(result.area_of_half)} of the network's input, where an even spread would take 50%. Where it has "
        f"{_HEAT:.0%} of its most or more, it forms {describe_regions(shape_of(result.values, _HEAT))}. A place's "
        f"support is, by Grad-CAM, the sum of the "
        f"maps of {result.layer} there, each weighed by its mean gradient of the class's logit, where that is "
        f"above zero: a first-order estimate. Its {height} x {width} values say roughly where, not what, and each may "
        "depend on more of the photograph than it covers."
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


def discuss_patches(
    channels: Sequence[TopPatches], classes: Mapping[str, str | None], groups: Mapping[str, str] | None = None
) -> list[str]:
    """What the photographs that excite several channels most show, as far as their classes tell: a try at reading them.

    A class, or a group of classes, is named where so many of a channel's photographs show it that chance would hardly
    give them, whichever channel and class were looked at: the hypergeometric distribution's tail, times the number of
    comparisons (Bonferroni).

    Args:
        channels: channels with their patches, one a photograph, so large that they may show a class.
        classes: name of the class of each photograph that a patch may come from; None where nobody says.
        groups: for a class what it is a kind of, such as ``cat``, where that is known.

    Returns:
        A paragraph.
    """
    silent = [f"{one.channel} of {one.layer}" for one in channels if not one.patches]
    sentences = _read_by_classes([one for one in channels if one.patches], classes, groups or {})
    if silent:
        sentences.append(f"Nothing in these photographs excites channel {listed(silent)}.")
    sentences.append(
        "The patches are extremes of one collection, and do not show what a channel answers to moderately."
    )
    return [" ".join(sentences)]


def _read_by_classes(
    channels: Sequence[TopPatches], classes: Mapping[str, str | None], groups: Mapping[str, str]
) -> list[str]:
    """Which channels may answer to which class or group, and of how many others none can be said."""
    known = {image: label for image, label in classes.items() if label is not None}
    names: dict[str, set[str]] = {}
    for image, label in known.items():
        names.setdefault(plain(label), set()).add(image)
        if label in groups:
            names.setdefault(f"{groups[label]}s", set()).add(image)
    names = {name: images for name, images in names.items() if len(images) < len(known)}
    if not names or not channels:
        return []
    told = []
    for one in channels:
        shown = {patch.image for patch in one.patches} & known.keys()
        best = min(names, key=lambda name: _by_chance(shown, names[name], len(known)))
        if _by_chance(shown, names[best], len(known)) * len(channels) * len(names) < _SIGNIFICANT:
            told.append(
                f"channel {one.channel} of {one.layer} may answer to {best} ({len(shown & names[best])} of "
                f"{len(shown)} photographs, where {share(len(names[best]) / len(known))} of all that were searched are)"
            )
    most = max(len(one.patches) for one in channels)
    limit = _least_told(names, len(known), len(channels), most, groups)
    of = f"the {counted(most, 'photograph')} that excite each most"
    tried = f"{len(channels) * len(names)} comparisons"
    if not told:
        return [
            f"Of {of} no class{' or kind' if groups else ''} is so frequent that chance would not give as many "
            f"(hypergeometric distribution, {tried}), so no reading of these channels is offered: the test {limit}."
        ]
    left = len(channels) - len(told)
    others = f" For the other {word(left)} the test names none: it {limit}." if left else ""
    return [
        f"A try at reading the channels that see enough to show an animal or a thing, by {of}: {'; '.join(told)}. "
        f"Chance would hardly give as many (hypergeometric distribution, {tried}); what of these it is that excites a "
        f"channel, the photographs alone do not tell.{others}"
    ]


def _least_told(
    names: Mapping[str, Set[str]], photographs: int, channels: int, shown: int, groups: Mapping[str, str]
) -> str:
    """What the test of so many channels cannot find: a class on fewer of the photographs shown than it asks for at
    least, and all that is no class.
    """

    def told(having: int) -> int:
        by_chance = (hypergeom.sf(count - 1, photographs, having, shown) for count in range(min(shown, having) + 1))
        comparisons = channels * len(names)
        return next((n for n, each in enumerate(by_chance) if each * comparisons < _SIGNIFICANT), shown + 1)

    least = min(told(len(images)) for images in names.values())
    what = f"class{' or kind' if groups else ''}"
    if least > shown:
        return "could name none on so few photographs"
    return f"asks for a {what} on at least {word(least)} of {word(shown)}, and looks at no colour, pose or form"


def _by_chance(shown: Set[str], having: Set[str], photographs: int) -> float:
    """The probability that of as many photographs drawn from all as many or more are of those ``having`` something."""
    return float(hypergeom.sf(len(shown & having) - 1, photographs, len(having), len(shown)))


def describe_patches(channels: Sequence[TopPatches]) -> list[str]:
    """Which way the edges of the patches of each channel of some layers run, and which colour they share.

    Args:
        channels: those of layers that see so little that a patch has one edge.

    Returns:
        A paragraph; none where no channel's patches have an edge that runs one way, or a colour in common.
    """
    told = [f"channel {one.channel} {run}" for one in channels if (run := _edges_of(one))]
    colours = [text for one in channels if (text := _colour_of(one))]
    edges = (
        f"Most of what excites the early channels is one edge: in the patches of {'; '.join(told)}."
        if len(told) > len(channels) / 2
        else f"Some patches are one edge: in {'; '.join(told)}."
    )
    sentences = [*([edges] if told else []), *([f"{sentence('; '.join(colours))}."] if colours else [])]
    return [" ".join(sentences)] if sentences else []


def _colour_of(channel: TopPatches) -> str:
    """That all patches of a channel have much of one colour, of several that of which the least has most; or empty."""
    if len(channel.patches) < _FEWEST_PATCHES:
        return ""
    least = {colour: min(_share_of(patch.pixels, colour) for patch in channel.patches) for colour in _COLOURS}
    colour = max(least, key=least.__getitem__)
    all_of_them = f"all {word(len(channel.patches))} patches of channel {channel.channel} have much {colour}"
    return all_of_them if least[colour] >= _MUCH else ""


_FEWEST_PATCHES = 3
"""Patches of a channel from which on something is said of all of them."""


def _edges_of(channel: TopPatches) -> str:
    """Which way the edges of a channel's patches run, of how many; empty where that is none or few."""
    directions = Counter(one for patch in channel.patches if (one := edge_direction(patch.pixels)))
    if 2 * directions.total() < len(channel.patches) or not directions:
        return ""
    return f"({listed([f'{word(count)} {name}' for name, count in directions.most_common()])})"


_COHERENT, _FLAT = 0.5, 1.0
"""Coherence from which a patch's edges are said to run one way, and the root mean square slope, in CIELAB lightness a
pixel, below which it has none."""
_RUN = ("horizontal", "rising", "vertical", "falling")


def edge_direction(pixels: npt.NDArray[np.uint8]) -> str:
    """Which way the edges of a patch (h, w, 3) run, by its structure tensor; empty where none prevails.

    After Bigun and Granlund, Optimal orientation detection of linear symmetry, 1987: the gradient's angle, doubled so
    that opposite sides of a line agree, averaged with its square as weight.
    """
    if min(pixels.shape[:2]) < 2:
        return ""
    down, across = np.gradient(rgb2lab(pixels)[..., 0])
    doubled = ((across + 1j * down) ** 2).mean()
    power = float((across**2 + down**2).mean())
    if power < _FLAT**2 or abs(doubled) < _COHERENT * power:
        return ""
    # Of a gradient that points down the edge is horizontal; of one to the lower right it rises to the right.
    angle = (np.pi - float(np.angle(doubled))) / 2
    return _RUN[round(angle / (np.pi / 4)) % 4]


def qualify_patches(channels: Sequence[TopPatches], result: FeatureMaps) -> list[str]:
    """How patches go with the colour, or the light or dark areas, that a channel follows on the photograph.

    Args:
        channels: channels with their patches.
        result: maps of the photograph, with those of these channels.

    Returns:
        A paragraph; none where they do not.
    """
    cues = {
        (one.layer, one.channel): one.cue
        for layer, maps in _by_layer(result)
        for one in maps
        if follows(one, layer) == "closely"
    }
    named = ((one, cues.get((one.layer, one.channel), "")) for one in channels if one.patches)
    sentences = [
        text
        for one, cue in named
        if (text := _other_colours(one, cue) if cue in _COLOURS else _edged(one, cue) if cue in _SHADES else "")
    ]
    return [" ".join(sentences)] if sentences else []


_SHADES = {"dark areas": "dark", "light areas": "light"}
"""Cues that are an end of CIELAB's lightness."""
_MIDDLE_GRAY = 50.0
"""Of CIELAB's lightness."""


def _edged(channel: TopPatches, cue: str) -> str:
    """That patches of what follows light or dark areas have an edge, and whether the light or dark is there too."""
    edges = sum(bool(edge_direction(patch.pixels)) for patch in channel.patches)
    if 2 * edges <= len(channel.patches):
        return ""
    shade = _SHADES[cue]
    having = sum(
        any((colour[0] < _MIDDLE_GRAY) == (shade == "dark") for colour in main_colours(patch.pixels))
        for patch in channel.patches
    )
    count = len(channel.patches)
    both = (
        f"as all have a {shade} part too, it is a {shade} place with a border that excites it most"
        if having == count
        else f"{how_many(having)} of them {'has' if having == 1 else 'have'} a {shade} part, so it is not the {shade} "
        "alone that excites it"
    )
    return (
        f"Channel {channel.channel} of {channel.layer} follows {cue} on the photograph above, and {how_many(edges)} of "
        f"its {counted(count, 'patch', 'patches')} here {'has' if edges == 1 else 'have'} an edge: {both}."
    )


_COLOURS = {"red": (1, 1), "green": (1, -1), "yellow": (2, 1), "blue": (2, -1)}
"""Cues that are an end of CIELAB's a or b."""
_PLAINLY, _MUCH = 15.0, 0.25
"""How far out towards such an end, in units of CIELAB, a pixel plainly has the colour; and the share of such pixels
from which on a patch has much of it."""
_ONE_COLOUR = 5.0
"""Range, in units of CIELAB, below which a patch is of one colour."""


def _share_of(pixels: npt.NDArray[np.uint8], colour: str) -> float:
    """The share of the pixels of a patch (h, w, 3) that plainly have one of :data:`_COLOURS`."""
    axis, sign = _COLOURS[colour]
    return float((sign * rgb2lab(pixels)[..., axis] > _PLAINLY).mean())


def _other_colours(channel: TopPatches, cue: str) -> str:
    """That patches have little of the colour ``cue``; empty where more than half have much of it."""
    having = sum(_share_of(patch.pixels, cue) >= _MUCH for patch in channel.patches)
    if 2 * having > len(channel.patches):
        return ""
    return (
        f"Channel {channel.channel} of {channel.layer} follows {cue} on the photograph above, but of its "
        f"{counted(len(channel.patches), 'patch', 'patches')} here {how_many(having)} "
        f"{'has' if having == 1 else 'have'} much {cue}: {cue} is what excites it there, not all that does."
    )


def main_colours(pixels: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.float64]]:
    """The two main colours (3,) in CIELAB of a patch (h, w, 3), or the one of a patch of one colour.

    They are the means of the pixels on either side of Otsu's threshold along the direction in which colours vary most.
    """
    lab = rgb2lab(pixels).reshape(-1, 3)
    centred = lab - lab.mean(axis=0)
    along = centred @ np.linalg.svd(centred, full_matrices=False)[2][0]
    if along.max() - along.min() < _ONE_COLOUR:
        return [lab.mean(axis=0)]
    upper = along > threshold_otsu(along)
    return [lab[upper].mean(axis=0), lab[~upper].mean(axis=0)]


def excites(feature: FeatureMap, layer: LayerSummary) -> str:
    """What excites a channel of a layer on this photograph, as far as a single cue tells; a dash where none does."""
    if feature.high <= feature.low:
        return "nothing"
    how = follows(feature, layer)
    return {"closely": feature.cue, "in part": f"partly {feature.cue}"}.get(how, "\N{EN DASH}")


def discuss_feature_maps(result: FeatureMaps) -> list[str]:
    """Paragraphs: what was found, the structure layer by layer, why late maps are hard to read, and the limits."""
    return [
        _overview(result),
        *(_about_layer(layer, maps, result) for layer, maps in _by_layer(result)),
        *([_why_late_is_hard(result)] if len(result.layers) > 1 else []),
        _ablated(result),
        _limits(result),
    ]


def follows(feature: FeatureMap, layer: LayerSummary) -> Literal["closely", "in part", ""]:
    """How a map of a layer follows its cue: what every sentence, table and headline says of it rests on this.

    Not at all where its correlation does not exceed chance, or where no more of the layer's maps do than may by chance;
    else closely or in part, by the correlation as a table shows it.
    """
    if not (feature.follows and layer.above_chance):
        return ""
    return "closely" if round(feature.cue_correlation, 2) >= CLOSELY else "in part"


def _overview(result: FeatureMaps) -> str:
    """How many of the maps searched follow a cue, and into how many regions they fall, layer by layer."""
    layers = result.layers
    following, searched = [one.following for one in layers], [one.searched for one in layers]
    cue = (
        "correlate with a simple cue of the photograph, such as a colour or an edge, more closely than chance would "
        "have it"
    )
    chance = _BY_SHIFTS * sum(searched) / len(searched)
    by_chance = (
        f"by chance {how_many(round(chance))} would, and rarely more than {word(most_by_chance(max(searched)))}"
        if chance >= 0.5
        else "by chance hardly one would"
    )
    null = "Chance is what the best of all cues reaches with the same map shifted around, in 95% of the shifts"
    if len(layers) < 2:
        return (
            f"{sentence(how_many(following[0]))} of the {counted(searched[0], 'map')} searched {cue}; {by_chance}. "
            f"{null}.{_may_be_chance(result)}"
        )
    course = (
        "The maps grow harder to read with depth"
        if following[-1] < following[0]
        else "The last maps are as readable as the first on this photograph"
        if following[-1] == following[0]
        else "On this photograph the last maps follow simple cues more often than the first"
    )
    of = f"{searched[0]}" if len(set(searched)) == 1 else listed([f"{one}" for one in searched])
    which = f"{of} most interesting maps of each layer" if _chosen(result) else f"{of} shown of each layer"
    regions = [int(one.regions + 0.5) for one in layers]
    coarser = all(b < a for a, b in itertools.pairwise(regions))
    return (
        f"{course}: of the {which}, from the shallowest to the deepest, "
        f"{listed([f'{one}' for one in following])} {cue}; {by_chance}. {null}.{_may_be_chance(result)} "
        f"{'Many regions become few' if coarser else 'Their structure'}: a typical one of these maps has about "
        f"{listed([f'{one}' for one in regions])} connected regions that are brighter than half way from its least to "
        "its greatest value."
    )


def _may_be_chance(result: FeatureMaps) -> str:
    """In which layers no more maps follow a cue than may by chance."""
    told = [
        f"{how_many(layer.following)} {_where(layer, result)}"
        for layer in result.layers
        if layer.following and not layer.above_chance
    ]
    if not told:
        return ""
    return f" The {listed(told)} may thus be chance, so no map there is said to follow a cue."


_NEVER_NEGATIVE = ("ReLU", "ReLU6")


def _about_layer(layer: LayerSummary, maps: Sequence[FeatureMap], result: FeatureMaps) -> str:
    height, width = result.input_size
    sees = (
        "may depend on the whole input"
        if layer.receptive_field == result.input_size
        else "sees {} x {} of the input's {} x {} pixels".format(*layer.receptive_field, height, width)
    )
    silent = (
        ""
        if not layer.zero_channels
        else f", and {counted(layer.zero_channels, 'channel')} of {layer.channels:,} "
        f"{'is' if layer.zero_channels == 1 else 'are'} silent on this photograph altogether"
    )
    zero = "zero" if layer.kind in _NEVER_NEGATIVE else "zero or less"
    return (
        f"{layer.name}, {share(layer.depth)} of the way through, has maps of {layer.height} x {layer.width} values, "
        f"each of which {sees}. {_what_they_follow(layer, maps)}{_clearest(layer, maps)} Of "
        f"all the layer's values {share(layer.zero_fraction)} are "
        f"{zero}{silent}.{_at_the_cap(layer, maps)}"
    )


def _at_the_cap(layer: LayerSummary, maps: Sequence[FeatureMap]) -> str:
    """How many of the maps shown reach the most that the activation lets through, where it has a most."""
    most = CAPS.get(layer.kind)
    reach = 0 if most is None else sum(one.high >= most for one in maps)
    if not reach:
        return ""
    reaches = "reaches" if reach == 1 else "reach"
    return (
        f" {sentence(word(reach))} of those shown {reaches} {most:g}, the most that {layer.kind} lets through; what "
        "lies above that is cut off."
    )


def _what_they_follow(layer: LayerSummary, maps: Sequence[FeatureMap]) -> str:
    """Which of a layer's maps follow edges, light or colour, and which nothing that was tried."""
    closely = [one for one in maps if follows(one, layer) == "closely"]
    kinds = {
        "edges": [one for one in closely if _is_edge(one.cue)],
        "edges of colour": [one for one in closely if _is_edge_of_colour(one.cue)],
        "lines": [one for one in closely if "lines" in one.cue and one.cue != "outlines"],
        "light areas": [one for one in closely if one.cue == "light areas"],
        "dark areas": [one for one in closely if one.cue == "dark areas"],
        "colour": [one for one in closely if one.cue in _COLOURS],
    }
    parts = [
        f"{kind} {'excite' if kind != 'colour' else 'excites'} {_channels(group)}"
        for kind, group in kinds.items()
        if group
    ]
    partly = [one for one in maps if follows(one, layer) == "in part"]
    parts += [f"channel {one.channel} follows {one.cue} in part" for one in partly]
    left = [one for one in maps if not follows(one, layer)]
    if not parts:
        return _nearest_to_a_cue(maps)
    rest = f"; {_channels(left)} {'fits' if len(left) == 1 else 'fit'} no cue that was tried" if left else ""
    return f"{sentence('; '.join(parts))}{rest}."


def _nearest_to_a_cue(maps: Sequence[FeatureMap]) -> str:
    """What the nearest of some maps reaches, of which none is said to follow a cue."""
    nearest = max(maps, key=lambda one: one.cue_correlation - one.cue_by_chance)
    found = (
        "No map shown is said to follow a cue, since no more of those searched exceed chance than may by chance: the "
        "farthest above it"
        if nearest.follows
        else "None of the maps shown follows a cue more closely than chance: the nearest"
    )
    return (
        f"{found}, channel {nearest.channel}, has r = {nearest.cue_correlation:.2f} with {nearest.cue}, and shifted "
        f"around up to {nearest.cue_by_chance:.2f} with some cue."
    )


def describe_forms(maps: Sequence[FeatureMap]) -> str:
    """Which of a layer's maps are one region, several, or hardly any, without a full stop: for a caption."""
    kinds: dict[str, list[FeatureMap]] = {}
    for one in maps:
        kinds.setdefault(_kind_of(one.shape), []).append(one)
    return listed(
        [
            f"{'all of them' if len(group) == len(maps) > 1 else _channels(group)} {kind.format(*_ARE[len(group) > 1])}"
            for kind, group in kinds.items()
        ]
    )


def _clearest(layer: LayerSummary, maps: Sequence[FeatureMap]) -> str:
    """Which of a layer's maps follows its cue farthest above chance; and where the form of one is not its cue's."""
    clearest = max(maps, key=lambda one: one.cue_correlation - one.cue_by_chance)
    example = (
        f" Farthest above chance is channel {clearest.channel} (r = {clearest.cue_correlation:.2f}, by chance "
        f"{clearest.cue_by_chance:.2f})."
        if follows(clearest, layer)
        else ""
    )
    return f"{example}{_not_by_form(layer, maps)}"


def _not_by_form(layer: LayerSummary, maps: Sequence[FeatureMap]) -> str:
    """Which maps follow edges or lines and show none, or areas and are thin lines: their form speaks against it."""
    following = [one for one in maps if follows(one, layer)]
    blobs = [one for one in following if _is_thin(one.cue) and not _shows_lines(one.shape)]
    lines = [one for one in following if not _is_thin(one.cue) and one.shape.lines]
    told = ""
    if blobs:
        follow, their, they = ("follow", "their", "they show") if len(blobs) > 1 else ("follows", "its", "it shows")
        coarse = (
            f", which a map of {layer.height} x {layer.width} values hardly can"
            if min(layer.height, layer.width) < FINE
            else ""
        )
        told += f" {sentence(_channels(blobs))} {follow} edges by {their} correlation alone: {they} no line{coarse}."
    if lines:
        follow, their, they = ("follow", "their", "they are") if len(lines) > 1 else ("follows", "its", "it is")
        told += f" {sentence(_channels(lines))} {follow} areas by {their} correlation alone: {they} thin lines."
    return told


def _is_thin(cue: str) -> bool:
    """Whether a cue is of edges or lines, and not of areas."""
    return _is_edge(cue) or _is_edge_of_colour(cue) or "lines" in cue


def _shows_lines(shape: Shape) -> bool:
    """Whether what stands out of a map is thin lines, or regions that run one way."""
    return shape.lines or bool(direction_of(shape.largest))


_ARE = (("is", "has", ""), ("are", "have", " each"))


def _kind_of(shape: Shape) -> str:
    """What a shape is, with places for a verb in the singular or plural and for ``each``."""
    if not shape.regions:
        return "{0} the same everywhere"
    if shape.ground == "middle" and shape.lines:
        return "{0} a relief{2} (an even middle level with thin lines)"
    if shape.ground == "middle":
        return "{0} at a middle level, from which a few places stand out"
    if shape.area >= EVERYWHERE:
        return "{0} bright on most of the map"
    if shape.levels is not None:
        return "{0} bright or dark with little between"
    if shape.regions == 1:
        return "{1} one bright region{2}"
    if shape.regions <= FEW:
        return "{1} a few bright regions"
    if shape.lines:
        return "{1} many thin bright lines"
    return "{1} many bright streaks" if direction_of(shape.largest) else "{1} many bright patches"


def _is_edge(cue: str) -> bool:
    return cue == "outlines" or ("edges" in cue and not _is_edge_of_colour(cue))


def _is_edge_of_colour(cue: str) -> bool:
    return cue.startswith(("edges with the red", "edges with the yellow"))


def _channels(maps: Sequence[FeatureMap]) -> str:
    return _numbered([str(one.channel) for one in maps])


def _numbered(channels: Sequence[str]) -> str:
    return f"channel{'s' if len(channels) > 1 else ''} {listed(channels)}"


def _why_late_is_hard(result: FeatureMaps) -> str:
    """What becomes of resolution, reach and number of channels from the first layer to the last."""
    first, last = result.layers[0], result.layers[-1]
    fewer = (first.height * first.width) / (last.height * last.width)
    reasons = []
    if fewer > 1:
        reasons.append(
            f"A map has {fewer:.0f} times fewer values, {last.height} x {last.width}: they say roughly where "
            "something is, not what."
        )
    if last.receptive_field == result.input_size:
        reasons.append("Each value can depend on every pixel, so a bright one need not lie where its cause does.")
    if last.concentration > 1:
        reasons.append(
            f"{last.concentration:,} of {last.channels:,} channels hold half of all support for "
            f"{plain(result.top.label)}{_beside_even(last)}; {_shown_of_half(result)}. A channel's support is each of "
            "its values times the gradient of the class's logit there, summed over the map."
        )
    if last.edges < first.edges and last.colour < first.colour:
        reasons.append(_less_explained(result.layers))
    if not reasons:
        return "Nothing that was measured makes the last layer's maps harder to read than the first one's."
    return f"Why {last.name} is harder to read than {first.name}. {' '.join(reasons)}"


def _beside_even(layer: LayerSummary) -> str:
    """How many channels would hold half of the support if those that support the class did so alike."""
    return (
        f" (of the {layer.supporting} that support it at all; if these did so alike, it would take "
        f"{-(-layer.supporting // 2)})"
    )


def _shown_of_half(result: FeatureMaps) -> str:
    """How many of the maps shown of the last layer are among those that hold half of the support, and how much they
    hold; and how many stronger ones are not shown, as their maps vary too little.
    """
    last = result.layers[-1]
    shown = [one.support for one in result.maps if one.layer == last.name]
    which = "all" if last.shown_of_half == len(shown) > 1 else f"{how_many(last.shown_of_half)} of the"
    among = f"{which} {word(len(shown))} shown {'is' if last.shown_of_half == 1 else 'are'} among them"
    if not last.by_support:
        return among
    over, one = last.passed_over, last.passed_over == 1
    even = (
        f"; {counted(over, 'stronger one')} {'varies' if one else 'vary'} less over the map than a typical one: "
        f"{'it supports' if one else 'they support'} the class by {'its' if one else 'their'} level, and would show "
        "little"
        if over
        else ""
    )
    return f"{among} and hold {share(sum(shown))} of the support{even}"


def _less_explained(layers: Sequence[LayerSummary]) -> str:
    """How much of a typical channel edges and colours explain, layer by layer; less in the last than in the first."""
    edges, colour = ([layer.edges**2 for layer in layers], [layer.colour**2 for layer in layers])
    falls = all(b < a for values in (edges, colour) for a, b in itertools.pairwise(values))
    of_edges, of_colour = (listed([share(one) for one in values]) for values in (edges, colour))
    return (
        f"Edges and colours explain less {'from layer to layer' if falls else 'than in the first layer'}: of the "
        f"variance of a typical channel, from the first layer to the last, edges explain {of_edges}, colour "
        f"{of_colour}."
    )


def _ablated(result: FeatureMaps) -> str:
    """What the answer loses, or gains, where a channel's map is replaced by its mean, and what takes or gives that."""
    top = result.top
    strongest = max(result.maps, key=lambda one: abs(one.importance))
    if abs(strongest.importance) < _MATTERS:
        return (
            "None of these maps matters much alone: with any one made even, at its mean, the probability of "
            f"{plain(top.label)} stays within half a point of {in_percent(top.probability)}. The network holds what "
            "they say more than once."
        )
    other = (min if strongest.importance > 0 else max)(result.maps, key=lambda one: one.importance)
    typical = float(np.median([abs(one.importance) for one in result.maps]))
    told = (
        f"Of the maps shown, that of channel {strongest.channel} of {strongest.layer} matters most to the answer: made "
        f"even, at its mean, it takes the probability of {plain(top.label)} {_from_to(strongest, result)}"
        f"{_why_it_matters(strongest, result)}."
    )
    level = "".join(_by_level(layer, maps) for layer, maps in _by_layer(result) if layer.by_support)
    if other.importance * strongest.importance >= 0 or abs(other.importance) < max(_MUCH_MORE * typical, _POINTS):
        return f"{told}{level}"
    return (
        f"{told} Without that of channel {other.channel} of {other.layer} it "
        f"{'rises' if other.importance > 0 else 'falls'} {_from_to(other, result)}{_why_it_matters(other, result)}."
        f"{level}"
    )


_MATTERS, _POINTS, _MUCH_MORE = 0.005, 0.02, 3
"""Change of a probability from which on an ablated map matters; and from which on one that changes it the other way is
told as well, at least, and as a multiple of the median of all maps shown."""
_MOST_OF_IT = 0.5
"""Part of a change that one other class takes up, from which on that class is named."""


def _by_level(layer: LayerSummary, maps: Sequence[FeatureMap]) -> str:
    """That maps chosen for their support hardly change the answer when made even, where they hold much of the support.

    To first order that support is what the logit loses without pattern and level, so it lies in their level.
    """
    held, most = sum(one.support for one in maps), max(abs(one.importance) for one in maps)
    if held < _MUCH_HELD or most >= _POINT:
        return ""
    return (
        f" None of those of {layer.name} changes it by a point, though together they hold {share(held)} of the "
        "support: that lies in their level more than in their pattern."
    )


_MUCH_HELD, _POINT = 0.05, 0.01
"""Part of the support from which on channels hold much; and a change of the probability by a point."""


def _from_to(one: FeatureMap, result: FeatureMaps) -> str:
    """From which probability to which an ablation takes the answer; rounded as a table's difference is."""
    before, change = round(100 * result.top.probability, 1), round(100 * one.importance, 1)
    return f"from {before:.1f}% to {min(max(before + change, 0.0), 100.0):.1f}%"


def _why_it_matters(one: FeatureMap, result: FeatureMaps) -> str:
    """What a map follows, and which class it holds down, or speaks for, where one takes up most of the change."""
    layer = next(each for each in result.layers if each.name == one.layer)
    rival = one.rival if abs(one.rival_change) >= _MOST_OF_IT * abs(one.importance) else ""
    how = {"closely": f"follows {one.cue}", "in part": f"follows {one.cue} in part"}.get(follows(one, layer), "")
    if not rival:
        return f"; it {how}" if how else ""
    points = f"{abs(100 * one.rival_change):.1f} points"
    side = (
        f"mostly to {plain(rival)} (+{points}), which its pattern tells {plain(result.top.label)} from"
        if one.importance < 0
        else f"mostly from {plain(rival)} (\N{MINUS SIGN}{points}), for which its pattern spoke"
    )
    return f", {side}{f'; it {how}' if how else ''}"


def _limits(result: FeatureMaps) -> str:
    """What the maps do not prove."""
    at_the_end = " or, at the end, for their support" if any(one.by_support for one in result.layers) else ""
    chosen = (
        f"The maps shown were chosen for being readable{at_the_end}, so they are not typical of their layers. "
        if _chosen(result)
        else ""
    )
    return (
        "What this does not prove. The maps are of one photograph; a channel that follows its edges or colours here "
        "may follow something else elsewhere, and correlation is not the reason for which it is active; those that "
        f"follow no cue may follow one that nobody tried. {chosen}A map made even keeps its level, which may matter "
        "too; such a map may never have occurred in training; and one channel alone misses what several do together."
    )


def _chosen(result: FeatureMaps) -> bool:
    """Whether the maps shown are some of those searched."""
    return sum(one.searched for one in result.layers) > len(result.maps)
