"""The maps shown are those that the network makes; the choice and every measure are what their formulas say."""

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
import skimage
import torch
from skimage.color import rgb2lab
from torch import Tensor, nn
from torch.nn import functional

import snellen
from snellen.data.images import Failure
from snellen.data.preprocessing import Preprocessing
from snellen.errors import ImageError, InputError, ModelError
from snellen.exam.parts.features import _maps_of
from snellen.inspect.activations import read_activations
from snellen.inspect.cues import CUES, cue_correlations, fit_cues, lab_of, line_energy
from snellen.inspect.discussion import (
    CLOSELY,
    _ablated,
    describe_forms,
    describe_patches,
    discuss_patches,
    edge_direction,
    excites,
    headline_of_maps,
    main_colours,
    qualify_patches,
)
from snellen.inspect.feature_maps import (
    BANDS,
    SEARCHED,
    FeatureMaps,
    _strongest,
    channel_contributions,
    choose_channels,
    choose_layers,
    feature_maps,
    most_by_chance,
    stage_of,
)
from snellen.inspect.figures import draw_layer, draw_overlays, on_photograph, scaled
from snellen.inspect.shape import describe_shape, number_of_regions, shape_of
from snellen.inspect.top_patches import Patch, TopPatches
from snellen.prose import listed, share
from toys import MeanColours, classifier_of

CAT = Path(skimage.__file__).parent / "data" / "chelsea.png"


class InPlace(nn.Module):
    """In-place ReLU, in-place addition: all that overwrites what a hook has merely pointed at."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.relu1, self.relu2 = nn.ReLU(inplace=True), nn.ReLU(inplace=True)
        self.fc = nn.Linear(6, 4)

    def forward(self, inputs: Tensor) -> Tensor:
        x = self.relu1(self.conv1(inputs))
        skip = self.conv2(x)
        x += 10
        x.sub_(skip)
        return self.fc(self.relu2(x).mean((2, 3)))


def test_in_place_operations_do_not_overwrite_what_is_shown() -> None:
    network = InPlace()
    classifier = classifier_of(network, 12, 4)
    inputs = torch.rand(1, 3, 12, 12)
    with torch.no_grad():
        before = network.conv1(inputs)
        after = functional.relu(before)
        last = functional.relu(after + 10 - network.conv2(after))
    pointed_at: list[Tensor] = []
    handle = network.relu1.register_forward_hook(lambda *arguments: pointed_at.append(arguments[2]))
    classifier.logits_from_inputs(inputs)
    handle.remove()
    assert not torch.allclose(pointed_at[0], after)  # the trap is real
    names = ["conv1", "relu1", "relu2"]
    _, maps = read_activations(classifier, inputs, choose_layers(classifier, names))
    for name, values, expected in zip(names, maps, (before, after, last), strict=True):
        assert torch.equal(values, expected), name


def test_one_forward_pass_reads_all_layers() -> None:
    network = InPlace()
    classifier = classifier_of(network, 12, 4)
    layers = choose_layers(classifier, ["relu1", "conv2", "relu2"])
    calls = []
    handle = network.register_forward_hook(lambda *_: calls.append(1))
    choose_channels(classifier, torch.rand(1, 3, 12, 12), layers)
    handle.remove()
    assert len(calls) == 1


def interest_by_formula(maps: np.ndarray, chosen: list[int], channel: int) -> tuple[float, float, float]:
    """Relative variance, autocorrelation and dissimilarity of a channel, as the module's documentation defines them."""
    down, across = maps.shape[1] // 7, maps.shape[2] // 7
    inner = maps[:, down : maps.shape[1] - down, across : maps.shape[2] - across].astype(np.float64)
    deviations = inner.std(axis=(1, 2))
    # Of an even number PyTorch's median is the lower one of the two in the middle.
    relative_variance = deviations[channel] / (
        deviations[channel] + np.quantile(deviations[deviations > 0], 0.5, method="lower")
    )
    a = inner[channel]
    steps = np.concatenate([np.diff(a, axis=0).ravel(), np.diff(a, axis=1).ravel()])
    autocorrelation = max(0.0, 1 - (steps**2).mean() / (2 * a.var()))
    dissimilarity = 1 - max((abs(np.corrcoef(a.ravel(), inner[c].ravel())[0, 1]) for c in chosen), default=0.0)
    return relative_variance, autocorrelation, dissimilarity


@pytest.fixture(scope="module")
def maps_of_cat(lite0) -> FeatureMaps:
    return feature_maps(lite0, snellen.read_pixels(CAT))


def test_the_choice_is_greedy_on_the_stated_measure(lite0, maps_of_cat: FeatureMaps) -> None:
    """With as many shown as are searched, all that interest takes are there; ordered by it, each is the best left."""
    inputs = lite0.preprocessing.preprocess(snellen.read_pixels(CAT))
    for layer in choose_layers(lite0)[:2]:
        _, (selection,) = choose_channels(lite0, inputs, [layer], count=SEARCHED)
        maps = selection.maps.numpy()
        measured = dict(
            zip(
                selection.channels,
                zip(selection.relative_variance, selection.autocorrelation, selection.dissimilarity, strict=True),
                strict=True,
            )
        )
        taken = sorted(measured, key=lambda channel: -np.prod(measured[channel]))
        assert len(taken) == SEARCHED
        chosen: list[int] = []
        for channel in taken[:5]:
            factors = interest_by_formula(maps, chosen, channel)
            assert measured[channel] == pytest.approx(factors, abs=1e-3)
            # Every seventeenth channel is tried as a rival.
            varying = [c for c in range(0, len(maps), 17) if maps[c, 1:-1, 1:-1].std() > 0.01 and c not in chosen]
            best = max(np.nan_to_num(np.prod(interest_by_formula(maps, chosen, c))) for c in varying)
            assert np.prod(factors) >= best - 1e-3
            chosen.append(channel)
        shown = [one.channel for one in maps_of_cat.maps if one.layer == layer.name]
        above = dict(zip(selection.channels, [fit.correlation - fit.by_chance for fit in selection.fits], strict=True))
        assert shown == sorted(above, key=lambda channel: -above[channel])[:5]
        summary = next(one for one in maps_of_cat.layers if one.name == layer.name)
        assert (summary.searched, summary.following) == (SEARCHED, sum(one > 0 for one in above.values()))
        assert summary.regions == np.median([number_of_regions(maps[channel]) for channel in taken])


