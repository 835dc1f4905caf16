"""Every transform does what its definition says."""

import io
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage.transform import AffineTransform, warp

from snellen.data.images import to_image
from snellen.data.transforms import ASSIGNMENT, TRANSFORMS, find_transform
from snellen.errors import InputError

ALL = list(TRANSFORMS.values())
by_name = pytest.mark.parametrize("transform", ALL, ids=lambda transform: transform.name)


def pixels_of(seed: int, height: int = 20, width: int = 30, n: int = 1) -> torch.Tensor:
    return torch.rand(n, 3, height, width, generator=torch.Generator().manual_seed(seed))


@by_name
@settings(max_examples=25)
@given(data=st.data(), height=st.integers(6, 24), width=st.integers(6, 24), seed=st.integers(0, 99))
def test_stays_an_image(transform, data, height, width, seed) -> None:
    pixels = pixels_of(seed, height, width, n=2)
    assert torch.equal(transform(pixels, 0.0), pixels)
    strength = data.draw(st.floats(transform.low, transform.high))
    generator = data.draw(st.sampled_from([None, torch.Generator().manual_seed(seed)]))
    result = transform(pixels, strength, generator)
    assert result.dtype == torch.float32
    assert result.shape[:2] == (2, 3)
    if transform.name != "crop":
        assert result.shape == pixels.shape
    low, high = result.aminmax()
    assert low >= -1e-6
    assert high <= 1 + 1e-6


@by_name
def test_differentiable_at_every_rung(transform) -> None:
    for strength in transform.ladder:
        pixels = pixels_of(0).mul(0.5).add(0.1).requires_grad_()
        transform(pixels, strength).sum().backward()
        assert pixels.grad is not None
        assert pixels.grad.isfinite().all()
        assert pixels.grad.abs().sum() > 0


@by_name
def test_gradient(transform) -> None:
    if transform.name in ("jpeg", "noise"):
        pytest.skip("straight through by definition; noise is added in float32")
    pixels = pixels_of(1, 6, 7).double().mul(0.4).add(0.2).requires_grad_()
    torch.autograd.gradcheck(lambda x: transform(x, transform.ladder[0]), (pixels,))


