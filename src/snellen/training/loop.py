"""The training loop: one epoch after another, each a function of the weights before it, the seed and its number."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from snellen.data.preprocessing import Preprocessing
from snellen.errors import SnellenError
from snellen.models.ensemble import repeated_targets
from snellen.runs.provenance import fingerprint
from snellen.training.augment import augment, first_flips, reduced
from snellen.training.data import InMemorySplit
from snellen.training.optimise import learning_rate_factor, set_learning_rate
from snellen.training.processes import Processes
from snellen.training.recipe import Recipe

_LOOK_EVERY_SECONDS = 1.0
"""How often a device that runs ahead of Python is asked for its losses."""


@dataclass(frozen=True)
class Step:
    """How far the training is.

    Attributes:
        epoch, epochs: the current one, from 1, of how many.
        step, steps: the current one of this epoch, from 1, of how many.
        loss: of this step's batch.
        images_per_second: in this epoch so far, over all processes.
        seconds_left: until the last epoch ends, at that speed; images take as long as they are large.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    images_per_second: float
    seconds_left: float


@dataclass(frozen=True)
class EpochMetrics:
    """What one epoch saw of the training images, as they were augmented, while it learned from them.

    Attributes:
        loss: mean cross-entropy (nats), smoothed where the recipe smooths; of an ensemble the members' mean.
        accuracy: share of images named rightly; of an ensemble the members' mean.
        learning_rate: mean over the steps, as a share of its height.
        seconds: of the epoch.
    """

    loss: float
    accuracy: float
    learning_rate: float
    seconds: float


def seed_of(seed: int, *what: object) -> int:
    """A seed for one purpose of the run with ``seed``: 64 bits, unlike those of other purposes."""
    return int(fingerprint(" ".join(map(str, (seed, *what)))), 16)


@functools.cache
def native_bfloat16(device: torch.device) -> bool:
    """Whether ``device`` multiplies bfloat16 matrices in hardware; elsewhere it would only be slower."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        able = torch.cpu.get_capabilities()
        return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
    return False


def precision(device: torch.device) -> torch.autocast:
    """The context in which networks compute on ``device``: bfloat16 where it is native, else float32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=native_bfloat16(device))


def batches(
    split: InMemorySplit, recipe: Recipe, epoch: int, seed: int, team: Processes
) -> Iterator[tuple[Tensor, Tensor, int]]:
    """This process's share of each batch of ``epoch``: every image once, in an order of its own.

    The batches differ in size by one at most, so none is a small remainder. All draws are made for the whole
    batch before it is shared out: they do not depend on the number of processes.

    Yields:
        views (b, 3, size, size) in [0, 1], targets (b,), and the number of images in the whole batch.
    """
    generator = torch.Generator().manual_seed(seed_of(seed, "epoch", epoch))
    flips = first_flips(len(split), seed_of(seed, "flips"))
    size = size_at(recipe, epoch)
    order = torch.randperm(len(split), generator=generator)
    for chosen in order.tensor_split(steps_of(split, recipe)):
        views = augment(split.images, chosen, recipe.augmentation, epoch, flips, generator)
        mine = slice(team.rank, None, team.size)
        yield reduced(views[mine], size), split.targets[chosen[mine].to(split.targets.device)], len(chosen)


def steps_of(split: InMemorySplit, recipe: Recipe) -> int:
    """The number of batches in an epoch."""
    return max(1, -(-len(split) // recipe.batch))


def size_at(recipe: Recipe, epoch: int) -> int:
    """The side of the images that ``epoch``, from 0, sees, in pixels."""
    growing = recipe.progressive_resizing.size and epoch < round(recipe.progressive_resizing.share * recipe.epochs)
    return min(recipe.progressive_resizing.size, recipe.size) if growing else recipe.size


def train_epoch(
    network: nn.Module,
    optimisers: list[torch.optim.Optimizer],
    split: InMemorySplit,
    preprocessing: Preprocessing,
    recipe: Recipe,
    epoch: int,
    seed: int,
    team: Processes,
    watch: Callable[[Step], None],
) -> EpochMetrics:
    """Learn from every training image once.

    Args:
        network: in training mode, on the team's device; changed in place.
        optimisers: of its parameters; changed in place.
        split: the training images, on the same device.
        preprocessing: normalises.
        recipe: see there.
        epoch: its number, from 0.
        seed: of the run.
        team: the processes.
        watch: called after each step on a CPU, about once a second elsewhere.

    Raises:
        SnellenError: the loss is no longer a finite number; says where, and what is broken.
    """
    steps = steps_of(split, recipe)
    total = steps * recipe.epochs
    later = sum((size_at(recipe, other) / size_at(recipe, epoch)) ** 2 for other in range(epoch + 1, recipe.epochs))
    torch.manual_seed(seed_of(seed, "network", epoch, team.rank))  # what the network itself draws: dropout
    losses: list[Tensor] = []
    right = torch.zeros((), device=team.device)
    rates: list[float] = []
    sizes: list[int] = []
    seen = 0
    started = looked = time.perf_counter()
    network.train()
    for step, (views, targets, whole) in enumerate(batches(split, recipe, epoch, seed, team)):
        rate = learning_rate_factor(epoch * steps + step, total, recipe.schedule)
        set_learning_rate(optimisers, rate)
        with precision(team.device):
            logits = network(preprocessing.normalise(views).contiguous(memory_format=torch.channels_last)).float()
        classes = repeated_targets(logits, targets)
        answers = len(classes) // len(targets)
        summed = functional.cross_entropy(logits, classes, label_smoothing=recipe.label_smoothing, reduction="sum")
        for optimiser in optimisers:
            optimiser.zero_grad()
        # The processes' gradients are averaged; times their number, that is the mean over the whole batch.
        (summed * team.size / whole).backward()
        losses.append(summed.detach() / (whole * answers))
        sizes.append(whole)
        now = time.perf_counter()
        last = step == steps - 1
        if team.device.type == "cpu" or last or now - looked > _LOOK_EVERY_SECONDS:
            looked = now
            _check_finite(losses, network, epoch, steps, rate)
            speed = (seen + whole) / (now - started)
            left = ((1 + later) * len(split) - seen - whole) / speed
            watch(Step(epoch + 1, recipe.epochs, step + 1, steps, float(losses[-1]) * team.size, speed, left))
        for optimiser in optimisers:
            optimiser.step()
        right += (logits.argmax(1) == classes).sum() / answers
        rates.append(rate)
        seen += whole
    summed = (torch.stack(losses) * torch.tensor(sizes, device=team.device)).sum()
    loss = team.total(summed) / len(split)
    accuracy = team.total(right) / len(split)
    return EpochMetrics(float(loss), float(accuracy), sum(rates) / steps, time.perf_counter() - started)


def _check_finite(losses: list[Tensor], network: nn.Module, epoch: int, steps: int, rate: float) -> None:
    """Refuse to go on from a loss that is NaN or infinite."""
    finite = torch.stack(losses).isfinite()
    if finite.all():
        return
    step = int((~finite).nonzero()[0])
    broken = next((name for name, value in network.named_parameters() if not value.isfinite().all()), None)
    reason = f"the weights {broken} are not finite" if broken else "its weights are finite, so its answers overflowed"
    raise SnellenError(
        f"epoch {epoch + 1}, step {step + 1} of {steps}: the loss is {float(losses[step])} at {rate:.3g} of the "
        f"learning rate; {reason}",
        "lower the recipe's learning_rate, or raise its warmup; the last epoch's checkpoint is kept",
    )
