"""Wide 3 x 3 convolutions by Winograd's algorithm, beside PyTorch's own, with the gradients that are asked of them.

    python benchmarks/convolutions.py [--rounds 9]      # 2 minutes

Both in interleaved rounds, by the clock, in float32, channels last. ``learning`` asks for the gradients of the maps and
of the filters, as training does; ``attacking`` for that of the maps alone, as robust accuracy does. The first layer is
narrower than :func:`snellen.models.winograd.is_worth_it` takes, to show why. Writes
benchmarks/results/convolutions.json.
"""

import argparse
import functools
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from cost import SIDE, matrix_product_rate
from limits import interleaved
from snellen.models.winograd import convolve, is_worth_it
from snellen.runs.files import write_json
from snellen.runs.process import keep_freed_memory
from snellen.runs.provenance import hardware, versions

LAYERS = {
    "ResNet's 64 channels of 56 x 56": (16, 64, 64, 56),
    "plain's second, of 16 x 16": (128, 64, 128, 16),
    "plain's third, of 16 x 16": (128, 128, 128, 16),
    "deep's 96 to 352, of 15 x 15": (128, 96, 352, 15),
    "deep's 352, of 7 x 7": (128, 352, 352, 7),
    "ResNet's 128, of 28 x 28": (16, 128, 128, 28),
    "ResNet's 256, of 14 x 14": (16, 256, 256, 14),
    "ResNet's 512, of 7 x 7": (16, 512, 512, 7),
}
"""Images, input and output channels, side of the maps."""

Convolution = Callable[[Tensor, Tensor], Tensor]


def torchs(maps: Tensor, filters: Tensor) -> Tensor:
    """PyTorch's convolution."""
    return functional.conv2d(maps, filters, padding=1)


def gradients(convolution: Convolution, maps: Tensor, filters: Tensor, outputs: Tensor) -> tuple[Tensor, ...]:
    """The gradients in ``maps``, and in ``filters`` where they ask for one."""
    asked = [one for one in (maps, filters) if one.requires_grad]
    return torch.autograd.grad(convolution(maps, filters), asked, outputs)


def furthest(found: Tensor, expected: Tensor) -> float:
    """The largest difference, over the largest value that is expected."""
    return float((found - expected).abs().max() / expected.abs().max())


def measured(shape: tuple[int, int, int, int], rounds: int) -> dict[str, object]:
    """One layer."""
    images, inputs, outputs, side = shape
    torch.manual_seed(0)
    last = functools.partial(torch.Tensor.contiguous, memory_format=torch.channels_last)
    maps = last(torch.randn(images, inputs, side, side)).requires_grad_()
    filters = last(torch.randn(outputs, inputs, 3, 3) / (9 * inputs) ** 0.5)
    upstream = last(torch.randn(images, outputs, side, side))
    learnt = filters.clone().requires_grad_()
    ways = {
        "learning, PyTorch": functools.partial(gradients, torchs, maps, learnt, upstream),
        "learning, Winograd": functools.partial(gradients, convolve, maps, learnt, upstream),
        "attacking, PyTorch": functools.partial(gradients, torchs, maps, filters, upstream),
        "attacking, Winograd": functools.partial(gradients, convolve, maps, filters, upstream),
    }
    exact = gradients(torchs, maps.detach().double().requires_grad_(), learnt.double(), upstream.double())
    errors = {way: max(map(furthest, ways[f"learning, {way}"](), exact)) for way in ("PyTorch", "Winograd")}
    interleaved(ways, 1)
    seconds = {name: taken["clock"] for name, taken in interleaved(ways, rounds).items()}
    return {
        "shape": shape,
        "seconds": seconds,
        "furthest_from_double": errors,
        "worth_it": is_worth_it(maps, filters),
        "operations": 2 * 9 * images * inputs * outputs * side**2,
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    keep_freed_memory()
    layers = {}
    for name, shape in LAYERS.items():
        layers[name] = measured(shape, asked.rounds)
        print(name, layers[name], flush=True)
    result = {
        "layers": layers,
        "rounds": asked.rounds,
        "operations_a_second_of_a_matrix_product": matrix_product_rate("float32", SIDE),
        "threads": torch.get_num_threads(),
        "hardware": hardware(),
        "versions": versions(),
    }
    write_json(Path(__file__).parent / "results" / "convolutions.json", result)


if __name__ == "__main__":
    main()
