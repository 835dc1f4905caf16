"""Trains a network by a recipe, in a folder that a kill at any moment leaves fit to go on from."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import nn

from snellen.errors import InputError, ModelError
from snellen.models.classifier import Classifier
from snellen.models.create import create, is_python_file
from snellen.models.networks import first_filters, parameter_count
from snellen.models.resolve import MODEL_FILE
from snellen.models.safetensors import file_digest
from snellen.runs.files import Run
from snellen.runs.memory import keep_freed_memory
from snellen.runs.provenance import Provenance
from snellen.runs.serialise import to_plain
from snellen.training.augment import reduced
from snellen.training.checkpoint import Checkpoint, load_checkpoint, restore, save_checkpoint, save_tensors, tensors_of
from snellen.training.data import InMemoryDataset, InMemorySplit, hold_out, load_data
from snellen.training.evaluate import evaluate, pixels_from_bytes
from snellen.training.files import METRICS, seed_folder, write_figures, write_result, write_summary
from snellen.training.initialise import initialise
from snellen.training.loop import Step, native_bfloat16, precision, seed_of, size_at, steps_of, train_epoch
from snellen.training.optimise import make_optimisers
from snellen.training.processes import Processes
from snellen.training.recipe import Recipe, read_recipe
from snellen.training.results import Epoch, TrainingResult

CHECKPOINT = "checkpoint.safetensors"
_WHITENING_IMAGES = 5000


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network as a classifier like any other, and how it became one."""

    classifier: Classifier
    result: TrainingResult


class Watch:
    """Told how a training goes; a surface overrides what it shows."""

    def decoded(self, done: int, total: int) -> None:
        """So many of the data set's images are in memory."""

    def begin(self, out: Path) -> None:
        """The training whose run is kept in ``out`` begins or goes on."""

    def step(self, step: Step) -> None:
        """A step was taken."""

    def epoch(self, number: int, epoch: Epoch) -> None:
        """Epoch ``number``, from 1, is over and its checkpoint written; also called for those resumed from."""


def train(
    dataset: str | InMemoryDataset,
    recipe: str | Recipe = "plain",
    *,
    out: Path,
    seed: int = 0,
    holdout: float = 0.0,
    resume: bool = False,
    tta: bool = False,
    device: str = "auto",
    watch: Watch | None = None,
) -> Trained:
    """Train a network from scratch, then test it once.

    Writes ``model.safetensors``, ``metrics.json``, figures, ``manifest.json``, and after each epoch
    ``checkpoint.safetensors``, below ``out``. The same seed on the same processor, with as many threads and processes,
    gives the same bits, also where the run was killed and resumed. A GPU may add in another order each time.

    Args:
        dataset: as :func:`snellen.data.datasets.open_dataset` takes it, or one already loaded at the recipe's size.
        recipe: its name, a TOML file, or the recipe itself.
        out: the run's folder.
        seed: of every random choice.
        holdout: the share of the training images that is kept back and looked at after each epoch, to guide
            decisions; zero trains on all of them. The test images never guide any.
        resume: go on from the last checkpoint in ``out``, from the start where there is none.
        tta: also test with logits averaged over six views, reported apart.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        watch: told how it goes.

    Raises:
        InputError: no such data, recipe or network; a data set of another size; ``out`` holds a run, or another is
            writing there; a checkpoint of another run.
        SnellenError: the loss is no longer finite, or a file cannot be written; the last checkpoint is kept.
    """
    recipe = read_recipe(recipe) if isinstance(recipe, str) else recipe
    watch = watch or Watch()
    team = Processes(device)
    keep_freed_memory()
    with _folder(out, resume, team, foreign=seed_folder("*")) as run, _random_numbers_kept(team):
        data = _loaded(dataset, recipe, watch)
        trained = _trained(_Training(data, recipe, seed, holdout, team), run, resume, tta, watch)
        team.part()
    return trained


def train_seeds(
    dataset: str | InMemoryDataset,
    recipe: str | Recipe,
    *,
    out: Path,
    seeds: Sequence[int],
    holdout: float = 0.0,
    resume: bool = False,
    tta: bool = False,
    device: str = "auto",
    watch: Watch | None = None,
) -> list[Trained]:
    """:func:`train` with each of ``seeds``, each in a folder of its own below ``out``; then their summary."""
    recipe = read_recipe(recipe) if isinstance(recipe, str) else recipe
    watch = watch or Watch()
    team = Processes(device)
    keep_freed_memory()
    with _folder(out, resume, team, foreign="*.safetensors") as run, _random_numbers_kept(team):
        data = _loaded(dataset, recipe, watch)
        trained = []
        for seed in seeds:
            with _folder(out / seed_folder(seed), resume, team, foreign=seed_folder("*")) as run_of_seed:
                training = _Training(data, recipe, seed, holdout, team)
                trained.append(_trained(training, run_of_seed, resume, tta, watch))
        if team.is_main_process:
            write_summary(out, [one.result for one in trained])
            run.write_manifest(trained[0].result.provenance)
        team.part()
    return trained