@pytest.mark.parametrize(("height", "width"), [(6, 5), (14, 14), (28, 42)])
def test_chance_is_what_the_shifted_map_reaches(height: int, width: int) -> None:
    """By hand: the map is rolled to every place, or every so many, and held against all cues there."""
    random = torch.Generator().manual_seed(height)
    inputs = torch.rand(1, 3, height, width, generator=random)
    one = functional.avg_pool2d(torch.rand(1, height + 2, width + 2, generator=random), 3, 1)
    (fit,) = fit_cues(one, inputs)
    correlation, cue = cue_correlations(one, inputs)[0].max(dim=0)
    assert (fit.cue, fit.correlation) == (CUES[int(cue)], pytest.approx(float(correlation), abs=1e-6))
    down, across = max(1, height // 14), max(1, width // 14)
    shifts = [(y, x) for y in range(0, height, down) for x in range(0, width, across) if (y, x) != (0, 0)]
    reached = [float(cue_correlations(one.roll(shift, (1, 2)), inputs).max()) for shift in shifts]
    assert fit.by_chance == pytest.approx(np.quantile(reached, 0.95), abs=1e-4)


def test_a_map_too_small_to_be_shifted_follows_nothing() -> None:
    (fit,) = fit_cues(torch.ones(1, 1, 1), torch.rand(1, 3, 8, 8))
    assert (fit.correlation, fit.by_chance) == (0.0, 1.0)


def test_of_noise_few_maps_follow_a_cue() -> None:
    """Maps that have nothing to do with the photograph exceed chance in one case of twenty, give or take."""
    random = torch.Generator().manual_seed(0)
    inputs = torch.rand(1, 3, 14, 14, generator=random)
    fits = fit_cues(functional.avg_pool2d(torch.rand(200, 16, 16, generator=random), 3, 1), inputs)
    above = sum(fit.correlation > fit.by_chance for fit in fits)
    assert 2 <= above <= 20
    (fit,) = fit_cues(torch.from_numpy(lab_of(inputs, 14, 14)[:1]), inputs)
    assert (fit.cue, fit.correlation) == ("light areas", pytest.approx(1, abs=1e-5))
    assert fit.by_chance < 0.5


def drawn(*rows: str) -> np.ndarray:
    return np.array([[float(one == "#") for one in row] for row in rows])


@pytest.mark.parametrize(
    ("values", "seen"),
    [
        (np.zeros((4, 4)), "the same everywhere"),
        (drawn(".....", ".....", ".....", "...##", "...##"), "a blob at the bottom right"),
        (drawn(*["......."] * 3, "#######", *["......."] * 3), "a horizontal band in the middle"),
        (drawn(*["#......"] * 6, "......."), "a vertical band along the left margin"),
        (drawn("......", "....#.", "...#..", "..#...", "......", "......"), "a rising streak in the middle"),
        (drawn("......", ".#....", "..#...", "...#..", "......", "......"), "a falling streak in the middle"),
        (drawn("##.....", "##.....", *["......."] * 3, ".....##", ".....##"),
         "a blob at the top left and a blob at the bottom right"),
        (drawn("###....", "###....", "......#", *["......."] * 4), "a blob at the top left and one spot"),
        (drawn("#.#.#.#.", "........", "#.#.#.#.", *["........"] * 5),
         "several spots, the largest at the top left, at the top and at the top right"),
        (drawn(*["#..#..#..#.."] * 4, *["............"] * 8),
         "a vertical streak along the left margin, a vertical streak at the top left, a vertical streak at the top "
         "and a vertical streak at the top right"),
        (drawn(*["#..#..#..#..#"] * 4, *["............."] * 8),
         "several vertical streaks, the largest along the left margin, at the top left and at the top"),
        (np.tile(drawn("#..", "...", "..."), (4, 5)), "dark with many small bright patches all over"),
        (np.tile(drawn("#..", "...", "..."), (4, 5)) * np.repeat([1, 1, 0, 0], 3)[:, None],
         "several spots, the largest at the top left, at the top and at the top right"),
        # Bent as no ellipse is.
        (drawn("##########", *["#........."] * 9), "a bent band from the top right to the bottom left"),
        (drawn(*["#######"] * 5, "......#", "......#") + np.linspace(0, 0.9, 7),
         "bright but for dark places at the bottom"),
        (np.tile(drawn("#.#.#.#.#.#.", ".#.#.#.#.#.#"), (6, 1)) * 3 + 1,
         "bright or dark with little between: joined patches across the whole map"),
        # A ground in the middle: a relief of lines, and a blob.
        (0.5 + (np.arange(30) == 9) * np.ones((30, 1)) * 0.5 - (np.arange(30) == 20) * np.ones((30, 1)) * 0.5,
         "an even middle level with thin bright and dark lines all over"),
        (0.5 + drawn(".......", ".....##", ".....##", *["......."] * 4) / 2 - drawn(*["......."] * 6, "#......") / 2,
         "an even middle level with a blob at the top right"),
        # Touches no margin, though it lies near the right one; and one or two values have no form.
        (drawn(*["......."] * 2, *[".....#."] * 3, *["......."] * 2), "a vertical streak at the right"),
        (drawn(".......", ".....##", *["......."] * 5), "a spot at the top right"),
        (drawn("......#", *["......."] * 6), "a spot at the top right"),
    ],
)  # fmt: skip
def test_the_shape_of_a_map_is_told_by_its_forms(values: np.ndarray, seen: str) -> None:
    shape = shape_of(values)
    assert describe_shape(shape) == seen
    if shape.levels is None:
        assert describe_shape(shape_of(-3 + 5 * values)) == seen  # the colours are the same
    assert shape.regions == number_of_regions(values)


def test_early_middle_and_late_are_in_order_and_repeatable(lite0, maps_of_cat: FeatureMaps) -> None:
    result, again = maps_of_cat, feature_maps(lite0, snellen.read_pixels(CAT))
    assert result.layers == again.layers
    assert result.maps == again.maps
    for layer, (low, high) in zip(result.layers, BANDS, strict=True):
        assert low <= layer.depth <= high
    assert all(low.height > high.height for low, high in zip(result.layers, result.layers[1:], strict=False))
    assert all(layer.activated for layer in choose_layers(lite0))


def test_correlations_with_edges_and_colour_are_least_squares(lite0, maps_of_cat: FeatureMaps) -> None:
    inputs = lite0.preprocessing.preprocess(snellen.read_pixels(CAT))
    feature = maps_of_cat.maps[0]
    values = maps_of_cat.values[0].ravel().astype(np.float64)
    small = functional.adaptive_avg_pool2d(inputs, (feature.height, feature.width))[0].permute(1, 2, 0).numpy()
    lightness, a, b = np.moveaxis(rgb2lab(small), 2, 0)
    edges = [skimage.filters.sobel_h(lightness), skimage.filters.sobel_v(lightness), skimage.filters.sobel(lightness)]
    for cues, measured in (([a, b], feature.colour), (edges, feature.edges)):
        design = np.column_stack([*(cue.ravel() for cue in cues), np.ones(values.size)])
        residual = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
        adjusted = 1 - residual.var() / values.var() * (values.size - 1) / (values.size - len(cues) - 1)
        assert measured == pytest.approx(max(adjusted, 0) ** 0.5, abs=2e-3)


WEIGHT = torch.tensor([[2.0, -1.0, 0.5], [-1.0, 1.0, 0.0], [0.0, 0.0, 0.25]])


class MeanSquares(MeanColours):
    """Its logits are a linear function of the means of its maps' squares: of their pattern and their level."""

    def forward(self, inputs: Tensor) -> Tensor:
        return self.classifier(self.act(self.conv(inputs)).square().mean(dim=(2, 3)))


def test_ablation_and_support_by_hand() -> None:
    classifier = classifier_of(MeanSquares(4 * WEIGHT), 16, 3)
    torch.manual_seed(0)
    pixels = torch.rand(1, 3, 16, 16).mul(255).round().div(255)
    pixels[:, 0] = pixels[:, 0] * 0.5 + 0.5
    inputs = classifier.preprocessing.preprocess(pixels)
    result = feature_maps(classifier, pixels, layers=["act"], channels=[0, 1, 2])
    means, squares = (values.mean(dim=(2, 3))[0] for values in (inputs.double(), inputs.double().square()))
    weight = 4 * WEIGHT.double()
    full = (weight @ squares).softmax(0)
    assert result.top.index == int(full.argmax()) == 0
    for feature in result.maps:
        ablated = (weight @ torch.where(torch.arange(3) == feature.channel, means.square(), squares)).softmax(0)
        assert feature.importance == pytest.approx(float(ablated[0] - full[0]), abs=1e-6)
        others = torch.where(torch.arange(3) == 0, 0, (ablated - full) * (1 if feature.importance < 0 else -1))
        assert (feature.rival, abs(feature.rival_change)) == (
            f"class {int(others.argmax())}", pytest.approx(float(others.max()), abs=1e-6),
        )  # fmt: skip
    assert result.layers[0].supporting == 2  # channels 0 and 2 have positive weights for class 0
    assert result.layers[0].concentration == 1
    assert result.layers[0].zero_fraction == pytest.approx(float((inputs <= 0).double().mean()))
    # Of a network that reads no more than the level of each map, none of its patterns matters.
    of_level = feature_maps(classifier_of(MeanColours(4 * WEIGHT), 16, 3), pixels, layers=["act"], channels=[0, 1, 2])
    assert [feature.importance for feature in of_level.maps] == pytest.approx([0, 0, 0], abs=1e-6)
    assert "with any one made even, at its mean, the probability of" in of_level.discussion()


def test_a_blank_photograph_gives_numbers_not_nan() -> None:
    classifier = classifier_of(MeanColours(WEIGHT), 16, 3)
    result = feature_maps(classifier, torch.zeros(1, 3, 16, 16), layers=["act"], count=3)
    assert {(m.interest, m.edges, m.colour, m.zero_fraction) for m in result.maps} == {(0.0, 0.0, 0.0, 1.0)}
    assert result.layers[0].zero_channels == 3
    assert "nan" not in result.discussion().lower()
    with_grey = feature_maps(classifier, torch.rand(1, 1, 16, 16).expand(1, 3, 16, 16), layers=["act"], count=3)
    assert {m.colour for m in with_grey.maps} == {0.0}


def test_channels_by_number_and_what_is_refused(lite0) -> None:
    pixels = snellen.read_pixels(CAT)
    result = feature_maps(lite0, pixels, layers=["blocks.1.0.bn2", "bn1.act"], channels=[7, 3, 7])
    assert [(m.layer, m.channel) for m in result.maps] == [
        ("blocks.1.0.bn2.act", 7), ("blocks.1.0.bn2.act", 3), ("bn1.act", 7), ("bn1.act", 3),
    ]  # fmt: skip
    with pytest.raises(InputError, match=re.escape("bn1.act: no channel 32 (its channels are 0 to 31)")):
        feature_maps(lite0, pixels, layers=["bn1.act"], channels=[32])
    with pytest.raises(InputError, match="0 maps"):
        feature_maps(lite0, pixels, count=0)


def test_one_photograph_or_several(lite0) -> None:
    alone = feature_maps(lite0, CAT, count=1)
    first, missing, second = feature_maps(lite0, [str(CAT), "gone.png", snellen.read_pixels(CAT)], count=1)
    assert first.maps == second.maps == alone.maps
    assert (first.image, second.image, first.model) == (str(CAT), "pixels 2", lite0.name)
    assert missing == Failure("gone.png", "gone.png: no such file")
    assert set(first.to_dict()) == {"image", "model", "top", "input_size", "layers", "maps"}
    with pytest.raises(ImageError, match="no such file"):
        feature_maps(lite0, "gone.png")


def test_a_network_without_maps_is_refused() -> None:
    flat = classifier_of(nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 8), nn.ReLU(), nn.Linear(8, 2)), 8, 2)
    for call in (feature_maps, snellen.heatmap):
        with pytest.raises(ModelError, match="height and width"):
            call(flat, torch.rand(1, 3, 8, 8))


