"""The differentiable preprocessing against Pillow, torchvision and timm."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import snellen._torchvision  # noqa: F401
from snellen.data.images import to_pixels
from snellen.data.preprocessing import Preprocessing, check_pixels, resize_by, resize_matrix
from snellen.errors import InputError, ModelError

from timm.data import create_transform  # isort: skip

IMAGENET = {"input_size": (3, 224, 224), "crop_pct": 0.875, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


def configuration(interpolation: str = "bicubic", crop_mode: str = "center", size: int = 224, crop: float = 0.875):
    return IMAGENET | {
        "interpolation": interpolation,
        "crop_mode": crop_mode,
        "input_size": (3, size, size),
        "crop_pct": crop,
    }


def noise_image(width: int, height: int, seed: int = 0) -> Image.Image:
    generator = np.random.default_rng(seed)
    return Image.fromarray(generator.integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("crop_mode", ["center", "squash", "border"])
@pytest.mark.parametrize("input_size", [(224, 224), (96, 160)])
@pytest.mark.parametrize("size", [(500, 375), (333, 517), (90, 90), (200, 700), (300, 280)])
def test_inputs_equal_timms_transform_and_those_of_pixels_are_within_a_step(
    interpolation, crop_mode, input_size, size
) -> None:
    config = configuration(interpolation, crop_mode) | {"input_size": (3, *input_size)}
    preprocessing = Preprocessing.from_timm(config)
    image = noise_image(*size)
    theirs = create_transform(**config)(image)
    ours = preprocessing.preprocess_image(image)
    as_pixels = torch.from_numpy(ours).permute(2, 0, 1)[None].float() / 255
    torch.testing.assert_close(preprocessing.normalise(as_pixels)[0], theirs, atol=1e-6, rtol=1e-6)
    differentiable = preprocessing.preprocess(to_pixels(image)).mul(255)
    assert (differentiable - as_pixels.mul(255)).abs().max() <= 1 + 1e-4
    # Pillow filters with integers; in float32 a tie between two bytes may fall to the other side.
    assert (differentiable - as_pixels.mul(255)).abs().gt(0.5).float().mean() < 1e-2


@pytest.mark.parametrize("crop_mode", ["center", "squash", "border"])
@pytest.mark.parametrize("size", [(100, 75), (30, 90), (12, 9)])
def test_matrices_resize_as_preprocessing_does(crop_mode, size) -> None:
    preprocessing = Preprocessing((24, 20), 0.875, "bicubic", (0.2, 0.5, 0.7), (0.5, 0.5, 0.5), crop_mode)
    pixels = to_pixels(noise_image(*size))
    down, across = preprocessing.matrices(*pixels.shape[2:])
    found = preprocessing.inputs_of(resize_by(pixels, down, across), *pixels.shape[2:])
    assert found.shape == (1, 3, 24, 20)
    # Between the passes nothing is rounded nor clipped.
    difference = (found - preprocessing.preprocess(pixels)).abs().mul(255)
    assert difference.mean() < 0.7
    assert difference.median() < 1.01


@given(
    size_in=st.integers(1, 300), size_out=st.integers(1, 300), interpolation=st.sampled_from(["bilinear", "bicubic"])
)
@settings(max_examples=60)
def test_resize_matrix_is_pillows_filter(size_in: int, size_out: int, interpolation: str) -> None:
    window, matrix = resize_matrix(size_in, size_out, interpolation, range(size_out))
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0, atol=1e-4)
    row = np.random.default_rng(size_in).random((1, size_in)).astype(np.float32)
    resampling = getattr(Image.Resampling, interpolation.upper())
    theirs = np.asarray(Image.fromarray(row, mode=None).resize((size_out, 1), resampling))
    np.testing.assert_allclose(matrix @ row[0, window], theirs[0], atol=2e-5)


def test_resize_matrix_rows_are_rows_of_the_whole() -> None:
    window, whole = resize_matrix(100, 37, "bicubic", range(37))
    assert window == slice(0, 100)
    part, rows = resize_matrix(100, 37, "bicubic", range(5, 20))
    np.testing.assert_array_equal(rows, whole[5:20, part])
    assert not np.delete(whole[5:20], np.arange(100)[part], axis=1).any()


def test_gradient_is_the_transposed_filter() -> None:
    """Away from black and white the input is linear in the pixels up to rounding, which passes straight through."""
    preprocessing = Preprocessing.from_timm(configuration("bilinear", size=4, crop=1.0))
    pixels = (0.3 + 0.4 * torch.rand(1, 3, 9, 9, generator=torch.Generator().manual_seed(0))).requires_grad_()
    weights = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    (preprocessing.preprocess(pixels) * weights).sum().backward()
    matrix = torch.from_numpy(resize_matrix(9, 4, "bilinear", range(4))[1]).float()
    expected = matrix.T @ weights @ matrix
    torch.testing.assert_close(pixels.grad, expected, atol=1e-5, rtol=1e-5)


def test_no_gradient_outside_the_crop() -> None:
    preprocessing = Preprocessing.from_timm(configuration())
    pixels = torch.rand(1, 3, 256, 600, requires_grad=True)
    preprocessing.preprocess(pixels).sum().backward()
    left, _, right, _ = preprocessing.geometry(256, 600).box
    assert pixels.grad[..., : int(left) - 3].abs().sum() == 0
    assert pixels.grad[..., int(right) + 3 :].abs().sum() == 0
    assert pixels.grad[..., 16:-16, int(left) + 3 : int(right) - 3].abs().min() > 0


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 1_000_000), (20_000, 1), (3, 2)])
def test_extreme_shapes(width: int, height: int) -> None:
    preprocessing = Preprocessing.from_timm(configuration())
    image = Image.new("RGB", (width, height), (10, 200, 30))
    expected = np.broadcast_to(np.array([10, 200, 30], np.uint8), (224, 224, 3))
    np.testing.assert_array_equal(preprocessing.preprocess_image(image), expected)
    inputs = preprocessing.preprocess(to_pixels(image))
    np.testing.assert_allclose(inputs[0].permute(1, 2, 0) * 255, expected, atol=1e-3)


@given(height=st.integers(1, 4000), width=st.integers(1, 4000))
def test_geometry_keeps_the_crop_inside(height: int, width: int) -> None:
    preprocessing = Preprocessing.from_timm(configuration())
    geometry = preprocessing.geometry(height, width)
    assert min(geometry.resized) == 256
    assert 0 <= geometry.top <= geometry.resized[0] - 224
    assert 0 <= geometry.left <= geometry.resized[1] - 224
    left, top, right, bottom = geometry.box
    assert 0 <= left < right <= width + 1e-6
    assert 0 <= top < bottom <= height + 1e-6


def test_describe() -> None:
    sentence = Preprocessing.from_timm(configuration()).describe()
    assert "shorter side to 256 pixels (bicubic, antialiased), crop the central 224 x 224" in sentence


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input_size": (1, 28, 28)}, "takes 1 channels"),
        ({"interpolation": "random"}, "interpolation is 'random'"),
        ({"crop_mode": "tile"}, "crop mode is 'tile'"),
    ],
)
def test_what_is_not_supported_is_refused(change, message) -> None:
    with pytest.raises(ModelError, match=message):
        Preprocessing.from_timm(configuration() | change)


GOOD = torch.rand(1, 3, 4, 4)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((1, 3, 4, 4)), "ndarray"),
        (GOOD[0], r"shape \(3, 4, 4\)"),
        (GOOD[:, :1], r"shape \(1, 1, 4, 4\)"),
        (GOOD[:, :, :0], r"shape \(1, 3, 0, 4\)"),
        (GOOD.mul(255).byte(), "torch.uint8 .*divide bytes by 255"),
        (GOOD.clone().fill_(200.0), "from 200 to 200 .*divide bytes by 255"),
        (GOOD - 0.5, "do not normalise"),
        (GOOD + 1e-3 + (1 - GOOD), "to 1.001"),
        (GOOD * math.nan, "NaN"),
        (GOOD / 0, "infinite"),
    ],
)
def test_pixels_out_of_range_are_refused(pixels, message) -> None:
    with pytest.raises(InputError, match=f"probe: got .*{message}"):
        check_pixels(pixels, "probe")


def test_rounding_errors_are_tolerated() -> None:
    check_pixels(torch.tensor([-9e-7, 1 + 9e-7, 0.5]).view(1, 3, 1, 1), "probe")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"size": 224}, r"`size` is 224 \(\(224, 224\): height and width"),
        ({"mean": 0.5}, r"`mean` is 0.5 \(three numbers"),
        ({"std": (0.5,)}, r"`std` is \(0.5,\) \(three numbers"),
        ({"interpolation": "nearest"}, r"`interpolation` is 'nearest' \(one of bilinear, bicubic, lanczos"),
    ],
)
def test_a_preprocessing_of_another_form_is_refused(given, message: str) -> None:
    usual = {
        "size": (8, 8),
        "crop_fraction": 1.0,
        "interpolation": "bilinear",
        "mean": (0.5, 0.5, 0.5),
        "std": (0.5, 0.5, 0.5),
    }
    with pytest.raises(InputError, match=message):
        Preprocessing(**(usual | given))