@contextmanager
def _folder(out: Path, resume: bool, team: Processes, foreign: str) -> Iterator[Run]:
    """The folder of a run, which the team's first process keeps others out of.

    Raises:
        InputError: it holds a run that is not to be gone on with, or, as a file called like ``foreign`` shows, a run
            with one seed in place of several or the other way round; another process is writing there.
    """
    run = Run(out)
    with run if team.is_main_process else nullcontext():
        held = next((name for name in (CHECKPOINT, METRICS, MODEL_FILE) if (out / name).exists()), None)
        if held and not resume:
            raise InputError(f"{out}: holds a run already ({held})", "--resume to go on with it, or another --out")
        if other := min(out.glob(foreign), default=None):
            raise InputError(f"{out}: holds {other.name}, of a run with another number of seeds", "another --out")
        team.wait()
        yield run


def _loaded(dataset: str | InMemoryDataset, recipe: Recipe, watch: Watch) -> InMemoryDataset:
    data = load_data(dataset, recipe.size, watch.decoded) if isinstance(dataset, str) else dataset
    height, width = data.preprocessing.size
    if (height, width) != (recipe.size, recipe.size):
        raise InputError(
            f"{data.name}: loaded as images of {height} x {width}", f"the recipe's size, {recipe.size} x {recipe.size}"
        )
    return data


def _random_numbers_kept(team: Processes) -> AbstractContextManager[None]:
    """The caller's random numbers stay as they are."""
    kept: AbstractContextManager[None] = torch.random.fork_rng([team.device] if team.device.type == "cuda" else [])
    return kept


