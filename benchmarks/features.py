"""What feature maps and heat maps cost, beside a plain forward pass and beside torch-cam and grad-cam.

    pip install --no-deps torchcam==0.5.0 grad-cam==1.5.7 ttach opencv-python-headless
    python benchmarks/features.py FOLDER [--images 100] [--repeats 30] [--rounds 5]

FOLDER holds photographs. Writes benchmarks/results/features.json. The promises: fifteen maps of one photograph, read
and chosen, within 1.3 times a plain forward pass; Grad-CAM at least as fast per image as either peer at the peer's
better batch size, with heat maps that correlate by 0.99 or more for every photograph. Ablation and the other weighing,
drawing, and the survey of the network (once for each network) are timed apart.

The peers get what helps them: the same channels-last weights, input that is normalised already, and the layer by
name. They need gradients of the parameters; ours are frozen.
"""

import argparse
import copy
import functools
import statistics
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

import snellen
from photographs import all_read
from snellen.data.images import expand, pixels_from_bytes, read_each
from snellen.inspect.feature_maps import choose_channels, choose_layers, feature_maps
from snellen.inspect.heatmap import grad_cam
from snellen.models.layers import find_layer
from snellen.runs.files import write_figure, write_json
from snellen.runs.provenance import hardware, versions

LAYER = "bn2.act"
PEERS_LAYER = "bn2"  # returns the same tensor, and is not in place
BATCHES = (1, 16)

Maps = np.ndarray


def seconds(function: Callable[[], object]) -> float:
    """Wall-clock time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def interleaved(functions: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Seconds of each function, ``repeats`` times, taking turns; a first turn does not count."""
    rounds = [{name: seconds(function) for name, function in functions.items()} for _ in range(repeats + 1)]
    return {name: [each[name] for each in rounds[1:]] for name in functions}


def measure_maps(
    classifier: snellen.Classifier, inputs: torch.Tensor, pixels: torch.Tensor, repeats: int
) -> dict[str, Any]:
    """Fifteen maps beside a plain forward pass, and what the rest costs."""
    survey = seconds(lambda: classifier.layers)
    layers = choose_layers(classifier)

    def plain() -> None:
        with torch.no_grad():
            classifier.logits_from_inputs(inputs)

    maps = {"plain forward": plain, "fifteen maps": lambda: choose_channels(classifier, inputs, layers)}
    timed = interleaved(maps, repeats)
    result = feature_maps(classifier, pixels)
    drawing = Path(__file__).parent / "results" / "drawing.png"
    medians = {name: statistics.median(each) for name, each in timed.items()}
    medians["survey of the network, once"] = survey
    medians["fifteen maps with weighing"] = seconds(lambda: feature_maps(classifier, pixels))
    medians["drawing"] = seconds(lambda: write_figure(drawing, result.plot()))
    drawing.unlink()
    return {"median_seconds": medians, "ratio": medians["fifteen maps"] / medians["plain forward"], "repeats": repeats}


def peers(classifier: snellen.Classifier) -> dict[str, Callable[[torch.Tensor], Maps]]:
    """Grad-CAM of a batch of inputs by each contender."""
    from pytorch_grad_cam import GradCAM
    from torchcam.methods import GradCAM as TorchCam

    network = copy.deepcopy(classifier.network).requires_grad_()
    torchcam = TorchCam(network, target_layer=PEERS_LAYER)
    other = copy.deepcopy(classifier.network).requires_grad_()
    gradcam = GradCAM(other, [other.get_submodule(PEERS_LAYER)])

    def prepared(inputs: torch.Tensor) -> torch.Tensor:
        return classifier.preprocessing.normalise(inputs).contiguous(memory_format=torch.channels_last)

    def by_torchcam(inputs: torch.Tensor) -> Maps:
        scores = network(prepared(inputs))
        maps: Maps = torchcam(scores.argmax(1).tolist(), scores)[0].numpy()
        return maps

    def by_snellen(inputs: torch.Tensor) -> Maps:
        return grad_cam(classifier, inputs, find_layer(classifier.layers, LAYER), None)[1].numpy()

    return {
        "snellen": by_snellen,
        "torch-cam": by_torchcam,
        "grad-cam": lambda inputs: gradcam(prepared(inputs), targets=None),
    }


def stretched(maps: Maps, size: int) -> Maps:
    """Heat maps (N, H, W) at ``size`` x ``size``, bilinearly."""
    tensor = torch.from_numpy(np.asarray(maps, dtype=np.float32))[:, None]
    return torch.nn.functional.interpolate(tensor, (size, size), mode="bilinear", align_corners=False)[:, 0].numpy()


def in_batches(make: Callable[[torch.Tensor], Maps], inputs: torch.Tensor, batch: int) -> list[Maps]:
    """The heat maps of each batch of so many inputs."""
    return [make(part) for part in inputs.split(batch)]


def measure_heatmaps(classifier: snellen.Classifier, inputs: torch.Tensor, rounds: int) -> dict[str, Any]:
    """Milliseconds an image for each contender and batch size, and how alike the heat maps are."""
    contenders = peers(classifier)
    maps = {name: np.concatenate(in_batches(make, inputs, 16)) for name, make in contenders.items()}
    size = inputs.shape[-1]
    ours = stretched(maps["snellen"], size)
    alike = {
        name: min(
            float(np.corrcoef(a.ravel(), b.ravel())[0, 1]) for a, b in zip(ours, stretched(other, size), strict=True)
        )
        for name, other in maps.items()
        if name != "snellen"
    }
    timed = interleaved(
        {
            f"{name}, batch {batch}": functools.partial(in_batches, make, inputs, batch)
            for name, make in contenders.items()
            for batch in BATCHES
        },
        rounds,
    )
    per_image = {name: 1000 * statistics.median(each) / len(inputs) for name, each in timed.items()}
    best = {name: min(per_image[f"{name}, batch {batch}"] for batch in BATCHES) for name in contenders}
    return {
        "images": len(inputs),
        "rounds": rounds,
        "milliseconds_per_image": per_image,
        "times_as_fast": {name: best[name] / best["snellen"] for name in alike},
        "least_correlation": alike,
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    classifier = snellen.load(device="cpu")
    sources = expand([arguments.folder])[: arguments.images]
    read = read_each(sources, classifier.preprocessing.preprocess_image)
    inputs = pixels_from_bytes(np.stack(all_read(prepared for _, prepared in read)))
    maps = measure_maps(classifier, inputs[:1], snellen.read_pixels(sources[0]), arguments.repeats)
    heatmaps = measure_heatmaps(classifier, inputs, arguments.rounds)
    packages = versions() | {name: version(name) for name in ("torchcam", "grad-cam")}
    result: dict[str, object] = {"model": classifier.name, "feature_maps": maps, "heatmaps": heatmaps}
    result |= {"hardware": hardware(), "threads": torch.get_num_threads(), "versions": packages}
    write_json(Path(__file__).parent / "results" / "features.json", result)
    for name, value in maps["median_seconds"].items():
        print(f"{name}: {1000 * value:.1f} ms")
    print(f"fifteen maps over a plain forward pass: {maps['ratio']:.2f}")
    for name, value in heatmaps["milliseconds_per_image"].items():
        print(f"{name}: {value:.1f} ms an image")
    for name, value in heatmaps["times_as_fast"].items():
        print(f"{value:.2f} times as fast as {name}; least correlation {heatmaps['least_correlation'][name]:.5f}")


if __name__ == "__main__":
    main()