def test_the_network_is_left_as_found(lite0) -> None:
    network = lite0.network
    flags = [parameter.requires_grad for parameter in network.parameters()]
    weights = [parameter.clone() for parameter in network.parameters()]
    feature_maps(lite0, snellen.read_pixels(CAT))
    assert flags == [parameter.requires_grad for parameter in network.parameters()]
    assert all(torch.equal(old, new) for old, new in zip(weights, network.parameters(), strict=True))
    assert not any(module._forward_hooks for module in network.modules())


@pytest.mark.parametrize(("height", "width"), [(200, 300), (310, 190)])
def test_a_map_lies_where_it_belongs_on_the_photograph(height: int, width: int) -> None:
    preprocessing = Preprocessing((64, 64), 0.8, "bilinear", (0.0,) * 3, (1.0,) * 3)
    photograph = torch.zeros(1, 3, height, width)
    row, column = int(0.55 * height), int(0.45 * width)
    photograph[:, :, row - 6 : row + 6, column - 6 : column + 6] = 1
    seen = preprocessing.preprocess(photograph)[0, 0].numpy()
    laid = on_photograph(seen, preprocessing, height, width)
    left, top, right, bottom = preprocessing.geometry(height, width).box
    inside = np.isfinite(laid)
    assert inside.sum() == pytest.approx((right - left) * (bottom - top), rel=0.02)
    rows, columns = np.nonzero(np.nan_to_num(laid) > 0.5)
    assert (rows.mean(), columns.mean()) == (pytest.approx(row - 0.5, abs=1.5), pytest.approx(column - 0.5, abs=1.5))