class _Training:
    """One network that learns with one seed: what it learns from, and where it stands."""

    def __init__(self, data: InMemoryDataset, recipe: Recipe, seed: int, holdout: float, team: Processes) -> None:
        self.data, self.recipe, self.seed, self.team = data, recipe, seed, team
        kept = data.train
        self.held_out: InMemorySplit | None = None
        if holdout:
            kept, self.held_out = hold_out(kept, holdout, seed_of(seed, "holdout"))
        if (smallest := len(kept) // steps_of(kept, recipe)) < team.size:
            raise InputError(f"{team.size} processes for batches of {smallest}", "fewer")
        self.split = kept.to(team.device)
        self.network = _fresh_network(recipe, data, self.split, seed)
        self.classifier = Classifier(
            self.network, data.preprocessing, data.labels, name=recipe.network, device=str(team.device)
        )
        self.optimisers = make_optimisers(self.network, recipe.optimiser)
        self.identity = to_plain(
            {
                "recipe": recipe,
                "network file": file_digest(Path(recipe.network)) if is_python_file(recipe.network) else "",
                "data": data.fingerprint,
                "seed": seed,
                "holdout": holdout,
                "processes": team.size,
            }
        )
        self.history: list[Epoch] = []
        self._moving = _fast(team.joined(self.network), team.device)

    def load_checkpoint_from(self, path: Path) -> None:
        """Stand where the checkpoint does."""
        found = load_checkpoint(path, self.identity, self.network)
        restore(self.network, self.optimisers, found.tensors)
        self.history = _history(found, path)

    def learn(self, watch: Callable[[Step], None]) -> None:
        """Learn for one epoch more."""
        learned = train_epoch(
            self._moving,
            self.optimisers,
            self.split,
            self.data.preprocessing,
            self.recipe,
            len(self.history),
            self.seed,
            self.team,
            watch,
        )
        seen = None
        if self.held_out is not None:
            with precision(self.team.device):
                seen = evaluate(self.classifier, self.held_out)
        self.history.append(
            Epoch(
                loss=learned.loss,
                accuracy=learned.accuracy,
                learning_rate=learned.learning_rate * self.recipe.optimiser.learning_rate,
                seconds=learned.seconds,
                images_per_second=len(self.split) / learned.seconds,
                held_out_loss=None if seen is None else seen.loss,
                held_out_accuracy=None if seen is None else seen.accuracy.share,
            )
        )

    def save(self, path: Path) -> None:
        """Write the checkpoint that :meth:`load_checkpoint_from` reads."""
        history = [dataclasses.asdict(epoch) for epoch in self.history]
        save_checkpoint(path, Checkpoint(self.identity, history, tensors_of(self.network, self.optimisers)))

    def evaluated(self, weights: str, tta: bool) -> TrainingResult:
        """What came of it, tested once; ``weights`` is the digest of the file that holds the network."""
        data, device = self.data, self.team.device
        first = first_filters(self.network)
        return TrainingResult(
            recipe=self.recipe,
            seed=self.seed,
            dataset=data.name,
            how=data.how,
            about=data.about,
            labels=tuple(data.labels),
            train_images=len(self.split),
            held_out_images=0 if self.held_out is None else len(self.held_out),
            test_images=len(data.test),
            failures=data.failures,
            parameters=parameter_count(self.network),
            first_layer=None if first is None else tuple(first.shape),
            precision="bfloat16" if native_bfloat16(device) else "float32",
            processes=self.team.size,
            history=tuple(self.history),
            test=evaluate(self.classifier, data.test),
            test_averaged=evaluate(self.classifier, data.test, averaged=True) if tta else None,
            provenance=Provenance.collect(
                model=self.recipe.network, weights=weights, data=data.fingerprint, seed=self.seed, device=str(device)
            ),
        )


def _trained(training: _Training, run: Run, resume: bool, tta: bool, watch: Watch) -> Trained:
    """All epochs, each with its checkpoint, and the test, in the folder that ``run`` holds."""
    team, checkpoint, model = training.team, run.path / CHECKPOINT, run.path / MODEL_FILE
    watch.begin(run.path)
    if resume and checkpoint.exists():
        training.load_checkpoint_from(checkpoint)
    for number, epoch in enumerate(training.history, start=1):
        watch.epoch(number, epoch)
    while len(training.history) < training.recipe.epochs:
        training.learn(watch.step)
        if team.is_main_process:
            training.save(checkpoint)
        watch.epoch(len(training.history), training.history[-1])
    team.wait()
    if team.is_main_process:
        save_tensors(model, _portable(training.network), _metadata(training.recipe, training.data))
    team.wait()
    result = training.evaluated(file_digest(model) if team.is_main_process else "", tta)
    if team.is_main_process:
        write_result(run.path, result)
        write_figures(run.path, result, first_filters(training.network))
        run.write_manifest(result.provenance)
    classifier = Classifier(
        training.network,
        training.data.preprocessing,
        training.data.labels,
        name=str(run.path),
        digest=result.provenance.weights,
        source="trained here",
        device=str(team.device),
    )
    return Trained(classifier, result)


def _history(checkpoint: Checkpoint, path: Path) -> list[Epoch]:
    try:
        history = [Epoch(**epoch) for epoch in checkpoint.history]
    except TypeError as error:
        raise ModelError(f"{path}: a damaged checkpoint: its history is of something else") from error
    if not all(isinstance(value, int | float | None) for epoch in checkpoint.history for value in epoch.values()):
        raise ModelError(f"{path}: a damaged checkpoint: its history is not of numbers")
    return history


def _fresh_network(recipe: Recipe, data: InMemoryDataset, train_split: InMemorySplit, seed: int) -> nn.Module:
    torch.manual_seed(seed_of(seed, "initialisation"))
    network = create(recipe.network, len(data.labels), recipe.network_options)
    count = min(len(train_split), _WHITENING_IMAGES)
    # From all over the set, since many are sorted by class.
    spread = torch.arange(count) * len(train_split) // count
    sample = data.preprocessing.normalise(
        pixels_from_bytes(train_split.images[spread.to(train_split.images.device)].cpu())
    )
    initialise(network, recipe.initialisation, sample)
    for size in sorted({size_at(recipe, epoch) for epoch in range(recipe.epochs)}):
        _check_takes(network, reduced(sample[:2], size), recipe.network)
    return network


def _check_takes(network: nn.Module, images: torch.Tensor, name: str) -> None:
    """Refuse images that are too small for the network, or of no size that it knows."""
    try:
        with torch.inference_mode():
            network.eval()(images)
    except (RuntimeError, ValueError, AssertionError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(
            f"{name}: takes no images of {images.shape[-1]} x {images.shape[-1]} pixels: {reason}", "another --size"
        ) from error


def _fast(network: nn.Module, device: torch.device) -> nn.Module:
    """The same network, compiled where that pays: on CUDA."""
    if device.type != "cuda":
        return network
    return cast(nn.Module, torch.compile(network, mode="max-autotune-no-cudagraphs"))


def _portable(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}


def _metadata(recipe: Recipe, data: InMemoryDataset) -> dict[str, str]:
    """What :func:`snellen.models.resolve.resolve` needs to make a classifier of the weights."""
    shape = data.preprocessing
    return {
        "architecture": Path(recipe.network).name if is_python_file(recipe.network) else recipe.network,
        "options": json.dumps(recipe.network_options),
        "labels": json.dumps(list(data.labels)),
        "preprocessing": json.dumps(
            {
                "input_size": (3, *shape.size),
                "crop_pct": shape.crop_fraction,
                "interpolation": shape.interpolation,
                "mean": shape.mean,
                "std": shape.std,
            }
        ),
    }
