"""Grad-CAM against CAM worked out by hand, and the top-activating patches of a channel."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import snellen
import snellen._torchvision  # before timm
from snellen.data.images import Failure
from snellen.errors import InputError, ModelError
from snellen.exam.context import Context
from snellen.exam.parts import features
from snellen.exam.report.document import Discussion, Heading, Picture
from snellen.inspect.discussion import discuss_patches
from snellen.inspect.figures import draw_patches
from snellen.inspect.heatmap import heatmap, last_layer
from snellen.inspect.top_patches import Patch, TopPatches, top_activating_patches
from snellen.runs.progress import Progress
from snellen.runs.provenance import Provenance
from toys import MeanColours, classifier_of

import timm  # isort: skip

WEIGHT = torch.tensor([[2.0, -1.0, 0.5], [-1.0, 1.0, 0.0], [-1.0, -1.0, -1.0]])


@pytest.mark.parametrize("frozen", [True, False])
def test_with_mean_pooling_and_one_linear_layer_it_is_cam(frozen: bool) -> None:
    network = MeanColours(WEIGHT).requires_grad_(not frozen)
    classifier = classifier_of(network, 9, 3)
    pixels = torch.rand(5, 3, 9, 9).mul(255).round().div(255)
    for target in (None, 1, "class 0"):
        found = heatmap(classifier, pixels, target)
        for each, photograph in zip(found, pixels, strict=True):
            assert each.layer == "act"
            assert target is None or each.label == ("class 1" if target == 1 else target)
            cam = torch.einsum("k,khw->hw", WEIGHT[each.index], photograph).relu()
            assert np.allclose(each.values, cam / cam.max(), atol=1e-5)
            assert each.peak == pytest.approx(float(cam.max()) / 81, rel=1e-4)
            expected = (photograph.mean((1, 2)) @ WEIGHT.T).softmax(0)[each.index]
            assert each.probability == pytest.approx(float(expected), abs=1e-6)
    assert all(parameter.requires_grad is not frozen for parameter in network.parameters())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_nothing_that_supports_the_class_is_zero_not_nan() -> None:
    found = heatmap(classifier_of(MeanColours(WEIGHT), 9, 3), torch.rand(1, 3, 9, 9), target=2)
    assert found.peak == 0
    assert not found.values.any()
    assert found.area_of_half == 0
    assert found.discussion().startswith("Nothing in act supports class 2")


def test_area_of_half_by_hand() -> None:
    pixels = torch.zeros(1, 3, 10, 10)
    pixels[0, 0, :2, :2] = 1
    found = heatmap(classifier_of(MeanColours(WEIGHT), 10, 3), pixels, target=0)
    assert found.area_of_half == pytest.approx(0.02)
    assert "lies on 2% of the network's input" in found.discussion()


def test_inside_inference_mode(lite0) -> None:
    with torch.inference_mode():
        found = heatmap(lite0, torch.rand(1, 3, 64, 64))
        loaded_there = snellen.load(device="cpu")
    assert np.isfinite(found.values).all()
    assert np.isfinite(heatmap(loaded_there, torch.rand(1, 3, 64, 64)).values).all()


def test_class_token_transformers_are_read_where_patches_still_matter() -> None:
    torch.manual_seed(0)
    network = timm.create_model("test_vit", pretrained=False, img_size=64)
    classifier = classifier_of(network, 64, 1000)
    pixels = torch.rand(2, 3, 64, 64)
    assert last_layer(classifier, pixels[:1]).name == "blocks.5.norm1"
    found = heatmap(classifier, pixels)
    assert [each.values.shape for each in found] == [(4, 4)] * 2
    assert all(each.peak > 0 for each in found)


class Corner(nn.Module):
    """Logits read every position of ``everywhere``, one corner of ``corner``, and nothing of ``nowhere``."""

    def __init__(self, everywhere: bool = True) -> None:
        super().__init__()
        self.everywhere, self.corner, self.nowhere = (nn.Conv2d(3, 3, 1) for _ in range(3))
        self.uses_everywhere = everywhere

    def forward(self, inputs: Tensor) -> Tensor:
        x = self.everywhere(inputs)
        logits = self.corner(x)[:, :, 0, 0]
        self.nowhere(x)
        return logits + x.mean((2, 3)) if self.uses_everywhere else logits


def test_the_default_layer_is_the_last_that_counts_everywhere() -> None:
    """A gradient somewhere in ``corner`` is not enough; where none counts everywhere, the most positions do."""
    torch.manual_seed(0)
    inputs = torch.rand(1, 3, 6, 6)
    assert heatmap(classifier_of(Corner(), 6, 3), inputs).layer == "everywhere"
    assert heatmap(classifier_of(Corner(everywhere=False), 6, 3), inputs).layer == "corner"
    indifferent = MeanColours(torch.zeros(2, 3))
    with pytest.raises(ModelError, match=r"that its answer depends on \(name a layer: `classifier.layers` lists them"):
        heatmap(classifier_of(indifferent, 6, 2), inputs)


def test_one_photograph_or_several(lite0, peppers) -> None:
    alone = heatmap(lite0, peppers)
    first, missing, second = heatmap(lite0, [str(peppers), "gone.png", Image.open(peppers)])
    assert missing == Failure("gone.png", "gone.png: no such file")
    assert (first.image, second.image) == (str(peppers), "image 2")
    for each in (first, second):
        assert (each.layer, each.label) == (alone.layer, "bell pepper")
        assert np.allclose(each.values, alone.values, atol=1e-4)
    assert set(alone.to_dict()) == {"image", "layer", "label", "index", "probability", "peak", "area_of_half"}
    assert [axes.get_title() for axes in alone.plot().axes][1] == "supports bell pepper (bn2.act)"
    area = f"{100 * alone.area_of_half:.0f}%"
    assert f"Half of the support for bell pepper (probability 76.9%) lies on {area} of the" in alone.discussion()


def test_wrong_names(lite0) -> None:
    with pytest.raises(InputError, match="no class named 'bell peper'.*bell pepper"):
        heatmap(lite0, torch.rand(1, 3, 32, 32), target="bell peper")
    with pytest.raises(InputError, match="no layer named"):
        heatmap(lite0, torch.rand(1, 3, 32, 32), layer="nowhere")


def _save(path, pixels: np.ndarray) -> str:
    Image.fromarray(pixels).save(path)
    return str(path)


def test_patches_are_cut_where_the_channel_is_most_active(tmp_path) -> None:
    classifier = classifier_of(MeanColours(WEIGHT), 20, 3)
    sources, bright = [], {}
    for number, (row, column) in enumerate([(3, 4), (10, 10), (18, 1), (7, 15)]):
        pixels = np.zeros((20, 20, 3), np.uint8)
        pixels[row, column, 0] = 100 + 20 * number
        sources.append(_save(tmp_path / f"{number}.png", pixels))
        bright[sources[-1]] = (row, column)
    # What only units see whose receptive field the border cuts does not count: the padding is part of it.
    pixels = np.zeros((20, 20, 3), np.uint8)
    pixels[19, 0, 0] = 255
    cut = _save(tmp_path / "cut.png", pixels)
    black = _save(tmp_path / "black.png", np.zeros((20, 20, 3), np.uint8))
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"?")
    seen: list[int] = []

    class Counting(Progress):
        def advance(self, count: int = 1, **_: float) -> None:
            seen.append(count)

    (red, green), failures = top_activating_patches(
        classifier,
        [(path, path) for path in (black, cut, *sources, str(broken))],
        [("act", 0), ("act", 1)],
        3,
        progress=Counting(),
    )
    assert [patch.image for patch in red.patches] == sources[:0:-1]
    assert green.patches == ()  # nothing is green
    assert "zero or less all over" in green.discussion()
    assert f"reaches {red.patches[0].value:.2f} in {sources[-1]}" in red.discussion()
    assert len(red.plot().axes) == 4
    assert [failure.image for failure in failures] == [str(broken)]
    assert len(seen) == 7
    for patch in red.patches:
        row, column = bright[patch.image]
        left, top, right, bottom = patch.box
        assert (left, top, right, bottom) == (column - 1, row - 1, column + 2, row + 2)
        assert patch.pixels.shape == (bottom - top, right - left, 3)
        assert patch.pixels[..., 0].max() == round(255 * patch.value)


def test_patches_are_ranked_by_what_a_capped_activation_is_given(tmp_path) -> None:
    """Three photographs whose values are all cut off at 6, the brightest of which has the lowest mean."""
    network = MeanColours(WEIGHT)
    network.act = torch.nn.ReLU6(inplace=True)
    with torch.no_grad():
        network.conv.weight.mul_(10)
    classifier = classifier_of(network, 20, 3)
    sources = []
    for number, (brightest, rest) in enumerate([(180, 170), (250, 0), (200, 160)]):
        pixels = np.full((20, 20, 3), rest, np.uint8)
        pixels[5, 5] = brightest
        sources.append(_save(tmp_path / f"{number}.png", pixels))
    (channel,), _ = top_activating_patches(classifier, [(path, path) for path in sources], [("act", 0)], 3)
    assert [patch.image for patch in channel.patches] == [sources[1], sources[2], sources[0]]
    assert [patch.value for patch in channel.patches] == pytest.approx([2500 / 255, 2000 / 255, 1800 / 255], rel=1e-4)
    assert not any(module._forward_pre_hooks for module in network.modules())


def test_patches_of_a_real_channel_are_sorted_and_small(lite0, imagenet) -> None:
    found = snellen.feature_maps(lite0, snellen.read_pixels(imagenet[0]), layers=["bn1.act"], channels=[0])
    (channel,), failures = top_activating_patches(
        lite0, [(path.name, path) for path in imagenet[:12]], [("bn1", 0)], count=4
    )
    assert not failures
    assert channel.layer == found.maps[0].layer == "bn1.act"
    values = [patch.value for patch in channel.patches]
    assert values == sorted(values, reverse=True)
    assert len({patch.image for patch in channel.patches}) == 4
    assert max(max(patch.pixels.shape[:2]) for patch in channel.patches) <= 3


def test_many_channels_patches_are_drawn_layer_by_layer_and_told_by_class() -> None:
    def patches(layer: str, channel: int, *images: str) -> TopPatches:
        pixels = np.zeros((3, 3, 3), np.uint8)
        return TopPatches(layer, channel, tuple(Patch(name, 1.0, 1.0, (0, 0, 3, 3), pixels) for name in images))

    classes = {f"{number}": ("cat", "dog", "hen", "cow", None)[number % 5] for number in range(40)}
    cats, mixed, silent = (
        patches("early", 1, "0", "5", "10", "15"),
        patches("late", 2, "0", "1", "2", "3"),
        patches("late", 3),
    )
    figure = draw_patches([cats, mixed, silent])
    assert sum(bool(axes.images) for axes in figure.axes) == 8
    assert [panel.get_suptitle() for panel in figure.subfigs if panel.get_suptitle()] == [
        "early\nchannel 1", "late\nchannel 2", "\nchannel 3",
    ]  # fmt: skip
    assert [text.get_text() for axes in figure.axes for text in axes.texts] == ["never above zero"]
    (said,) = discuss_patches([cats, mixed, silent], classes)
    # Of 32 photographs with a class eight are of each: C(8, 4) / C(32, 4), times two channels and four classes.
    assert said.startswith(
        "A try at reading the channels that see enough to show an animal or a thing, by the four photographs that "
        "excite each most: channel 1 of early may answer to cat (4 of 4 photographs, where 25% of all that were "
        "searched are). Chance would hardly give as many (hypergeometric distribution, 8 comparisons); what of these "
        "it is that excites a channel, the photographs alone do not tell. For the other one the test names none: "
        "it asks for a class on at least four of four, and looks at no colour, pose or form."
    )
    assert "Nothing in these photographs excites channel 3 of late." in said
    # Of two classes, four patches of fifteen channels may well be of one by chance; and what nobody named says nothing.
    two = {name: "cat" if label in ("cat", "hen", None) else "dog" for name, label in classes.items()}
    (said,) = discuss_patches([cats] * 15, two)
    assert said.startswith(
        "Of the four photographs that excite each most no class is so frequent that chance would not give as many "
        "(hypergeometric distribution, 30 comparisons), so no reading of these channels is offered: the "
        "test could name none on so few photographs."
    )
    (said,) = discuss_patches([patches("late", 2, "4", "9", "14", "19")], classes)
    assert "may answer" not in said
    assert said.endswith("and do not show what a channel answers to moderately.")


def test_an_exam_shows_patches_of_its_data_set_where_that_is_at_hand(tmp_path: Path) -> None:
    classifier = classifier_of(MeanColours(WEIGHT), 20, 3)
    random = np.random.default_rng(0)
    for number in range(6):
        folder = tmp_path / "set" / ("Abyssinian" if number % 2 else "Bengal")
        folder.mkdir(parents=True, exist_ok=True)
        _save(folder / f"{number}.png", random.integers(0, 255, (20, 20, 3), dtype=np.uint8))
    context = Context(
        classifier, [str(tmp_path / "set" / "Abyssinian" / "1.png")], [None], Provenance.collect(), 0, "4/255",
        ["digits", str(tmp_path / "set")], "digits", [], tmp_path, 0,
    )  # fmt: skip
    blocks = features.run(context).blocks
    assert "What excites them elsewhere" in [block.text for block in blocks if isinstance(block, Heading)]
    # Every photograph is of a cat, but a patch of 3 x 3 of its 20 x 20 pixels shows none.
    (_, elsewhere) = [" ".join(block.paragraphs) for block in blocks if isinstance(block, Discussion)]
    assert "extremes of one collection" in elsewhere
    assert "show cats" not in elsewhere
    (caption,) = [block.caption for block in blocks if isinstance(block, Picture) and block.path.name == "patches.png"]
    assert "of 6 photographs of set, drawn evenly over its classes" in caption
    assert "ranked" not in caption  # a ReLU cuts nothing off
    (caption,) = [block.caption for block in blocks if isinstance(block, Picture) and block.path.name == "heatmap.png"]
    assert "from none (dark purple) to its most (yellow)" in caption
    without = dataclasses.replace(context, datasets=["digits"])
    assert features.inputs(without) != features.inputs(context)
    assert features.seconds(context, 0.0) > features.seconds(without, 0.0)