def test_scaled_maps() -> None:
    assert scaled(np.array([[2.0, 4.0], [3.0, 2.0]], np.float32)).tolist() == [[0, 1], [0.5, 0]]
    assert scaled(np.full((2, 2), 3.0, np.float32)).tolist() == [[0, 0], [0, 0]]


def test_the_discussion_says_what_was_measured(maps_of_cat: FeatureMaps) -> None:
    result = maps_of_cat
    text = result.discussion()
    for layer in result.layers:
        assert layer.name in text
        assert f"Of all the layer's values {layer.zero_fraction:.0%} are zero" in text
        assert "zero or less" not in text  # after a ReLU
    strongest = max(result.maps, key=lambda m: abs(m.importance))
    assert f"{strongest.channel} of {strongest.layer} matters most to the answer: made even, at its mean" in text
    before, change = round(100 * result.top.probability, 1), round(100 * strongest.importance, 1)
    assert f"from {before:.1f}% to {before + change:.1f}%" in text  # the table's own difference
    told = []
    for start, where in ((0, "early"), (5, "in the middle"), (10, "at the end")):
        above = [m.cue_correlation for m in result.maps[start : start + 5] if m.cue_correlation > m.cue_by_chance]
        closely = sum(round(r, 2) >= CLOSELY for r in above)
        told.append((closely, len(above) - closely, where))
    surely = tuple(dataclasses.replace(layer, following=SEARCHED) for layer in result.layers)
    assert headline_of_maps(dataclasses.replace(result, layers=surely)) == (
        "Maps that follow one simple cue of pixels 0, such as a colour or an edge: "
        + listed(
            [
                f"{closely or 'none'} of 5 {where}{f' ({part} more in part)' if part else ''}"
                for closely, part, where in told
            ]
        )
    )
    assert "{}, {} and {} correlate with a simple cue".format(*(layer.following for layer in result.layers)) in text
    assert "by chance one would" in text
    assert "chosen for being readable or, at the end, for their support, so they" in text
    assert (
        "chosen for being readable"
        not in dataclasses.replace(
            result, layers=tuple(dataclasses.replace(layer, searched=5) for layer in result.layers)
        ).discussion()
    )
    assert "What this does not prove" in text
    last = result.layers[-1]
    assert (
        f"{last.concentration} of {last.channels:,} channels hold half of all support for tiger cat (of the "
        f"{last.supporting} that support it at all; if these did so alike, it would take {-(-last.supporting // 2)})"
    ) in text
    for figure in (result.plot(), draw_overlays(result)):
        titles = [text.get_text() for axes in figure.axes for text in axes.texts][::2]
        assert titles == [f"channel {m.channel}\ninterest {m.interest:.2f}" for m in result.maps]
        assert sum(len(axes.images) for axes in figure.axes) == len(result.maps)


def test_what_edges_and_colours_explain_is_told_of_every_layer(maps_of_cat: FeatureMaps) -> None:
    def told(edges: tuple[float, ...], colour: tuple[float, ...]) -> str:
        layers = [
            dataclasses.replace(layer, edges=e**0.5, colour=c**0.5)
            for layer, e, c in zip(maps_of_cat.layers, edges, colour, strict=True)
        ]
        return dataclasses.replace(maps_of_cat, layers=tuple(layers)).discussion()

    of_each = "of the variance of a typical channel, from the first layer to the last, edges explain"
    assert f"explain less from layer to layer: {of_each} 30%, 20% and 10%, colour 9%, 8% and 7%." in (
        told((0.3, 0.2, 0.1), (0.09, 0.08, 0.07))
    )
    assert f"less than in the first layer: {of_each} 30%, 10% and 20%, colour 9%, 8% and 7%." in (
        told((0.3, 0.1, 0.2), (0.09, 0.08, 0.07))
    )
    assert "explain less" not in told((0.3, 0.2, 0.4), (0.09, 0.08, 0.07))


def patches_of(layer: str, channel: int, *pixels: np.ndarray) -> TopPatches:
    return TopPatches(
        layer, channel, tuple(Patch(f"{n}", 1.0, 1.0, (0, 0, *one.shape[1::-1]), one) for n, one in enumerate(pixels))
    )


def plain_patch(*colour: int) -> np.ndarray:
    return np.full((2, 2, 3), colour, np.uint8)


PURPLE, BROWN, CRIMSON, GREY, TEAL = map(
    plain_patch, (120, 150, 200, 90, 0), (60, 80, 0, 90, 128), (180, 20, 60, 90, 128)
)


def test_patches_that_contradict_the_map_are_told(maps_of_cat: FeatureMaps) -> None:
    """Purple, brown and crimson have red in them (CIELAB's a), and what is half of it green too; gray and teal not."""
    red, other, *rest = maps_of_cat.maps
    marked = [
        dataclasses.replace(red, cue="red", cue_correlation=0.9, cue_by_chance=0.2),
        dataclasses.replace(other, cue_correlation=0.1, cue_by_chance=0.2),
    ]
    result = dataclasses.replace(maps_of_cat, maps=(*marked, *rest))
    one, two = (
        patches_of(red.layer, red.channel, PURPLE, TEAL, GREY, GREY),
        patches_of(other.layer, other.channel, GREY),
    )
    (told,) = qualify_patches([one, two], result)
    assert told == (
        f"Channel {red.channel} of {red.layer} follows red on the photograph above, but of its four patches here one "
        "has much red: red is what excites it there, not all that does."
    )
    assert qualify_patches([patches_of(red.layer, red.channel, PURPLE, BROWN, CRIMSON, GREY)], result) == []
    contrast = np.concatenate([CRIMSON, plain_patch(30, 160, 40)])
    assert len(main_colours(contrast)) == 2
    assert len(main_colours(CRIMSON)) == 1
    assert qualify_patches([patches_of(red.layer, red.channel, *[contrast] * 4)], result) == []
    dot = np.concatenate([CRIMSON, *[GREY] * 4])  # red on a fifth of it is not much
    assert "one has much red" in qualify_patches([patches_of(red.layer, red.channel, CRIMSON, dot, dot)], result)[0]


