"""The common corruptions: by other libraries' own functions, by hand, and as a run that goes on where it stopped."""

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
import skimage as sk
from PIL import Image
from scipy.ndimage import map_coordinates
from scipy.ndimage import zoom as scipy_zoom

from evaluation_toys import colour_classifier, colour_folders, pure
from snellen.data.datasets import open_dataset
from snellen.errors import InputError
from snellen.evaluation import corruptions
from snellen.evaluation.corrupted import evaluate_corruptions, over_alexnet
from snellen.evaluation.corruptions import CORRUPTIONS, SEVERITIES, _disk, _moved, _plasma, _sampled, missing_pictures
from snellen.evaluation.labelled import labelled_photographs
from snellen.evaluation.transformed import evaluate_transforms
from snellen.evaluation.trials import Trials
from snellen.intervals import Rate

FIFTEEN = [name for name, corruption in CORRUPTIONS.items() if corruption.alexnet]


@pytest.fixture(scope="module")
def coffee() -> np.ndarray:
    return np.ascontiguousarray(sk.data.coffee()[60:284, 150:374])


def corrupted(photograph: np.ndarray, name: str, severity: int, seed: int = 0) -> np.ndarray:
    return CORRUPTIONS[name](photograph, severity, np.random.default_rng(seed))


def test_the_fifteen_and_the_four() -> None:
    assert len(FIFTEEN) == 15
    assert [name for name in CORRUPTIONS if name not in FIFTEEN] == [
        "speckle_noise", "gaussian_blur", "spatter", "saturate",
    ]  # fmt: skip
    # The means that are quoted everywhere: 88.6, 89.4, 92.3, 82.0, 82.6, 78.6, 79.8, 86.7, 82.7, 81.9, 56.5, 85.3, ...
    means = [100 * np.mean(CORRUPTIONS[name].alexnet) for name in FIFTEEN]
    assert np.round(means, 1).tolist() == [
        88.6, 89.4, 92.3, 82.0, 82.6, 78.6, 79.8, 86.7, 82.7, 81.9, 56.5, 85.3, 64.6, 71.8, 60.6,
    ]  # fmt: skip


@pytest.mark.parametrize("name", list(CORRUPTIONS))
def test_each_keeps_the_shape_and_repeats_itself(name: str, coffee: np.ndarray, monkeypatch) -> None:
    # Frost's own pictures need not be installed.
    monkeypatch.setattr(corruptions, "_frost_pictures", lambda: (coffee,))
    monkeypatch.setattr(corruptions, "_frost_picture", corruptions._frost_picture.__wrapped__)
    assert not missing_pictures(name)
    odd = coffee[:150, :131]
    for severity in (1, 5):
        first, again, other = (corrupted(odd, name, severity, seed) for seed in (0, 0, 1))
        assert (first.shape, first.dtype) == (odd.shape, np.uint8)
        assert np.array_equal(first, again)
        assert not np.array_equal(first, odd)
        if CORRUPTIONS[name].group == "noise":
            assert not np.array_equal(first, other)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_by_other_libraries_own_functions(severity: int, coffee: np.ndarray) -> None:
    """What draws nothing, as the published code composes it of scikit-image, SciPy and Pillow: within one level."""

    def close(name: str, expected: np.ndarray) -> None:
        gap = np.abs(corrupted(coffee, name, severity).astype(int) - np.clip(expected, 0, 255).astype(np.uint8))
        assert gap.max() <= 1, name

    unit, s = coffee / 255.0, severity - 1
    hsv = sk.color.rgb2hsv(unit)
    brighter = hsv.copy()
    brighter[..., 2] = np.clip(brighter[..., 2] + (0.1, 0.2, 0.3, 0.4, 0.5)[s], 0, 1)
    close("brightness", 255 * sk.color.hsv2rgb(brighter))
    times, more = ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2))[s]
    hsv[..., 1] = np.clip(hsv[..., 1] * times + more, 0, 1)
    close("saturate", 255 * sk.color.hsv2rgb(hsv))
    means = unit.mean(axis=(0, 1), keepdims=True)
    close("contrast", 255 * ((unit - means) * (0.4, 0.3, 0.2, 0.1, 0.05)[s] + means))
    close("gaussian_blur", 255 * sk.filters.gaussian(unit, sigma=(1, 2, 3, 4, 6)[s], channel_axis=-1))
    file = io.BytesIO()
    Image.fromarray(coffee).save(file, "JPEG", quality=(25, 18, 15, 10, 7)[s])
    close("jpeg_compression", np.asarray(Image.open(file)))
    side = int(224 * (0.6, 0.5, 0.4, 0.3, 0.25)[s])
    close("pixelate", np.asarray(Image.fromarray(coffee).resize((side, side), 4).resize((224, 224), 4)))
    if severity == 5:  # SciPy's own is slow
        total, factors = unit.copy(), np.arange(1, 1.31, 0.03)
        for factor in factors:
            kept = int(np.ceil(224 / factor))
            start = (224 - kept) // 2
            middle = unit[start : start + kept, start : start + kept]
            total += scipy_zoom(middle, (factor, factor, 1), order=1)[:224, :224]
        close("zoom_blur", 255 * total / (len(factors) + 1))


