"""The training loop: one epoch after another, each a function of the weights before it, the seed and its number."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from snellen.data.preprocessing import Preprocessing
from snellen.errors import SnellenError
from snellen.models.classifier import multiplies_bfloat16
from snellen.models.winograd import WinogradConvolutions
from snellen.runs.progress import SILENT, Progress
from snellen.runs.provenance import fingerprint
from snellen.training.adversarial import adversarial_examples, random_start
from snellen.training.augment import alternating_flips, augment, resized
from snellen.training.data import InMemorySplit
from snellen.training.optimise import learning_rate_factor, make_schedulers
from snellen.training.processes import Processes
from snellen.training.recipe import Recipe
from snellen.training.results import EpochMetrics

_REPORT_EVERY_SECONDS = 1.0
"""How often a device that runs ahead of Python is asked for its losses."""


@dataclass(frozen=True, eq=False)
class Training:
    """One training, as each of its epochs needs it.

    Attributes:
        recipe: recipe.
        seed: seed of every random choice.
        network: network on the processes' device; changed in place.
        optimisers: optimisers of its parameters; changed in place.
        split: training images, on the same device.
        preprocessing: normalisation of the images.
        processes: this process among those that train together.
    """

    recipe: Recipe
    seed: int
    network: nn.Module
    optimisers: list[torch.optim.Optimizer]
    split: InMemorySplit
    preprocessing: Preprocessing
    processes: Processes

    @property
    def module(self) -> nn.Module:
        """The network itself, not shared between processes."""
        network = self.network
        own: nn.Module = network.module if isinstance(network, nn.parallel.DistributedDataParallel) else network
        return own

    @property
    def steps(self) -> int:
        """The number of batches in an epoch."""
        return max(1, -(-len(self.split) // self.recipe.batch))

    def factor(self, epoch: int, step: int) -> float:
        """The factor of the peak learning rate at ``step`` of ``epoch``, both from 0."""
        return learning_rate_factor(epoch * self.steps + step, self.steps * self.recipe.epochs, self.recipe.schedule)


def seed_of(seed: int, *what: object) -> int:
    """A seed for one purpose of the run with ``seed``: 64 bits, unlike those of other purposes."""
    return int(fingerprint(" ".join(map(str, (seed, *what)))), 16)


@functools.cache
def native_bfloat16(device: torch.device) -> bool:
    """:func:`~snellen.models.classifier.multiplies_bfloat16`, asked once: each step asks."""
    return multiplies_bfloat16(device)


def precision(device: torch.device) -> AbstractContextManager[object]:
    """The context in which networks compute on ``device``: in bfloat16 where it is native, else in float32.

    On a CPU in float32 the wide 3 x 3 convolutions are :class:`~snellen.models.winograd.WinogradConvolutions`.
    """
    if device.type == "cpu" and not native_bfloat16(device):
        return WinogradConvolutions()
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=native_bfloat16(device))


def precision_name(device: torch.device) -> str:
    """What :func:`precision` comes to on ``device``, in words."""
    if native_bfloat16(device):
        return "bfloat16"
    return "float32, 3 x 3 by Winograd" if device.type == "cpu" else "float32"


def size_at(recipe: Recipe, epoch: int) -> int:
    """The side in pixels of the images that the network is given in ``epoch``, from 0."""
    resizing = recipe.progressive_resizing
    small = resizing.size and epoch < round(resizing.share * recipe.epochs)
    return min(resizing.size, recipe.size) if small else recipe.size


def batches(training: Training, epoch: int) -> Iterator[tuple[Tensor, Tensor, int]]:
    """This process's share of each batch of ``epoch``: every image once, in an order of its own.

    The batches differ in size by one at most, so none is a small remainder. All draws are made for the whole
    batch before it is shared out: they do not depend on the number of processes.

    Yields:
        Inputs (n, 3, size, size) in [0, 1], targets (n,), and the number of images in the whole batch.
    """
    recipe, split, processes = training.recipe, training.split, training.processes
    generator = torch.Generator().manual_seed(seed_of(training.seed, "epoch", epoch))
    flips = alternating_flips(len(split), seed_of(training.seed, "flips"), epoch)
    own = slice(processes.process_index, None, processes.num_processes)
    order = torch.randperm(len(split), generator=generator)
    for index in order.tensor_split(training.steps):
        batch = split.select(index)
        inputs = augment(batch.images, recipe.augmentation, flips[index], generator)
        yield resized(inputs[own], size_at(recipe, epoch)), batch.targets[own], len(index)


def train_epoch(training: Training, epoch: int, progress: Progress = SILENT) -> EpochMetrics:
    """Learn from every training image once.

    Args:
        training: training, whose network and optimisers change.
        epoch: number of the epoch, from 0.
        progress: told of the steps, with loss, speed and the seconds until the last epoch ends: on a CPU after each
            step, elsewhere about once a second.

    Raises:
        SnellenError: the loss is no longer a finite number; says where, and what is broken.
    """
    recipe, processes, network = training.recipe, training.processes, training.network
    # What the network itself draws: dropout.
    torch.manual_seed(seed_of(training.seed, "network", epoch, processes.process_index))
    steps = training.steps
    schedulers = make_schedulers(training.optimisers, recipe.schedule, steps * recipe.epochs, epoch * steps)
    tally = _Tally(training, epoch, progress)
    noise = torch.Generator().manual_seed(seed_of(training.seed, "adversarial", epoch))
    network.train()
    for inputs, targets, whole in batches(training, epoch):
        with precision(processes.device):
            learned = _adversarial(training, inputs, targets, whole, noise) if recipe.adversarial.epsilon else inputs
            normalised = training.preprocessing.normalise(learned)
            logits = network(normalised.contiguous(memory_format=torch.channels_last)).float()
        # The members of an ensemble answer each for itself, (members, n, classes), and have a loss each.
        members = logits if logits.ndim == 3 else logits[None]
        loss = functional.cross_entropy(
            members.flatten(0, 1),
            targets.repeat(len(members)),
            label_smoothing=recipe.label_smoothing,
            reduction="sum",
        )
        for optimiser in training.optimisers:
            optimiser.zero_grad()
        # The processes' gradients are averaged; times their number, that is the mean over the whole batch.
        (loss * processes.num_processes / whole).backward()
        correct = (members.argmax(2) == targets).sum() / len(members)
        tally.add(loss.detach() / (whole * len(members)), correct, whole)
        for optimiser, scheduler in zip(training.optimisers, schedulers, strict=True):
            optimiser.step()
            scheduler.step()
    return tally.metrics()


def _adversarial(training: Training, inputs: Tensor, targets: Tensor, whole: int, generator: torch.Generator) -> Tensor:
    """This process's adversarial examples of a batch of ``whole`` images, whose starts are drawn for all of them."""
    processes, adversarial = training.processes, training.recipe.adversarial
    noise = random_start((whole, *inputs.shape[1:]), adversarial, generator)
    own = noise[processes.process_index :: processes.num_processes].to(inputs.device)
    return adversarial_examples(training.module, training.preprocessing, inputs, targets, own, adversarial)