@pytest.mark.parametrize(
    ("across", "run"), [((0, 1), "horizontal"), ((1, 1), "rising"), ((1, 0), "vertical"), ((1, -1), "falling")]
)
def test_which_way_edges_run(across: tuple[int, int], run: str) -> None:
    y, x = np.mgrid[:16, :16]
    waves = 128 + 100 * np.sin((across[0] * x + across[1] * y) / 2)
    striped = np.repeat(waves[..., None], 3, axis=2).astype(np.uint8)
    assert edge_direction(striped) == run
    assert edge_direction(255 - striped) == run
    rings = 128 + 100 * np.sin(np.hypot(x - 7.5, y - 7.5))
    for without in (np.repeat(rings[..., None], 3, axis=2).astype(np.uint8), plain_patch(9, 9, 9), striped[:1]):
        assert edge_direction(without) == ""


def test_edges_of_small_patches_are_counted() -> None:
    bars = np.repeat((128 + 100 * np.sin(np.arange(8)))[None, :, None], 8, axis=0).repeat(3, axis=2).astype(np.uint8)
    flat, upright = patches_of("act", 0, BROWN, BROWN, GREY), patches_of("act", 3, bars, bars, GREY)
    silent = patches_of("act", 4)
    assert describe_patches([flat, upright, silent]) == ["Some patches are one edge: in channel 3 (two vertical)."]
    assert describe_patches([upright]) == [
        "Most of what excites the early channels is one edge: in the patches of channel 3 (two vertical)."
    ]
    assert describe_patches([silent, flat]) == []


def test_a_colour_that_all_small_patches_share_is_told() -> None:
    """A quarter of a patch is much of a colour, a fifth is not, and of two patches nothing is said."""
    quarter, fifth = (np.concatenate([CRIMSON, *[GREY] * times]) for times in (3, 4))
    told = describe_patches([patches_of("act", 19, CRIMSON, PURPLE, quarter), patches_of("act", 5, TEAL, TEAL, TEAL)])
    assert told == ["All three patches of channel 19 have much red; all three patches of channel 5 have much green."]
    assert describe_patches([patches_of("act", 19, CRIMSON, PURPLE, fifth)]) == []
    assert describe_patches([patches_of("act", 19, CRIMSON, CRIMSON)]) == []
    bars = np.repeat((128 + 100 * np.sin(np.arange(8)))[None, :, None], 8, axis=0).repeat(3, axis=2).astype(np.uint8)
    assert describe_patches([patches_of("act", 3, *[bars] * 3), patches_of("act", 19, *[CRIMSON] * 3)]) == [
        "Some patches are one edge: in channel 3 (three vertical). All three patches of channel 19 have much red."
    ]


def test_patches_of_one_kind_are_told_beside_how_many_photographs_are_of_it() -> None:
    breeds = ["Maine_Coon"] * 5 + ["Bengal"] * 5 + ["pug"] * 10
    classes = {**{f"{number}": breed for number, breed in enumerate(breeds)}, "20": None}
    kinds = {"Maine_Coon": "cat", "Bengal": "cat", "pug": "dog"}
    cats, few = patches_of("late", 7, *[GREY] * 10), patches_of("late", 8, *[GREY] * 2)
    (told,) = discuss_patches([cats, few], classes, kinds)
    # Ten cats of ten, where half of twenty are: once in C(20, 10) = 184,756; two of two in nine of 38.
    assert (
        ": channel 7 of late may answer to cats (10 of 10 photographs, where 50% of all that were searched are). "
        in (told)
    )
    assert "channel 8" not in told
    (of_few,) = discuss_patches([few], classes, kinds)
    assert "may answer to" not in of_few
    assert "is offered: the test could name none on so few photographs." in of_few
    # Two channels and five names: a tail below 1 in 200, which nine of ten cats in twenty have (0.05%), eight have not
    # (1.2%), and all of five Maine Coons have not either (1.6%).
    assert "For the other one the test names none: it asks for a class or kind on at least nine of ten, and" in told
    maine = dataclasses.replace(cats, patches=cats.patches[:5])
    assert "may answer to Maine Coon (5 of 5 photographs, where 25% of" in discuss_patches([maine], classes, kinds)[0]


def test_a_correlation_is_judged_by_chance_and_as_the_table_shows_it(maps_of_cat: FeatureMaps) -> None:
    def told(correlation: float, by_chance: float) -> str:
        one = dataclasses.replace(maps_of_cat.maps[0], cue="red", cue_correlation=correlation)
        return excites(dataclasses.replace(one, cue_by_chance=by_chance), maps_of_cat.layers[0])

    assert [told(0.597, 0.4), told(0.59, 0.4), told(0.59, 0.6), told(0.8, 0.9)] == [
        "red", "partly red", "\N{EN DASH}", "\N{EN DASH}",
    ]  # fmt: skip


def test_what_excites_a_channel_is_the_cue_it_follows() -> None:
    """Each map of the toy is a colour channel: of a photograph that is red on its right, the first is read as red."""
    classifier = classifier_of(MeanColours(WEIGHT), 16, 3)
    pixels = torch.full((1, 3, 16, 16), 0.5)
    pixels[:, :2, :, 5:10], pixels[:, 2, :, 5:10] = 0.3, 0.05
    pixels[:, 0, 2:8, 10:], pixels[:, 1:, 2:8, 10:] = 0.9, 0.3
    result = feature_maps(classifier, pixels, layers=["act"], channels=[0, 1])
    red, green = result.maps
    assert (red.cue, describe_shape(red.shape)) == ("red", "a blob at the top right")
    assert red.cue_correlation > 0.9 > red.cue_by_chance
    assert excites(red, result.layers[0]) == "red"
    assert describe_shape(green.shape).startswith("bright or dark with little between: a vertical band ")
    dark = feature_maps(classifier, torch.zeros(1, 3, 16, 16), layers=["act"], channels=[0])
    (flat,) = dark.maps
    assert (excites(flat, dark.layers[0]), describe_shape(flat.shape)) == ("nothing", "the same everywhere")


