"""Transforms of a photograph, each with one strength that is zero where nothing changes.

All run on pixels at the photograph's own size, in PyTorch, and are differentiable; JPEG's gradient passes
straight through (Bengio et al., arXiv 1308.3432). What the strength leaves open, such as where a crop lies,
is drawn from a generator, or has a stated value where there is none. Where a turn or a shift samples beyond the border,
the photograph is continued by its reflection, so that no black corner is added to what is examined. A shrunk photograph
lies on plain gray: its reflection would repeat the object all around it, and show the network more of it than before.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  # PyTorch's own name for it
from PIL import Image
from scipy.fft import next_fast_len
from torch import Tensor

from snellen.data.images import to_image, to_pixels
from snellen.errors import InputError, did_you_mean

# ITU-R BT.601, as Pillow's conversion to "L".
_LUMA = (0.299, 0.587, 0.114)
GRAY = 128
"""What hides or frames a photograph, in bytes. Half of 255 is none: a processor's last bit would choose 127 or 128."""

_Apply = Callable[[Tensor, float, torch.Generator | None], Tensor]


@dataclass(frozen=True)
class Transform:
    """A named change of a photograph.

    Attributes:
        name: one word.
        definition: one sentence: what happens at strength s, and to the border.
        title: title of a photograph under it, where ``{s}`` stands for the strength, ``{rest}`` for 1 - s and
            ``{quality}`` for 100 - s.
        unit: unit of the strength.
        low, high: range of the strengths that are accepted; zero lies between.
        ladder: strengths of an acuity chart, mild to strong.
        apply: function from pixels, a strength and a generator to pixels; see :meth:`__call__`.
    """

    name: str
    definition: str
    title: str
    unit: str
    low: float
    high: float
    ladder: tuple[float, ...]
    apply: _Apply

    def __call__(self, pixels: Tensor, strength: float, generator: torch.Generator | None = None) -> Tensor:
        """``pixels`` (N, 3, H, W) in [0, 1] transformed; a crop is smaller, all others keep the size.

        Args:
            pixels: photographs, float, in [0, 1].
            strength: amount of the transform, in its unit; zero changes nothing.
            generator: source of what the strength leaves open (position, direction, noise), drawn once for all N;
                without one, the position and direction of the definition, and noise of seed 0.

        Raises:
            InputError: a strength beyond its range.
        """
        self.check(strength)
        if strength == 0:
            return pixels
        return self.apply(pixels, strength, generator)

    def check(self, strength: float) -> None:
        """Refuse a strength beyond the range.

        Raises:
            InputError: says which would do.
        """
        if not self.low <= strength <= self.high:
            raise InputError(f"{self.name}: strength {strength:g}", f"{self.low:g} to {self.high:g} {self.unit}")

    @property
    def caption(self) -> str:
        """What :meth:`describe` says at any strength: ``rotation by …°``."""
        return _STRENGTH.sub(lambda found: "…%" if "%" in found[0] else "…", self.title)

    def describe(self, strength: float) -> str:
        """The transform at a strength, for a title: ``rotation by 30°``."""
        return _at(self.title, strength)

    def mark(self, strength: float) -> str:
        """A strength as :meth:`describe` writes it, without its unit: ``30``; empty where the transform has but one."""
        found = _STRENGTH.search(self.title)
        return _at(found[0], strength).removesuffix("%") if found else ""


_STRENGTH = re.compile(r"\{.*?\}")


def _at(text: str, strength: float) -> str:
    return text.format(s=strength, rest=1 - strength, quality=100 - strength)


def find_transform(name: str) -> Transform:
    """The transform of that name.

    Raises:
        InputError: none has it; offers the nearest.
    """
    if name not in TRANSFORMS:
        raise InputError(
            f"no transform named {name!r}", did_you_mean(name, TRANSFORMS) or f"one of {', '.join(TRANSFORMS)}"
        )
    return TRANSFORMS[name]


def _uniform(generator: torch.Generator | None, otherwise: float) -> float:
    """A draw from [-1, 1), or what stands for it where nothing is drawn."""
    return otherwise if generator is None else 2 * torch.rand((), generator=generator).item() - 1


def _mirror(pixels: Tensor, strength: float, _: torch.Generator | None) -> Tensor:
    return torch.lerp(pixels, pixels.flip(3), strength)


def _grayscale(pixels: Tensor, strength: float, _: torch.Generator | None) -> Tensor:
    weights = torch.tensor(_LUMA, dtype=pixels.dtype, device=pixels.device).view(1, 3, 1, 1)
    return torch.lerp(pixels, (pixels * weights).sum(dim=1, keepdim=True).expand_as(pixels), strength)