def test_kernels_by_hand() -> None:
    disk = _disk(3, 0.1)  # a softening of a tenth of a pixel changes nothing
    assert disk.shape == (17, 17)
    assert disk.sum() == pytest.approx(1)
    assert np.count_nonzero(disk > 1e-6) == 29  # pixels within 3 of the centre
    assert _disk(10, 0.5).shape == (21, 21)
    # Along the row: half a Gaussian of what lies behind.
    line = np.zeros((9, 9), np.float32)
    line[4, 4] = 1
    weights = np.exp(-(np.arange(5) ** 2) / (2 * 1.5**2))
    assert _moved(line, 2, 1.5, 0.0)[4, :5][::-1] == pytest.approx(weights / weights.sum(), abs=1e-6)
    plasma = _plasma(64, 2.0, np.random.default_rng(0))
    assert (plasma.shape, plasma.min(), plasma.max()) == ((64, 64), 0, 1)


def test_sampling_is_that_of_scipy(coffee: np.ndarray) -> None:
    values = coffee.astype(np.float32)[:60, :50]
    random = np.random.default_rng(0)
    down, across = random.uniform(-30, 90, 3000), random.uniform(-30, 80, 3000)
    for whole, mode in ((True, "mirror"), (False, "reflect")):
        expected = np.stack([map_coordinates(values[..., c], [down, across], order=1, mode=mode) for c in range(3)], 1)
        found = _sampled(values, across, down, whole_pixels=whole)
        assert np.abs(found.reshape(-1, 3) - expected).max() < 0.1


def test_noise_has_its_strength() -> None:
    grey = np.full((200, 200, 3), 128, np.uint8)
    assert corrupted(grey, "gaussian_noise", 1).std() == pytest.approx(255 * 0.08, rel=0.02)
    assert corrupted(grey, "speckle_noise", 1).std() == pytest.approx(128 * 0.15, rel=0.02)
    assert corrupted(grey, "shot_noise", 1).std() == pytest.approx(255 * (128 / 255 / 60) ** 0.5, rel=0.02)
    impulse = corrupted(grey, "impulse_noise", 5)
    assert [np.mean(impulse == value) for value in (0, 255)] == pytest.approx([0.135, 0.135], abs=0.005)
    glass = corrupted(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8), "glass_blur", 3)
    assert glass.mean() == pytest.approx(127.5, abs=4)  # it only moves what is there


# As a run


@pytest.fixture
def colours(tmp_path: Path) -> Path:
    return colour_folders(
        tmp_path / "set", {"red": [pure(0), pure(0, 90), pure(0, 200)], "green": [pure(1)], "blue": [pure(2)] * 2}
    )


def test_a_run_by_hand_and_resumed(colours: Path, tmp_path: Path, monkeypatch) -> None:
    """Contrast less by 95% leaves the order of the channels, so plain colours stay right; noise does not know them."""
    (colours / "red" / "broken.png").write_bytes(b"no image")
    options = {
        "corruptions": ["contrast", "saturate"],
        "severities": (1, 5),
        "engine": "torch",
        "out": tmp_path / "run",
    }
    result = evaluate_corruptions(colour_classifier(), str(colours), **options)
    assert result.n == 6
    assert result.clean == Rate.of_count(6, 6)
    assert [(one.corruption, one.severity) for one in result.outcomes] == [
        ("contrast", 1), ("contrast", 5), ("saturate", 1), ("saturate", 5),
    ]  # fmt: skip
    assert all(one.accuracy == Rate.of_count(6, 6) for one in result.outcomes)
    assert (result.mean_error.value, result.against_alexnet) == (0, None)  # not ImageNet's classes
    assert [one.image for one in result.failures] == ["red/broken.png"]
    assert result.plot().axes
    assert "What this does not prove" in result.discussion()
    assert (
        "over two corruptions, averaged over severity; without corruption it is right on 100% (6" in result.discussion()
    )
    one = dataclasses.replace(result, clean=Rate.of_count(0, 1))
    assert "without corruption it is wrong on the one photograph." in one.discussion()
    monkeypatch.setattr(Trials, "_answers", lambda *_: pytest.fail("classified again"))
    assert evaluate_corruptions(colour_classifier(), str(colours), **options) == result
    with pytest.raises(pytest.fail.Exception):
        evaluate_corruptions(colour_classifier(), str(colours), **(options | {"seed": 1}))