def test_where_no_more_maps_exceed_chance_than_may_by_chance_none_is_said_to_follow(maps_of_cat: FeatureMaps) -> None:
    # Of 20 fair draws at 1 in 20 three or fewer come in 98.4% of cases, two or fewer in 92.5%.
    assert [most_by_chance(searched) for searched in (1, 2, 20)] == [0, 1, 3]
    *layers, end = (dataclasses.replace(layer, following=SEARCHED) for layer in maps_of_cat.layers)
    cues = [("edges with the red at the top", 0.7), ("red", 0.5), ("blue", 0.3), ("blue", 0.2), ("blue", 0.1)]
    maps = [
        dataclasses.replace(one, cue=cue, cue_correlation=r, cue_by_chance=0.4)
        for one, (cue, r) in zip(maps_of_cat.maps[-5:], cues, strict=True)
    ]

    def told(following: int) -> FeatureMaps:
        layer = dataclasses.replace(end, following=following)
        return dataclasses.replace(maps_of_cat, layers=(*layers, layer), maps=(*maps_of_cat.maps[:-5], *maps))

    above, within = told(4), told(3)
    nearest = maps[0].channel
    assert headline_of_maps(above).endswith("and 1 of 5 at the end (1 more in part)")
    assert f"Edges of colour excite channel {nearest}; channel {maps[1].channel} follows red in part;" in (
        above.discussion()
    )
    assert headline_of_maps(within).endswith("and none of 5 at the end")
    text = within.discussion()
    assert "by chance one would, and rarely more than three. Chance is" in text
    assert "The three at the end may thus be chance, so no map there is said to follow a cue." in text
    assert (
        "No map shown is said to follow a cue, since no more of those searched exceed chance than may by chance: the "
        f"farthest above it, channel {nearest}, has r = 0.70 with edges with the red at the top, and shifted around up "
        "to 0.40" in text
    )
    assert f"channel {maps[1].channel} follows red in part" not in text
    assert f"Farthest above chance is channel {nearest}" not in text
    assert [excites(maps[0], result.layers[-1]) for result in (above, within)] == [maps[0].cue, "\N{EN DASH}"]
    patches = patches_of(end.name, maps[1].channel, *[GREY] * 4)
    red = [dataclasses.replace(one, cue_correlation=0.9) for one in maps]
    for result, contradicted in ((above, 1), (within, 0)):
        seen = dataclasses.replace(result, maps=(*maps_of_cat.maps[:-5], *red))
        assert len(qualify_patches([patches], seen)) == contradicted


def test_edges_are_told_by_the_side_of_the_light() -> None:
    """A map that is the photograph's own slope to the right follows the edges whose light lies there."""
    classifier = classifier_of(MeanColours(WEIGHT), 16, 3)
    with torch.no_grad():
        classifier.network.conv.weight.zero_()
        classifier.network.conv.weight[0, :, 1, 0], classifier.network.conv.weight[0, :, 1, 2] = -1.0, 1.0
    pixels = torch.full((1, 3, 16, 16), 0.2)
    pixels[:, :, 4:12, 4:12] = 0.8
    (slope,) = feature_maps(classifier, pixels, layers=["act"], channels=[0]).maps
    assert slope.cue == "edges with the light at the right"
    assert slope.cue_correlation > CLOSELY


@pytest.mark.parametrize("number", range(8))
def test_lines_are_told_by_their_direction(number: int) -> None:
    """Half of the photograph is striped in a direction, the rest in those next to it: a map of the half follows it."""
    y, x = np.mgrid[:64, :64]

    def striped(direction: int) -> np.ndarray:
        angle = direction * np.pi / 8
        return np.cos(2 * np.pi * (x * np.sin(angle) + y * np.cos(angle)) / 8)

    rest = np.where(y < 32, striped(number - 1), striped(number + 1))
    pixels = 0.5 + 0.3 * np.where(x < 32, striped(number), rest)
    inputs = torch.from_numpy(pixels).float().expand(1, 3, -1, -1)
    mask = torch.zeros(1, 16, 16)
    mask[:, :, :8] = 1
    correlation, cue = cue_correlations(mask, inputs)[0].max(dim=0)
    assert CUES[int(cue)] == LINES[number]
    assert correlation > CLOSELY
    energy = line_energy(inputs, 16, 16)[:, 2:-2, 2:6].mean(dim=(1, 2))
    assert int(energy.argmax()) == number
    assert energy[(number + 4) % 8] < 0.01 * energy[number]  # across them there is none
    assert line_energy(torch.full((1, 3, 64, 64), 0.7), 16, 16).max() < 1e-4  # nor in what is all the same


LINES = (
    "horizontal lines", "lines rising gently to the right", "lines rising to the right",
    "lines rising steeply to the right", "vertical lines", "lines falling steeply to the right",
    "lines falling to the right", "lines falling gently to the right",
)  # fmt: skip


@pytest.mark.parametrize(("shade", "name"), [(0, "light"), (1, "red"), (2, "yellow")])
@pytest.mark.parametrize("rectified", [False, True])
def test_edges_of_colour_are_told_by_the_side_of_the_colour(shade: int, name: str, rectified: bool) -> None:
    """A map that is a slope of the photograph's CIELAB, or what of it is above zero, correlates with it fully."""
    inputs = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(shade))
    lab = rgb2lab(inputs[0].permute(1, 2, 0).numpy())[..., shade]
    for slope, side in ((skimage.filters.sobel_v(lab), "right"), (-skimage.filters.sobel_h(lab), "top")):
        shown = torch.from_numpy(np.maximum(slope, 0) if rectified else slope).float()[None]
        correlation, cue = cue_correlations(shown, inputs)[0].max(dim=0)
        assert CUES[int(cue)] == f"edges with the {name} at the {side}"
        assert correlation == pytest.approx(1, abs=1e-5)


def test_the_layers_discussion_names_lines_edges_of_colour_and_what_fits_in_part(maps_of_cat: FeatureMaps) -> None:
    cues = [("edges with the red at the top", 0.7), ("vertical lines", 0.6), ("red", 0.9), ("blue", 0.5), ("red", 0.39)]
    maps = [
        dataclasses.replace(one, cue=cue, cue_correlation=r, cue_by_chance=0.4)
        for one, (cue, r) in zip(maps_of_cat.maps[:5], cues, strict=True)
    ]
    text = dataclasses.replace(maps_of_cat, maps=(*maps, *maps_of_cat.maps[5:])).discussion()
    first, second, third, fourth, fifth = (one.channel for one in maps)
    assert (
        f"Edges of colour excite channel {first}; lines excite channel {second}; colour excites channel {third}; "
        f"channel {fourth} follows blue in part; channel {fifth} fits no cue that was tried."
    ) in text