def crop_window(
    height: int, width: int, strength: float, generator: torch.Generator | None = None
) -> tuple[slice, slice]:
    """The rows and columns that a crop leaves of a photograph of ``height`` x ``width`` pixels."""
    side = math.sqrt(1 - strength)
    return _placed(height, width, max(1, round(height * side)), max(1, round(width * side)), generator)


def occluded_window(
    height: int, width: int, strength: float, generator: torch.Generator | None = None
) -> tuple[slice, slice]:
    """The rows and columns that an occlusion hides of a photograph of ``height`` x ``width`` pixels."""
    side = math.sqrt(strength)
    return _placed(height, width, round(height * side), round(width * side), generator)


def _placed(height: int, width: int, rows: int, columns: int, generator: torch.Generator | None) -> tuple[slice, slice]:
    """A rectangle of so many rows and columns, in the centre or a drawn place."""
    top = round((height - rows) * (1 + _uniform(generator, 0.0)) / 2)
    left = round((width - columns) * (1 + _uniform(generator, 0.0)) / 2)
    return slice(top, top + rows), slice(left, left + columns)


def _crop(pixels: Tensor, strength: float, generator: torch.Generator | None) -> Tensor:
    height, width = pixels.shape[2:]
    rows, columns = crop_window(height, width, strength, generator)
    return pixels[:, :, rows, columns]