def test_transforms_by_hand_and_resumed(colours: Path, tmp_path: Path, monkeypatch) -> None:
    """Without colour the three channels are equal, and the first class answers; a darker colour is the same colour."""
    (colours / "red" / "broken.png").write_bytes(b"no image")
    ladder = [("mirror", 1.0), ("grayscale", 0.5), ("grayscale", 1.0), ("brightness", -0.5)]
    options = {"transforms": ladder, "engine": "torch", "out": tmp_path / "run"}
    result = evaluate_transforms(colour_classifier(), str(colours), **options)
    assert (result.n, result.clean) == (6, Rate.of_count(6, 6))
    assert [(one.transform, one.strength, one.accuracy.count) for one in result.outcomes] == [
        ("mirror", 1.0, 6), ("grayscale", 0.5, 6), ("grayscale", 1.0, 3), ("brightness", -0.5, 6),
    ]  # fmt: skip
    assert [one.strength for one in result.ladder("grayscale")] == [0.5, 1.0]
    assert [one.image for one in result.failures] == ["red/broken.png"]
    assert "leave half of that or less: grayscale (50%)" in result.discussion()
    letters = [text.get_text() for text in result.plot().axes[0].texts]
    assert letters.count("E") == 4
    assert "50" in letters
    monkeypatch.setattr(Trials, "_answers", lambda *_: pytest.fail("classified again"))
    assert evaluate_transforms(colour_classifier(), str(colours), **options) == result
    with pytest.raises(InputError, match="grayscale: strength 2 .0 to 1"):
        evaluate_transforms(colour_classifier(), str(colours), transforms=[("grayscale", 2.0)])


def test_a_sample_is_even_over_the_classes(colours: Path) -> None:
    chosen = labelled_photographs(colour_classifier(), open_dataset(str(colours)), most=4)
    assert len(chosen) == 4
    assert sorted(target for _, target in chosen.read()) in ([0, 0, 1, 2], [0, 1, 2, 2])
    assert [len(shard) for shard in chosen.shards(3)] == [3, 1]
    assert chosen.sampled == "4 of the 6 photographs whose class the model knows, drawn evenly over the classes."
    with pytest.raises(InputError, match="`most` is 0"):
        labelled_photographs(colour_classifier(), open_dataset(str(colours)), most=0)


def test_the_corruption_error_by_hand() -> None:
    """AlexNet's own errors give 1, relative ones too; a network without errors on clean photographs by hand."""
    own = np.array([[0.43482, *CORRUPTIONS["fog"].alexnet]])
    for relative in (False, True):
        found = over_alexnet(own, "fog", range(1, 6), [0, 1, 2, 3, 4, 5], relative=relative)
        assert found == pytest.approx([1.0])
    other = np.array([[0.1, 0.5, 0.7]])
    alexnet = CORRUPTIONS["snow"].alexnet
    assert over_alexnet(other, "snow", [1, 2], [0, 2, 4]) == pytest.approx([1.2 / (alexnet[1] + alexnet[3])])
    assert over_alexnet(other, "snow", [1, 2], [0, 2, 4], relative=True) == pytest.approx(
        [1.0 / (alexnet[1] + alexnet[3] - 2 * 0.43482)]
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"corruptions": ["snov"]}, "no corruption 'snov' .did you mean snow"),
        ({"severities": (0,)}, r"severities \[0\] .some of 1 to 5"),
        ({"at": "moon"}, "`at` is 'moon' .network or photograph"),
    ],
)
def test_what_cannot_be_run(options, message: str) -> None:
    with pytest.raises(InputError, match=message):
        evaluate_corruptions(colour_classifier(), "digits", **options)