def test_where_a_map_s_form_speaks_against_its_cue_it_is_said(maps_of_cat: FeatureMaps) -> None:
    """Of an early layer, whose maps are large enough to show lines, and of a late one, whose maps are not."""
    blob, streak = drawn("#......", *["......."] * 6), drawn(*["#......"] * 6, ".......")
    lines = 0.5 + (np.arange(30) == 9) * np.ones((30, 1)) * 0.5

    def told(number: int, *cues: tuple[str, np.ndarray]) -> str:
        layer = dataclasses.replace(maps_of_cat.layers[number], following=SEARCHED)
        maps = [
            dataclasses.replace(
                one, channel=channel, cue=cue, cue_correlation=0.7, cue_by_chance=0.1, shape=shape_of(as_seen)
            )
            for channel, (one, (cue, as_seen)) in enumerate(
                zip((one for one in maps_of_cat.maps if one.layer == layer.name), cues, strict=False)
            )
        ]
        text = dataclasses.replace(maps_of_cat, layers=(layer,), maps=tuple(maps)).discussion()
        assert describe_forms(maps) in _maps_of(layer, dataclasses.replace(maps_of_cat, maps=tuple(maps)))
        told_of = text[text.index("Farthest above") :].partition(" Of all the layer's values")[0]
        return f"{describe_forms(maps)}. {told_of}"

    edges, last = "edges with the light at the left", maps_of_cat.layers[-1]
    assert told(-1, (edges, blob), ("vertical lines", blob)) == (
        "all of them have one bright region each. Farthest above chance is channel 0 (r = 0.70, by chance "
        "0.10). Channels 0 and 1 follow edges by their correlation alone: they show no line, which a map of "
        f"{last.height} x {last.width} values hardly can."
    )
    assert told(0, (edges, blob)).endswith(" Channel 0 follows edges by its correlation alone: it shows no line.")
    assert told(0, ("red", lines)).endswith(" Channel 0 follows areas by its correlation alone: it is thin lines.")
    for cue, form in ((edges, streak), (edges, lines), ("red", blob)):
        assert "alone" not in told(0, (cue, form))
    streaks = drawn(*["##..." * 13] * 8, *["." * 65] * 12)
    assert told(0, (edges, streaks)).startswith("channel 0 has many bright streaks.")


def test_near_the_end_the_maps_shown_are_those_that_support_the_class_most(lite0, maps_of_cat: FeatureMaps) -> None:
    """By hand: of the channels that vary as much as the median one, those of the greatest activation times gradient."""
    inputs = lite0.preprocessing.preprocess(snellen.read_pixels(CAT))
    layers = choose_layers(lite0)
    _, maps = read_activations(lite0, inputs, layers)
    contributions = channel_contributions(lite0, inputs, layers, maps_of_cat.top)
    of_each = [[one for one in maps_of_cat.maps if one.layer == layer.name] for layer in layers]
    assert [summary.by_support for summary in maps_of_cat.layers] == [False, False, True]
    for summary, shown, of_layer in zip(maps_of_cat.layers, of_each, contributions, strict=True):
        positive = np.sort(of_layer.clamp(min=0).double().numpy())[::-1]
        half = int((positive.cumsum() < positive.sum() / 2).sum()) + 1
        assert summary.concentration == half
        assert summary.shown_of_half == sum(float(of_layer[one.channel]) >= positive[half - 1] for one in shown)
        assert [one.support for one in shown] == pytest.approx(
            [float(of_layer[one.channel]) / positive.sum() for one in shown], rel=1e-4
        )
    end = maps[-1][0, :, 1:-1, 1:-1].double().numpy()
    deviations = end.std(axis=(1, 2))
    varies = deviations >= np.quantile(deviations[deviations > 0], 0.5, method="lower") * (1 - 1e-6)
    support = contributions[-1].double().numpy()
    best = np.argsort(-np.where(varies, support, 0))[:5]
    assert [one.channel for one in of_each[-1]] == best.tolist()
    last = maps_of_cat.layers[-1]
    assert last.passed_over == int((~varies & (support > support[best[-1]])).sum())
    assert "five maps that support its answer most, of those that vary, at the" in _maps_of(last, maps_of_cat)
    assert "five maps at the" in _maps_of(maps_of_cat.layers[0], maps_of_cat)

    def told(**changed: object) -> str:
        layers = (*maps_of_cat.layers[:-1], dataclasses.replace(last, **changed))
        return dataclasses.replace(maps_of_cat, layers=layers).discussion()

    held = share(sum(one.support for one in of_each[-1]))
    assert (
        f"; all five shown are among them and hold {held} of the support; two stronger ones vary less over the map "
        "than a typical one: they support the class by their level, and would show little. A channel's"
    ) in told(shown_of_half=5, passed_over=2)
    assert (
        f"; one of the five shown is among them and hold {held} of the support; one stronger one varies less over the "
        "map than a typical one: it supports the class by its level, and would show little. A channel's"
    ) in told(shown_of_half=1, passed_over=1)
    assert f"hold {held} of the support. A channel's" in told(passed_over=0)
    assert "; none of the five shown are among them. A channel's support" in told(by_support=False, shown_of_half=0)


def test_where_nothing_supports_the_class_the_maps_of_the_end_are_the_readable_ones() -> None:
    classifier = classifier_of(MeanColours(WEIGHT), 16, 3)
    pixels = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    inputs = classifier.preprocessing.preprocess(pixels)
    _, (selection,) = choose_channels(classifier, inputs, choose_layers(classifier, ["act"]), count=2)
    for contributions in (torch.zeros(3), torch.tensor([1.0, -1.0, 0.0])):  # one that supports it is too few for two
        assert _strongest(selection, contributions, inputs, 2) is selection
    chosen = _strongest(selection, torch.tensor([1.0, 2.0, 4.0]), inputs, 1)
    assert chosen.by_support
    varied = selection.maps[:, 2:-2, 2:-2].std(dim=(1, 2), correction=0)
    typical = [channel for channel in range(3) if varied[channel] >= varied.median()]
    assert chosen.channels == typical[-1:]
    assert chosen.passed_over == 2 - typical[-1]
    assert (chosen.searched, chosen.regions) == (selection.searched, selection.regions)