@by_name
def test_the_draw_is_the_generators(transform) -> None:
    pixels, strength = pixels_of(2), transform.ladder[len(transform.ladder) // 2]
    draws = [transform(pixels, strength, torch.Generator().manual_seed(5)) for _ in range(2)]
    assert torch.equal(*draws)
    assert torch.equal(transform(pixels, strength), transform(pixels, strength))


@by_name
def test_ladders_climb_within_range(transform) -> None:
    assert list(transform.ladder) == sorted(set(transform.ladder))
    assert transform.ladder[0] > 0
    assert transform.ladder[-1] <= transform.high
    assert transform.definition.endswith(".")
    for beyond in (transform.low - 1, transform.high + 1, math.nan):
        with pytest.raises(InputError, match=rf"{transform.name}: strength .*to"):
            transform(pixels_of(0), beyond)


def test_the_assignments_four_are_on_the_ladders() -> None:
    assert list(ASSIGNMENT) == ["mirror", "crop", "rotation", "grayscale"]
    assert all(strength in TRANSFORMS[name].ladder for name, strength in ASSIGNMENT.items())
    titles = [TRANSFORMS[name].describe(strength) for name, strength in ASSIGNMENT.items()]
    assert titles == ["mirror", "crop to 80% of the area", "rotation by 30°", "grayscale"]


def test_unknown() -> None:
    with pytest.raises(InputError, match=r"no transform named 'rotaton' \(did you mean rotation"):
        find_transform("rotaton")


def test_mirror() -> None:
    pixels = pixels_of(0)
    assert torch.equal(TRANSFORMS["mirror"](pixels, 1.0), pixels.flip(3))


def test_grayscale_is_pillows() -> None:
    pixels = pixels_of(3).mul(255).round().div(255)
    gray = TRANSFORMS["grayscale"](pixels, 1.0)
    assert torch.equal(gray[:, 0], gray[:, 1])
    assert torch.equal(gray[:, 0], gray[:, 2])
    pillow = np.asarray(to_image(pixels).convert("L"), dtype=float)
    assert np.abs(gray[0, 0].numpy() * 255 - pillow).max() <= 1.0


def test_crop_keeps_the_share_of_the_area() -> None:
    pixels = pixels_of(0, 200, 300)
    crop = TRANSFORMS["crop"](pixels, 0.2)
    assert crop.shape[2] * crop.shape[3] / (200 * 300) == pytest.approx(0.8, abs=0.005)
    assert torch.equal(crop, pixels[:, :, 10:189, 16:284])
    drawn = {TRANSFORMS["crop"](pixels, 0.2, torch.Generator().manual_seed(s))[0, 0, 0, 0].item() for s in range(9)}
    assert len(drawn) > 5


@pytest.mark.parametrize("angle", [30.0, -12.0, 90.0])
def test_rotation_against_scikit_image(angle) -> None:
    pixels = pixels_of(4, 31, 45)
    ours = TRANSFORMS["rotation"](pixels, angle)[0].permute(1, 2, 0).numpy()
    centre = np.array([45, 31]) / 2 - 0.5
    rotation = (
        AffineTransform(translation=-centre)
        + AffineTransform(rotation=math.radians(angle))
        + AffineTransform(translation=centre)
    )
    theirs = warp(pixels[0].permute(1, 2, 0).double().numpy(), rotation, order=1, mode="symmetric")
    assert np.abs(ours - theirs).max() < 1e-4


def test_rotation_is_counter_clockwise() -> None:
    pixels = torch.zeros(1, 3, 21, 21)
    pixels[:, :, 10, 18] = 1
    row, column = divmod(int(TRANSFORMS["rotation"](pixels, 90.0)[0, 0].argmax()), 21)
    assert (row, column) == (2, 10)


def test_shift() -> None:
    pixels = pixels_of(5, 20, 40)
    shifted = TRANSFORMS["shift"](pixels, 0.25)
    assert torch.allclose(shifted[..., 5:], pixels[..., :-5], atol=1e-5)
    assert torch.allclose(shifted[..., :5], pixels[..., :5].flip(3), atol=1e-5)


def test_scale_shrinks_as_pillow_does_onto_plain_gray() -> None:
    """No reflection: a shrunk object that is repeated around itself would be easier to name, not harder."""
    pixels = pixels_of(6, 20, 40).mul(255).round().div(255)
    shrunk = TRANSFORMS["scale"](pixels, 0.75)
    theirs = np.asarray(to_image(pixels).resize((10, 5), Image.Resampling.BILINEAR), dtype=np.float32) / 255
    middle = (slice(7, 12), slice(15, 25))
    assert np.abs(shrunk[0].permute(1, 2, 0).numpy()[middle] - theirs).max() <= 1.01 / 255
    shrunk[..., *middle] = 128 / 255
    assert torch.equal(shrunk, torch.full_like(pixels, 128 / 255))


def test_resolution_loses_detail_alone() -> None:
    fine = torch.zeros(1, 3, 40, 40)
    fine[..., ::2] = 1
    assert TRANSFORMS["resolution"](fine, 0.75)[..., 8:-8].sub(0.5).abs().max() < 0.02
    smooth = torch.linspace(0, 1, 40).expand(1, 3, 40, 40)
    assert torch.allclose(TRANSFORMS["resolution"](smooth, 0.5)[..., 4:-4], smooth[..., 4:-4], atol=1e-3)
    few = TRANSFORMS["resolution"](pixels_of(7, 40, 40), 0.95)
    assert np.linalg.matrix_rank(few[0, 0].numpy(), tol=1e-4) <= 2


@pytest.mark.parametrize("sigma", [1.0, 2.0, 4.0])
def test_blur_against_scipy(sigma) -> None:
    pixels = pixels_of(6, 40, 50)
    ours = TRANSFORMS["blur"](pixels, sigma / 40 * 100)[0].numpy()
    theirs = gaussian_filter(pixels[0].double().numpy(), sigma, axes=(1, 2), mode="reflect", truncate=8)
    assert np.abs(ours - theirs).max() < 2e-3


def test_noise_has_its_deviation() -> None:
    pixels = torch.full((1, 3, 100, 100), 0.5)
    noise = TRANSFORMS["noise"](pixels, 8.0) - pixels
    assert noise.std().item() * 255 == pytest.approx(8, rel=0.03)
    assert abs(noise.mean().item() * 255) < 0.2


def test_jpeg_is_pillows_and_its_gradient_passes_through() -> None:
    pixels = pixels_of(7).mul(255).round().div(255).requires_grad_()
    result = TRANSFORMS["jpeg"](pixels, 40.0)
    file = io.BytesIO()
    to_image(pixels).save(file, format="JPEG", quality=60)
    theirs = np.asarray(Image.open(file), dtype=np.float32) / 255
    assert np.allclose(result[0].permute(1, 2, 0).detach().numpy(), theirs, atol=1e-6)
    (gradient,) = torch.autograd.grad((3 * result).sum(), pixels)
    assert torch.equal(gradient, torch.full_like(pixels, 3))


def test_brightness_contrast_occlusion() -> None:
    pixels = torch.full((1, 3, 20, 20), 0.4)
    pixels[..., 10:] = 0.2
    assert TRANSFORMS["brightness"](pixels, 0.5).unique().tolist() == pytest.approx([0.3, 0.6])
    assert TRANSFORMS["brightness"](pixels, 3.0).unique().tolist() == pytest.approx([0.8, 1.0])
    assert TRANSFORMS["contrast"](pixels, 0.5).unique().tolist() == pytest.approx([0.25, 0.35])
    hidden = TRANSFORMS["occlusion"](pixels, 0.25)
    gray = torch.full((1, 3, 10, 10), 128 / 255)
    assert (hidden[0, 0] == gray[0, 0, 0, 0]).sum() == 100
    assert torch.equal(hidden[..., 5:15, 5:15], gray)
