"""Images a second of training: Snellen's loop, a stock loop, and a loop that feeds one fixed batch, interleaved.

    python benchmarks/train.py [--network plain] [--batch 128] [--images 2048] [--rounds 7] [--default-memory]

On a GPU the same is measured by benchmarks/gpu.py.

The stock loop is the one of the tutorials: a DataLoader, torchvision's transforms on each image, float32. The same
network and batch in all three. Writes benchmarks/results/train-NETWORK.json (train-NETWORK-default-memory.json
where freed memory is given back to the system). The promise, for plain: at least 2
times the stock loop, and at least 85 % of the fixed batch. Run it on an otherwise idle machine.
"""

import argparse
import dataclasses
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

import snellen._torchvision  # noqa: F401  # before torchvision
from snellen.data.preprocessing import Preprocessing
from snellen.models.create import create
from snellen.runs.files import write_json
from snellen.runs.process import keep_freed_memory
from snellen.runs.provenance import cores, hardware, versions
from snellen.training.data import InMemorySplit
from snellen.training.loop import Training, native_bfloat16, precision, train_epoch
from snellen.training.optimise import make_optimisers
from snellen.training.processes import Processes
from snellen.training.recipe import ProgressiveResizing, Recipe, read_recipe

from PIL import Image  # isort: skip
from torchvision import transforms  # isort: skip

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
WARM_UP = 2


class Photographs(Dataset[tuple[torch.Tensor, int]]):
    """What a stock data set gives: one transformed image at a time."""

    def __init__(self, images: np.ndarray, targets: np.ndarray) -> None:
        self.images, self.targets = [Image.fromarray(image) for image in images], targets.tolist()
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(32, padding=2, padding_mode="reflect"),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, STD),
            ]
        )

    def __len__(self) -> int:
        """The number of images."""
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        """One image and its class."""
        return self.transform(self.images[index]), self.targets[index]


def loss(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """The mean cross-entropy; of an ensemble, whose logits are (members, n, K), of all members."""
    members = logits if logits.ndim == 3 else logits[None]
    return functional.cross_entropy(members.flatten(0, 1), classes.repeat(len(members)))


def stock_loop(recipe: Recipe, images: np.ndarray, targets: np.ndarray, device: str = "cpu") -> Callable[[], None]:
    """An epoch of the tutorials' loop; beside a GPU, workers prepare the batches."""
    network = create(recipe.network, 10, recipe.network_options).to(device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    workers = 0 if device == "cpu" else min(8, cores())
    loader = DataLoader(
        Photographs(images, targets), recipe.batch, shuffle=True, num_workers=workers, pin_memory=workers > 0
    )

    def epoch() -> None:
        for inputs, classes in loader:
            optimiser.zero_grad()
            logits = network(inputs.to(device))
            loss(logits, classes.to(device)).backward()
            optimiser.step()

    return epoch


def channels_last(recipe: Recipe, device: str) -> nn.Module:
    """The recipe's network as ``snellen train`` lays it out in memory."""
    network = create(recipe.network, 10, recipe.network_options)
    laid_out: nn.Module = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return laid_out


def our_loop(recipe: Recipe, images: np.ndarray, targets: np.ndarray, device: str = "cpu") -> Callable[[], None]:
    """An epoch of Snellen's loop, as ``snellen train`` has it."""
    network = channels_last(recipe, device)
    optimisers = make_optimisers(network, recipe.optimiser)
    processes = Processes(device)
    split = InMemorySplit(torch.from_numpy(images), torch.from_numpy(targets)).to(processes.device)
    shape = Preprocessing((32, 32), 1.0, "bicubic", MEAN, STD)
    training = Training(recipe, 0, network, optimisers, split, shape, processes)

    def epoch() -> None:
        train_epoch(training, 0)

    return epoch


def fixed_loop(recipe: Recipe, images: np.ndarray, targets: np.ndarray, device: str = "cpu") -> Callable[[], None]:
    """As many steps as in an epoch, all on one batch that is ready."""
    network = channels_last(recipe, device)
    optimisers = make_optimisers(network, recipe.optimiser)
    batch = torch.from_numpy(images[: recipe.batch]).permute(0, 3, 1, 2).float().div(255).to(device)
    classes = torch.from_numpy(targets[: recipe.batch]).to(device)

    def epoch() -> None:
        for _ in range(len(images) // recipe.batch):
            with precision(torch.device(device)):
                logits = network(batch).float()
            for optimiser in optimisers:
                optimiser.zero_grad()
            loss(logits, classes).backward()
            for optimiser in optimisers:
                optimiser.step()

    return epoch


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--network", default="plain", choices=("plain", "batchnorm", "deep"))
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--images", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--default-memory", action="store_true")
    asked = parser.parse_args()
    if not asked.default_memory:
        keep_freed_memory()
    random = np.random.default_rng(0)
    count = asked.images // asked.batch * asked.batch
    images = random.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    targets = random.integers(0, 10, count)
    # Images of one size, or the loops would not compute the same.
    recipe = dataclasses.replace(
        read_recipe(asked.network), batch=asked.batch, epochs=1, progressive_resizing=ProgressiveResizing()
    )
    makers = {"stock": stock_loop, "snellen": our_loop, "fixed batch": fixed_loop}
    loops = {name: make(recipe, images, targets) for name, make in makers.items()}
    rounds: list[dict[str, float]] = []
    for number in range(WARM_UP + asked.rounds):
        seconds = {}
        for name, loop in loops.items():
            start = time.perf_counter()
            loop()
            seconds[name] = time.perf_counter() - start
        if number >= WARM_UP:
            rounds.append(seconds)
    speeds = {name: statistics.median(count / seconds[name] for seconds in rounds) for name in loops}
    # Ratios within a round: what else the machine does hits all three alike.
    ratios = {
        other: statistics.median(seconds[other] / seconds["snellen"] for seconds in rounds)
        for other in ("stock", "fixed batch")
    }
    result = {
        "network": asked.network,
        "batch": asked.batch,
        "images": count,
        "rounds": asked.rounds,
        "threads": torch.get_num_threads(),
        "memory_kept": not asked.default_memory,
        "bfloat16": native_bfloat16(torch.device("cpu")),
        "median_images_per_second": speeds,
        "times_stock": ratios["stock"],
        "share_of_fixed_batch": ratios["fixed batch"],
        "hardware": hardware(),
        "versions": versions(),
    }
    memory = "-default-memory" if asked.default_memory else ""
    write_json(Path(__file__).parent / "results" / f"train-{asked.network}{memory}.json", result)
    print(*(f"{name}: {speed:,.0f} images/s" for name, speed in speeds.items()), sep="\n")
    print(f"{ratios['stock']:.2f} times the stock loop; {ratios['fixed batch']:.0%} of one fixed batch")


if __name__ == "__main__":
    main()