def _resample(pixels: Tensor, matrix: list[list[float]]) -> Tensor:
    """Bilinear samples where ``matrix`` (2 x 3) sends each place; places run from -1 to 1 along the shorter side.

    The photograph is continued by reflection.
    """
    height, width = pixels.shape[2:]
    short = min(height, width)
    to_square = torch.tensor([width / short, height / short, 1.0])
    from_square = torch.tensor([short / width, short / height])
    theta = from_square[:, None] * torch.tensor(matrix) * to_square[None, :]
    grid = F.affine_grid(theta[None].to(pixels), [1, 3, height, width], align_corners=False)
    grid = grid.expand(len(pixels), -1, -1, -1)
    return F.grid_sample(pixels, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _rotation(pixels: Tensor, strength: float, _: torch.Generator | None) -> Tensor:
    cos, sin = math.cos(math.radians(strength)), math.sin(math.radians(strength))
    # Counter-clockwise for the eye: rows run downwards, and the matrix says where each place comes from.
    return _resample(pixels, [[cos, -sin, 0.0], [sin, cos, 0.0]])


def _resized(pixels: Tensor, height: int, width: int) -> Tensor:
    return F.interpolate(pixels, size=(height, width), mode="bilinear", antialias=True)


def _scale(pixels: Tensor, strength: float, _: torch.Generator | None) -> Tensor:
    height, width = pixels.shape[2:]
    rows, columns = fewer_pixels(height, width, strength)
    top, left = (height - rows) // 2, (width - columns) // 2
    border = (left, width - columns - left, top, height - rows - top)
    return F.pad(_resized(pixels, rows, columns), border, value=GRAY / 255)


def fewer_pixels(height: int, width: int, strength: float) -> tuple[int, int]:
    """The rows and columns to which scale and resolution resample a photograph of ``height`` x ``width`` pixels."""
    return max(1, round(height * (1 - strength))), max(1, round(width * (1 - strength)))


def _resolution(pixels: Tensor, strength: float, _: torch.Generator | None) -> Tensor:
    height, width = pixels.shape[2:]
    return _resized(_resized(pixels, *fewer_pixels(height, width, strength)), height, width)


def _shift(pixels: Tensor, strength: float, generator: torch.Generator | None) -> Tensor:
    angle = math.pi * _uniform(generator, 0.0)
    across, down = 2 * strength * math.cos(angle), 2 * strength * math.sin(angle)
    return _resample(pixels, [[1.0, 0.0, -across], [0.0, 1.0, -down]])


def _blur(pixels: Tensor, strength: float, _: torch.Generator | None) -> Tensor:
    sigma = strength / 100 * min(pixels.shape[2:])
    return blur_axis(blur_axis(pixels, sigma, 2), sigma, 3).clamp(0, 1)


def blur_axis(pixels: Tensor, sigma: float, axis: int) -> Tensor:
    """``pixels`` (N, C, H, W) blurred along one axis by a Gaussian of ``sigma`` pixels, the border reflected.

    A product of spectra: its cost hardly grows with ``sigma``.
    """
    size, reach = pixels.shape[axis], math.ceil(5 * sigma)
    places = torch.arange(-reach, size + reach, device=pixels.device) % (2 * size)
    reflected = pixels.index_select(axis, places.minimum(2 * size - 1 - places))
    length = next_fast_len(size + 2 * reach, real=True)
    frequencies = torch.fft.rfftfreq(length, device=pixels.device, dtype=pixels.dtype)
    shape = [1, 1, 1, 1]
    shape[axis] = -1
    response = torch.exp(-2 * (math.pi * sigma * frequencies) ** 2).view(shape)
    blurred: Tensor = torch.fft.irfft(torch.fft.rfft(reflected, n=length, dim=axis) * response, n=length, dim=axis)
    return blurred.narrow(axis, reach, size)


def _noise(pixels: Tensor, strength: float, generator: torch.Generator | None) -> Tensor:
    generator = generator or torch.Generator().manual_seed(0)
    noise = torch.randn(pixels.shape[1:], generator=generator).to(pixels)
    return (pixels + strength / 255 * noise).clamp(0, 1)


def _jpeg(pixels: Tensor, strength: float, _: torch.Generator | None) -> Tensor:
    decoded = torch.stack([_recompressed(image, round(100 - strength)) for image in pixels.detach()]).to(pixels)
    # Straight through: the value of the file, the gradient of the identity.
    return pixels + (decoded - pixels).detach() if pixels.requires_grad else decoded


def _recompressed(image: Tensor, quality: int) -> Tensor:
    file = io.BytesIO()
    to_image(image[None]).save(file, format="JPEG", quality=quality)
    with Image.open(file) as decoded:
        return to_pixels(decoded)[0]


def _brightness(pixels: Tensor, strength: float, _: torch.Generator | None) -> Tensor:
    return (pixels * (1 + strength)).clamp(0, 1)


def _contrast(pixels: Tensor, strength: float, _: torch.Generator | None) -> Tensor:
    mean = pixels.mean(dim=(1, 2, 3), keepdim=True)
    return torch.lerp(pixels, mean, strength).clamp(0, 1)


def _occlusion(pixels: Tensor, strength: float, generator: torch.Generator | None) -> Tensor:
    height, width = pixels.shape[2:]
    seen = torch.ones(height, width, dtype=pixels.dtype, device=pixels.device)
    seen[occluded_window(height, width, strength, generator)] = 0
    return pixels * seen + GRAY / 255 * (1 - seen)


_ALL = (
    Transform(
        "mirror",
        "Left and right are exchanged (s = 1); nothing crosses the border.",
        "mirror",
        "",
        0.0,
        1.0,
        (1.0,),
        _mirror,
    ),
    Transform(
        "crop",
        "The share s of the area is cut away and a rectangle of the photograph's proportions is left, the central one "
        "or one at random; s = 0.2 keeps 80% of the photograph's area.",
        "crop to {rest:.0%} of the area",
        "of the area cut away",
        0.0,
        0.95,
        (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8),
        _crop,
    ),
    Transform(
        "rotation",
        "A rotation by s degrees about the centre, counter-clockwise where s is positive, in the same frame, bilinear; "
        "the corners that come into the frame are filled by reflection.",
        "rotation by {s:g}°",
        "degrees",
        -180.0,
        180.0,
        (2.0, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0, 90.0),
        _rotation,
    ),
    Transform(
        "grayscale",
        "Each channel moves the share s of the way to the luma (ITU-R BT.601); at s = 1 three equal gray channels.",
        "grayscale",
        "",
        0.0,
        1.0,
        (1.0,),
        _grayscale,
    ),
    Transform(
        "scale",
        "The photograph shrinks by the share s of its sides, to whole pixels, bilinear and antialiased, into the "
        "middle of a mid-gray frame (128 of 255) of its old size.",
        "shrunk by {s:.0%}",
        "of the sides",
        0.0,
        0.75,
        (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7),
        _scale,
    ),
    Transform(
        "resolution",
        "The photograph is resampled to the share 1 \N{MINUS SIGN} s of its sides and back to its size, bilinear and "
        "antialiased: what it loses is detail alone.",
        "{rest:.0%} of the resolution",
        "of the sides' pixels",
        0.0,
        0.99,
        (0.3, 0.5, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95),
        _resolution,
    ),
    Transform(
        "shift",
        "A move by s times the shorter side, to the right or in a random direction; the strip left free is filled by "
        "reflection.",
        "shift by {s:.0%}",
        "of the shorter side",
        0.0,
        0.5,
        (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5),
        _shift,
    ),
    Transform(
        "blur",
        "A Gaussian blur whose deviation is s percent of the shorter side, the border reflected.",
        "blur of {s:g}%",
        "% of the shorter side",
        0.0,
        10.0,
        (0.1, 0.2, 0.4, 0.6, 1.0, 1.5, 2.0, 3.0),
        _blur,
    ),
    Transform(
        "noise",
        "Gaussian noise of deviation s/255 on each channel of each of the photograph's own pixels, clipped to [0, 1].",
        "noise of {s:g}/255",
        "/255",
        0.0,
        255.0,
        (2.0, 4.0, 8.0, 16.0, 32.0, 48.0, 64.0, 96.0),
        _noise,
    ),
    Transform(
        "jpeg",
        "The photograph is saved as JPEG of quality 100 \N{MINUS SIGN} s by Pillow's encoder and read again.",
        "JPEG of quality {quality:.0f}",
        "below quality 100",
        0.0,
        99.0,
        (5.0, 10.0, 25.0, 50.0, 70.0, 80.0, 90.0, 95.0),
        _jpeg,
    ),
    Transform(
        "brightness",
        "Every value is multiplied by 1 + s and clipped to [0, 1]: negative is darker.",
        "brighter by {s:.0%}",
        "brighter, as a share",
        -1.0,
        10.0,
        (0.1, 0.2, 0.4, 0.6, 1.0, 1.5, 2.0, 3.0),
        _brightness,
    ),
    Transform(
        "contrast",
        "Every value moves the share s of the way to the photograph's mean; negative moves away from it, clipped.",
        "contrast less by {s:.0%}",
        "less, as a share",
        -2.0,
        1.0,
        (0.1, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95),
        _contrast,
    ),
    Transform(
        "occlusion",
        "A mid-gray rectangle (128 of 255) of the photograph's proportions hides the share s of the area, the centre "
        "or a random place.",
        "{s:.0%} hidden",
        "of the area",
        0.0,
        1.0,
        (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8),
        _occlusion,
    ),
)

TRANSFORMS: Mapping[str, Transform] = {transform.name: transform for transform in _ALL}
"""Every transform by its name."""

ASSIGNMENT: Mapping[str, float] = {"mirror": 1.0, "crop": 0.2, "rotation": 30.0, "grayscale": 1.0}
"""The four transforms that the assignment names, with their strengths."""

TransformStrength = tuple[str, float]
"""A transform at a strength: its name, and the strength in its unit. No name stands for the photograph as it is."""


def check_strengths(transforms: Sequence[TransformStrength]) -> None:
    """Refuse other transforms than there are, beyond their range, or without a strength.

    Raises:
        InputError: which, and what would be accepted.
    """
    for given in transforms:
        if not isinstance(given, tuple | list) or len(given) != 2:
            raise InputError(f"transforms: {given!r}", 'names with a strength each, such as [("rotation", 10)]')
        find_transform(given[0]).check(given[1])


GRAY_NOISE: TransformStrength = ("grayscale of the noise alone", 1.0)
GRAY_PHOTOGRAPH: TransformStrength = ("grayscale of the photograph alone", 1.0)
OBJECT_CROP: TransformStrength = ("object's crop", 0.8)
"""What more than pixels and a strength decides: an attacked photograph's noise, or where its object lies."""


def all_transforms() -> tuple[TransformStrength, ...]:
    """Every transform at every strength of its ladder; the assignment's four are among them."""
    return tuple((t.name, strength) for t in TRANSFORMS.values() for strength in t.ladder)


def assignment_transforms() -> tuple[TransformStrength, ...]:
    """The four that the assignment asks for."""
    return tuple(ASSIGNMENT.items())


def apply_transform(pixels: Tensor, transform: TransformStrength) -> Tensor:
    """``pixels`` (N, 3, H, W) in [0, 1] under a transform at a strength.

    Raises:
        InputError: no transform of that name, or a strength beyond its range.
    """
    name, strength = transform
    return find_transform(name)(pixels, strength) if name else pixels


def describe_transform(transform: TransformStrength) -> str:
    """A transform at a strength, for a title: ``rotation by 30°``, or ``as it is``."""
    name, strength = transform
    if transform in (GRAY_NOISE, GRAY_PHOTOGRAPH, OBJECT_CROP):
        return name
    return find_transform(name).describe(strength) if name else "as it is"
