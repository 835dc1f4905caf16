"""What is seen of a large photograph is what the exact way gives, within a stated distance."""

import io
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image

from snellen.data.images import Photo, pixels_from_bytes
from snellen.data.preprocessing import CropMode, Preprocessing
from snellen.data.seen import SeenPhotograph
from snellen.data.transforms import TRANSFORMS, apply_transform, find_transform
from snellen.errors import InputError

SMALL = Preprocessing((20, 20), 0.875, "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@pytest.fixture(scope="module")
def photo() -> Photo:
    """Shapes and grain, 300 x 403."""
    generator = np.random.default_rng(0)
    coarse = Image.fromarray(generator.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize((403, 300), 3)
    grain = generator.normal(0, 12, (300, 403, 3))
    return Photo("shapes", Image.fromarray((np.asarray(coarse) + grain).clip(0, 255).astype(np.uint8)))


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_large_photograph_is_seen_as_it_would_be_exactly(name, photo) -> None:
    seen = SeenPhotograph(SMALL, photo)
    assert seen.large
    for strength in TRANSFORMS[name].ladder:
        exact = SMALL.preprocess(apply_transform(photo.pixels, (name, strength)))
        difference = (seen.under((name, strength)) - exact).abs().mul(255)
        # Whoever moves nothing between pixels is off by roundings, the others by a little of the finest detail.
        between = name in ("rotation", "shift", "blur")
        assert difference.mean() < (3.0 if between else 0.7), strength


def test_draws_are_the_transforms_own(photo) -> None:
    seen = SeenPhotograph(SMALL, photo)
    for name, strength in (("crop", 0.5), ("occlusion", 0.3), ("noise", 32.0)):
        exact = find_transform(name)(photo.pixels, strength, torch.Generator().manual_seed(5))
        found = seen.under((name, strength), torch.Generator().manual_seed(5))
        assert (found - SMALL.preprocess(exact)).abs().mul(255).mean() < 0.7


def test_a_small_photograph_is_seen_exactly() -> None:
    pixels = torch.rand(1, 3, 60, 50)
    seen = SeenPhotograph(SMALL, Photo("small", pixels))
    assert not seen.large
    for transform in (("", 0.0), ("rotation", 30.0), ("contrast", 0.5)):
        assert torch.equal(seen.under(transform), SMALL.preprocess(apply_transform(pixels, transform)))


def test_what_is_beyond_the_range_is_refused(photo) -> None:
    seen = SeenPhotograph(SMALL, photo)
    with pytest.raises(InputError, match="strength 2"):
        seen.under(("occlusion", 2.0))
    with pytest.raises(InputError, match="no transform named"):
        seen.under(("spin", 1.0))


def test_jpeg_of_the_blocks_that_are_seen_is_jpeg_of_the_photograph(photo) -> None:
    for quality in (95, 30):
        file = io.BytesIO()
        photo.image.save(file, format="JPEG", quality=quality)
        with Image.open(file) as decoded:
            whole = pixels_from_bytes(SMALL.preprocess_fast(np.array(decoded)))
        assert torch.equal(SeenPhotograph(SMALL, photo).under(("jpeg", 100.0 - quality)), whole)


@pytest.mark.parametrize("crop_mode", get_args(CropMode))
@pytest.mark.parametrize(("name", "strength"), [("scale", 0.4), ("resolution", 0.9), ("blur", 2.0)])
def test_the_coefficients_of_the_resize_do_what_the_transform_does(name, strength, crop_mode) -> None:
    preprocessing = replace(SMALL, crop_mode=crop_mode)
    coarse = np.random.default_rng(1).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    # Without grain, so that the means of squares lose next to nothing.
    smooth = Photo("smooth", Image.fromarray(coarse).resize((403, 300), Image.Resampling.BICUBIC))
    exact = preprocessing.preprocess(apply_transform(smooth.pixels, (name, strength)))
    found = SeenPhotograph(preprocessing, smooth).under((name, strength))
    assert found.shape == exact.shape
    assert (found - exact).abs().mean() < 0.5 / 255
    assert (found - exact).abs().max() < 4 / 255


def test_levels_are_brightened_and_contrasted_as_pixels_are(photo) -> None:
    for transform in (("brightness", -0.5), ("brightness", 1.5), ("contrast", 0.9), ("contrast", -1.0)):
        exact = SMALL.preprocess(apply_transform(photo.pixels, transform))
        assert (SeenPhotograph(SMALL, photo).under(transform) - exact).abs().max() <= 2.5 / 255