def test_what_an_ablated_map_costs_and_gains_is_told_with_the_class_that_takes_its_place(
    maps_of_cat: FeatureMaps,
) -> None:
    def told(*changes: tuple[float, str, float], support: float = 0.009) -> str:
        maps = [
            dataclasses.replace(
                one,
                importance=change,
                rival=rival,
                rival_change=opposite,
                cue="red",
                cue_correlation=r,
                cue_by_chance=0.4,
            )
            for one, r, (change, rival, opposite) in zip(maps_of_cat.maps, (0.9, 0.3), changes, strict=False)
        ]
        others = [dataclasses.replace(one, importance=0.001, support=support) for one in maps_of_cat.maps[len(maps) :]]
        top = dataclasses.replace(maps_of_cat.top, label="lynx", probability=0.6)
        layers = tuple(dataclasses.replace(layer, following=SEARCHED) for layer in maps_of_cat.layers)
        return _ablated(dataclasses.replace(maps_of_cat, top=top, layers=layers, maps=(*maps, *others)))

    first, second, layer = maps_of_cat.maps[0].channel, maps_of_cat.maps[1].channel, maps_of_cat.maps[0].layer
    start = f"that of channel {first} of {layer} matters most to the answer: made even, at its mean, it takes the "
    both = told((-0.2, "tabby", 0.15), (0.1, "tabby", -0.05))
    assert (
        f"{start}probability of lynx from 60.0% to 40.0%, mostly to tabby (+15.0 points), which its pattern tells lynx "
        f"from; it follows red. Without that of channel {second} of {layer} it rises from 60.0% to 70.0%, mostly from "
        "tabby (\N{MINUS SIGN}5.0 points), for which its pattern spoke."
    ) in both
    assert told((-0.2, "", 0.0), (0.1, "", 0.0), support=0.02).endswith(
        f"to 70.0%. None of those of {maps_of_cat.layers[-1].name} changes it by a point, though together they hold "
        "10% of the support: that lies in their level more than in their pattern."
    )
    # A class that takes up less than half of it is not named; a second map that changes little is not told.
    assert told((-0.2, "tabby", 0.05), (0.01, "tabby", -0.01)).endswith("from 60.0% to 40.0%; it follows red.")
    assert told((0.5, "", 0.0), (-0.1, "", 0.0)).endswith(
        f"from 60.0% to 100.0%; it follows red. Without that of channel {second} of {layer} it falls from 60.0% to "
        "50.0%."
    )


def test_the_middle_is_in_the_middle_and_titles_say_where_a_layer_lies(lite0, maps_of_cat: FeatureMaps) -> None:
    early, middle, end = maps_of_cat.layers
    assert 0.4 <= middle.depth <= 0.6
    assert (middle.name, middle.height, middle.width) == ("blocks.4.0.bn2.act", 14, 14)
    assert [stage_of(depth) for depth in (0, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 1)] == [
        "early", "early", "", "middle", "middle", "", "end", "end",
    ]  # fmt: skip
    titles = [axes.get_title(loc="left") for axes in maps_of_cat.plot().axes]
    for title, stage, layer in zip(titles, ("Early", "Middle", "End"), (early, middle, end), strict=True):
        assert title.startswith(f"{stage}: {layer.name}")
    between = draw_layer(feature_maps(lite0, CAT, ["blocks.2.1.bn2"], [0]), "blocks.2.1.bn2.act")
    assert between.get_suptitle().startswith("blocks.2.1.bn2.act")


def test_the_command_writes_fifteen_maps_from_three_depths(snellen_command, tmp_path) -> None:
    bad = tmp_path / "folder" / "bad.jpg"
    bad.parent.mkdir()
    bad.write_bytes(b"no image")
    (bad.parent / "cat.png").write_bytes(CAT.read_bytes())
    out = tmp_path / "out"
    run = snellen_command("features", CAT, "--out", out, "--heatmap", "tabby", "--examples", bad.parent)
    assert run.returncode == 2, run.stderr  # one photograph cannot be read; the rest is there
    assert "bad.jpg" in run.stderr
    result = json.loads((out / "result.json").read_text(encoding="utf-8"))
    assert len(result["maps"]) == 15
    assert len({entry["layer"] for entry in result["maps"]}) == len({entry["depth"] for entry in result["maps"]}) == 3
    assert {"layer", "channel", "depth", "interest", "importance", "edges", "colour", "zero_fraction"} <= set(
        result["maps"][0]
    )
    assert result["heatmap"]["label"] == "tabby"
    assert len(result["top_patches"]) == 15
    assert {"image", "value", "mean", "box"} == set(result["top_patches"][0]["patches"][0])
    files = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["files"]
    assert {"features.png", "features.svg", "overlay.png", "overlay.svg", "heatmap.png", "top_patches.svg"} <= set(
        files
    )
    assert all((out / name).stat().st_size for name in files)
    values = np.load(out / "maps.npz")
    assert values[f"{result['maps'][0]['layer']}/{result['maps'][0]['channel']}"].max() == result["maps"][0]["high"]
    again = snellen_command("features", CAT, "--out", out)
    assert again.returncode == 0, again.stderr
    files = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["files"]
    assert files == ["features.png", "features.svg", "maps.npz", "overlay.png", "overlay.svg", "result.json"]


def test_done_when(snellen_command, peppers, tmp_path) -> None:
    run = snellen_command("features", peppers, "--out", tmp_path)
    assert run.returncode == 0, run.stderr
    result = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    early, late = result["layers"][0], result["layers"][-1]
    assert result["top"]["label"] == "bell pepper"
    assert len(result["maps"]) == 15
    # Edges and colours early; neither explains what comes late.
    assert any(entry["edges"] > 0.7 for entry in result["maps"][:5])
    assert any(entry["colour"] > 0.7 for entry in result["maps"][:5])
    assert early["edges"] > 2 * late["edges"]
    assert "harder to read than" in run.stdout.replace("\n", " ")


def test_the_layers_command(snellen_command) -> None:
    run = snellen_command("layers", "--json")
    listed = {entry["name"]: entry for entry in json.loads(run.stdout)}
    assert listed["bn1.act"]["receptive_field"] == [3, 3]
    assert listed["bn1.act"]["aliases"] == ["bn1"]
    wrong = snellen_command("features", CAT, "--layer", "blocks.3.0.bn9.act")
    assert wrong.returncode == 2
    assert "did you mean blocks.3.0.bn" in wrong.stderr
