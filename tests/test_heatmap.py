"""Grad-CAM against CAM worked out by hand, and the patches that excite a channel."""

import numpy as np
import pytest
import torch
from PIL import Image

import snellen
import snellen._torchvision  # before timm
from snellen.errors import InputError
from snellen.inspect.heatmap import area_of_half, heatmap, heatmap_of_inputs, last_layer
from snellen.inspect.top_patches import top_activating_patches
from toys import MeanColours, classifier_of

import timm  # isort: skip

WEIGHT = torch.tensor([[2.0, -1.0, 0.5], [-1.0, 1.0, 0.0], [-1.0, -1.0, -1.0]])


@pytest.mark.parametrize("frozen", [True, False])
def test_with_mean_pooling_and_one_linear_layer_it_is_cam(frozen: bool) -> None:
    network = MeanColours(WEIGHT).requires_grad_(not frozen)
    classifier = classifier_of(network, 9, 3)
    view = torch.rand(5, 3, 9, 9)
    for target in (None, 1, "class 0"):
        found = heatmap_of_inputs(classifier, view, target)
        for each, photograph in zip(found, view, strict=True):
            assert each.layer == "act"
            assert target is None or each.label == ("class 1" if target == 1 else target)
            cam = torch.einsum("k,khw->hw", WEIGHT[each.index], photograph).relu()
            assert np.allclose(each.values, cam / cam.max(), atol=1e-5)
            assert each.peak == pytest.approx(float(cam.max()) / 81, rel=1e-4)
            expected = (photograph.mean((1, 2)) @ WEIGHT.T).softmax(0)[each.index]
            assert each.probability == pytest.approx(float(expected), abs=1e-6)
    assert all(parameter.requires_grad is not frozen for parameter in network.parameters())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_nothing_that_speaks_for_the_class_is_zero_not_nan() -> None:
    (found,) = heatmap(classifier_of(MeanColours(WEIGHT), 9, 3), torch.rand(1, 3, 9, 9), target=2)
    assert found.peak == 0
    assert not found.values.any()
    assert area_of_half(found) == 0


def test_area_of_half_by_hand() -> None:
    pixels = torch.zeros(1, 3, 10, 10)
    pixels[0, 0, :2, :2] = 1
    (found,) = heatmap(classifier_of(MeanColours(WEIGHT), 10, 3), pixels, target=0)
    assert area_of_half(found) == pytest.approx(0.02)


def test_inside_inference_mode(lite0) -> None:
    with torch.inference_mode():
        (found,) = heatmap(lite0, torch.rand(1, 3, 64, 64))
    assert np.isfinite(found.values).all()


def test_class_token_transformers_are_read_where_patches_still_matter() -> None:
    torch.manual_seed(0)
    network = timm.create_model("test_vit", pretrained=False, img_size=64)
    classifier = classifier_of(network, 64, 1000)
    view = torch.rand(2, 3, 64, 64)
    assert last_layer(classifier, view[:1]).name == "blocks.5.norm1"
    found = heatmap_of_inputs(classifier, view)
    assert [each.values.shape for each in found] == [(4, 4)] * 2
    assert all(each.peak > 0 for each in found)


def test_wrong_names(lite0) -> None:
    with pytest.raises(InputError, match="no class named 'bell peper'.*bell pepper"):
        heatmap(lite0, torch.rand(1, 3, 32, 32), target="bell peper")
    with pytest.raises(InputError, match="no layer named"):
        heatmap(lite0, torch.rand(1, 3, 32, 32), layer="nowhere")


def _save(path, pixels: np.ndarray) -> str:
    Image.fromarray(pixels).save(path)
    return str(path)


def test_examples_are_cut_where_the_channel_fires(tmp_path) -> None:
    classifier = classifier_of(MeanColours(WEIGHT), 20, 3)
    sources, bright = [], {}
    for number, (row, column) in enumerate([(3, 4), (10, 10), (19, 0), (7, 15)]):
        pixels = np.zeros((20, 20, 3), np.uint8)
        pixels[row, column, 0] = 100 + 20 * number
        sources.append(_save(tmp_path / f"{number}.png", pixels))
        bright[sources[-1]] = (row, column)
    black = _save(tmp_path / "black.png", np.zeros((20, 20, 3), np.uint8))
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"?")
    seen: list[int] = []
    (red, green), failures = top_activating_patches(
        classifier,
        [(path, path) for path in (black, *sources, str(broken))],
        [("act", 0), ("act", 1)],
        3,
        lambda: seen.append(1),
    )
    assert [example.image for example in red.examples] == sources[:0:-1]
    assert green.examples == ()  # nothing excites green
    assert [failure.image for failure in failures] == [str(broken)]
    assert len(seen) == 6
    for example in red.examples:
        row, column = bright[example.image]
        left, top, right, bottom = example.box
        assert (left, top) == (max(column - 1, 0), max(row - 1, 0))
        assert (right, bottom) == (min(column + 2, 20), min(row + 2, 20))
        assert example.patch.shape == (bottom - top, right - left, 3)
        assert example.patch[..., 0].max() == round(255 * example.value)


def test_examples_of_the_red_channel_are_red(lite0, imagenet) -> None:
    found = snellen.feature_maps(lite0, snellen.read_pixels(imagenet[0]), layers=["bn1.act"], channels=[0])
    (channel,), failures = top_activating_patches(
        lite0, [(path.name, path) for path in imagenet[:12]], [("bn1", 0)], count=4
    )
    assert not failures
    assert channel.layer == found.maps[0].layer == "bn1.act"
    values = [example.value for example in channel.examples]
    assert values == sorted(values, reverse=True)
    assert len({example.image for example in channel.examples}) == 4
    assert max(max(example.patch.shape[:2]) for example in channel.examples) <= 3
