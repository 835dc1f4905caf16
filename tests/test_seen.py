"""What is seen of a large photograph is what the exact way gives, within a stated distance."""

import numpy as np
import pytest
import torch
from PIL import Image

from snellen.data.images import Photo
from snellen.data.preprocessing import Preprocessing
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