class _Tally:
    """Adds up an epoch's steps, tells of them, and refuses to go on from a loss that is not finite."""

    def __init__(self, training: Training, epoch: int, progress: Progress) -> None:
        self._training, self._epoch, self._progress = training, epoch, progress
        self._losses: list[Tensor] = []
        self._sizes: list[int] = []
        self._correct = torch.zeros((), device=training.processes.device)
        self._reported = 0
        self._started = self._reported_at = time.perf_counter()
        progress.begin(f"Epoch {epoch + 1} of {training.recipe.epochs}", training.steps)

    def add(self, loss: Tensor, correct: Tensor, images: int) -> None:
        """Count a step of a whole batch of ``images``, of which this process classified ``correct`` correctly."""
        self._losses.append(loss)
        self._sizes.append(images)
        self._correct += correct
        late = time.perf_counter() - self._reported_at > _REPORT_EVERY_SECONDS
        if self._training.processes.device.type == "cpu" or late or len(self._sizes) == self._training.steps:
            self._report()

    def metrics(self) -> EpochMetrics:
        """What the epoch came to."""
        training, images = self._training, len(self._training.split)
        summed = (torch.stack(self._losses) * torch.tensor(self._sizes, device=self._correct.device)).sum()
        loss = float(training.processes.reduce(summed) / images)
        accuracy = float(training.processes.reduce(self._correct) / images)
        factor = sum(training.factor(self._epoch, step) for step in range(training.steps)) / training.steps
        seconds = time.perf_counter() - self._started
        return EpochMetrics(
            loss=loss,
            accuracy=accuracy,
            learning_rate=factor * training.recipe.optimiser.learning_rate,
            seconds=seconds,
            images_per_second=images / seconds,
        )

    def _report(self) -> None:
        self._check_finite()
        done = len(self._sizes)
        self._reported_at = time.perf_counter()
        speed = sum(self._sizes) / (self._reported_at - self._started)
        loss = float(self._losses[-1]) * self._training.processes.num_processes
        self._progress.advance(
            done - self._reported, loss=loss, images_per_second=speed, seconds_left=self._images_left() / speed
        )
        step = self._epoch * self._training.steps + done
        self._progress.log({"loss": loss, "images_per_second": speed}, step)
        self._reported = done

    def _images_left(self) -> float:
        """The number of images until the last epoch ends, counted as of this epoch's size."""
        recipe = self._training.recipe
        size = size_at(recipe, self._epoch)
        epochs = sum((size_at(recipe, later) / size) ** 2 for later in range(self._epoch + 1, recipe.epochs))
        return (1 + epochs) * len(self._training.split) - sum(self._sizes)

    def _check_finite(self) -> None:
        finite = torch.stack(self._losses).isfinite()
        if finite.all():
            return
        step = int((~finite).nonzero()[0])
        weights = self._training.network.named_parameters()
        broken = next((name for name, value in weights if not value.isfinite().all()), None)
        reason = (
            f"the weights {broken} are not finite" if broken else "its weights are finite, so its answers overflowed"
        )
        raise SnellenError(
            f"epoch {self._epoch + 1}, step {step + 1} of {self._training.steps}: the loss is "
            f"{float(self._losses[step])} at {self._training.factor(self._epoch, step):.3g} of the peak learning rate; "
            f"{reason}",
            "lower the recipe's learning_rate, or raise its warmup; the last epoch's checkpoint is kept",
        )
