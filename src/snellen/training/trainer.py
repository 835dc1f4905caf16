"""Trains a network by a recipe, in a folder that a kill at any moment leaves fit to go on from."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from snellen.data.datasets.base import ImageSet
from snellen.data.images import pixels_from_bytes
from snellen.errors import InputError
from snellen.models.classifier import Classifier
from snellen.models.create import create, program_file
from snellen.models.networks import first_filters, parameter_count
from snellen.models.resolve import MODEL_FILE
from snellen.models.safetensors import file_digest
from snellen.runs.files import Run
from snellen.runs.progress import SILENT, Progress
from snellen.runs.provenance import Provenance
from snellen.runs.serialise import to_plain
from snellen.training.augment import resized
from snellen.training.checkpoint import Checkpoint, load_checkpoint, restore, save_checkpoint, save_tensors, tensors_of
from snellen.training.data import InMemoryDataset, InMemorySplit, hold_out, load_data
from snellen.training.evaluate import evaluate
from snellen.training.files import METRICS, read_results, seed_folder, write_figures, write_result, write_summary
from snellen.training.filters import filters_image, noise_like
from snellen.training.initialise import digest_of_weights, initialise
from snellen.training.loop import Training, precision, precision_name, seed_of, size_at, train_epoch
from snellen.training.optimise import make_optimisers
from snellen.training.processes import Processes
from snellen.training.recipe import Recipe, read_recipe
from snellen.training.results import EpochMetrics, TrainingData, TrainingResult

CHECKPOINT = "checkpoint.safetensors"
_WHITENING_IMAGES = 5000


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network as a classifier like any other, and how it became one.

    Attributes:
        classifier: classifier.
        result: course of the training, and the test.
    """

    classifier: Classifier
    result: TrainingResult

    def filters_image(self) -> Image.Image | None:
        """The first layer's filters as one RGB picture, 16 in a row; None where there is no such layer."""
        filters = first_filters(self.classifier.network)
        return None if filters is None else filters_image(filters)


def train(
    dataset: str | Path | ImageSet | InMemoryDataset,
    recipe: str | Path | Recipe = "plain",
    *,
    out: str | Path,
    seed: int = 0,
    holdout: float = 0.0,
    resume: bool = False,
    tta: bool = False,
    device: str = "auto",
    progress: Progress = SILENT,
) -> Trained:
    """Train a network from scratch, then test it once.

    Writes ``model.safetensors``, ``metrics.json``, figures, ``manifest.json``, and after each epoch
    ``checkpoint.safetensors``, below ``out``. The same seed on the same processor, with as many threads and processes,
    gives the same bits, also where the run was killed and resumed. A GPU may add in another order each time.

    Args:
        dataset: data set, its name as :func:`snellen.data.datasets.open_dataset` takes it, or one in memory, of the
            recipe's size.
        recipe: name of a recipe, a TOML file, or the recipe itself.
        out: folder of the run.
        seed: seed of every random choice.
        holdout: share of the training images that is held out and evaluated after each epoch, to guide decisions; zero
            trains on all of them. The test images never guide any.
        resume: whether to go on from the last checkpoint in ``out``; from the start where there is none.
        tta: whether to evaluate with test-time augmentation too, reported apart.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        progress: told of images decoded, steps and epochs, those that it resumes from too.

    Raises:
        InputError: no such data, recipe or network; a data set of another size; ``out`` holds a run, or another is
            writing there; a checkpoint of another run.
        SnellenError: the loss is no longer finite, or a file cannot be written; the last checkpoint is kept.
    """
    call = _Call.of(recipe, holdout, resume, tta, device, progress)
    with call.folder(Path(out), foreign=seed_folder("*")) as run:
        trained = call.train(call.load(dataset), seed, run)
        call.processes.end()
    return trained


def train_seeds(
    dataset: str | Path | ImageSet | InMemoryDataset,
    recipe: str | Path | Recipe = "plain",
    *,
    out: str | Path,
    seeds: Sequence[int],
    holdout: float = 0.0,
    resume: bool = False,
    tta: bool = False,
    device: str = "auto",
    progress: Progress = SILENT,
) -> list[Trained]:
    """:func:`train` with each of ``seeds``, each in a folder of its own below ``out``; then their summary."""
    call = _Call.of(recipe, holdout, resume, tta, device, progress)
    with call.folder(Path(out), foreign="*.safetensors") as run:
        data = call.load(dataset)
        trained = []
        for seed in seeds:
            of_seed = dataclasses.replace(call, progress=_SeedProgress(call.progress, seed))
            with of_seed.folder(run.path / seed_folder(seed), foreign=seed_folder("*")) as run_of_seed:
                trained.append(of_seed.train(data, seed, run_of_seed))
        if call.processes.is_main_process:
            write_summary(run.path, [one.result for one in trained])
            run.write_manifest(trained[0].result.provenance)
        call.processes.end()
    return trained


class _SeedProgress(Progress):
    """Passes on what one of several trainings tells, its seed in front."""

    def __init__(self, progress: Progress, seed: int) -> None:
        self._progress, self._seed = progress, seed

    def begin(self, stage: str, total: int | None = None) -> None:
        self._progress.begin(f"Seed {self._seed}: {stage}", total)

    def advance(self, count: int = 1, **metrics: float) -> None:
        self._progress.advance(count, **metrics)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        self._progress.log({f"{seed_folder(self._seed)}/{name}": value for name, value in metrics.items()}, step)

    def note(self, line: str) -> None:
        self._progress.note(f"seed {self._seed}, {line}")


@dataclass(frozen=True, eq=False)
class _Call:
    """What the trainings of one call have in common."""

    recipe: Recipe
    holdout: float
    resume: bool
    tta: bool
    processes: Processes
    progress: Progress

    @classmethod
    def of(
        cls, recipe: str | Path | Recipe, holdout: float, resume: bool, tta: bool, device: str, progress: Progress
    ) -> _Call:
        read = recipe if isinstance(recipe, Recipe) else read_recipe(str(recipe))
        processes = Processes(device)
        return cls(read, holdout, resume, tta, processes, progress if processes.is_main_process else SILENT)

    @contextmanager
    def folder(self, out: Path, foreign: str) -> Iterator[Run]:
        """The folder of a run, which the main process keeps others out of.

        Raises:
            InputError: it holds a run that is not to be resumed, or, as a file called like ``foreign`` shows, a run
                with one seed in place of several or the other way round; another process is writing there.
        """
        run = Run(out)
        with run if self.processes.is_main_process else nullcontext():
            held = next((name for name in (CHECKPOINT, METRICS, MODEL_FILE) if (out / name).exists()), None)
            if held and not self.resume:
                raise InputError(f"{out}: holds a run already ({held})", "`resume` to go on with it, or another `out`")
            if other := min(out.glob(foreign), default=None):
                raise InputError(f"{out}: holds {other.name}, of a run with another number of seeds", "another `out`")
            self.processes.wait_for_everyone()
            yield run

    def load(self, dataset: str | Path | ImageSet | InMemoryDataset) -> InMemoryDataset:
        """The data set in memory, of the recipe's size."""
        size = self.recipe.size
        data = dataset if isinstance(dataset, InMemoryDataset) else load_data(dataset, size, self.progress)
        height, width = data.preprocessing.size
        if (height, width) != (size, size):
            raise InputError(
                f"{data.name}: loaded as images of {height} x {width}", f"the recipe's size, {size} x {size}"
            )
        return data

    def train(self, data: InMemoryDataset, seed: int, run: Run) -> Trained:
        """All epochs, each with its checkpoint, and the test; the caller's random numbers stay as they are."""
        device, main = self.processes.device, self.processes.is_main_process
        with torch.random.fork_rng([device] if device.type == "cuda" else []), _convolutions_tried():
            state = _State.begin(self, data, seed)
            if self.resume and (run.path / CHECKPOINT).exists():
                state = state.resumed(run.path / CHECKPOINT)
            for number, metrics in enumerate(state.history, start=1):
                _report(metrics, number, self.progress)
            earlier = _made_before(run.path) if len(state.history) == self.recipe.epochs else None
            while len(state.history) < self.recipe.epochs:
                state.train_epoch(self.progress)
                if main:
                    state.save(run.path / CHECKPOINT)
                _report(state.history[-1], len(state.history), self.progress)
            self.processes.wait_for_everyone()
            weights = ""
            if main:
                tensors = {name: value.cpu().contiguous() for name, value in state.network.state_dict().items()}
                save_tensors(run.path / MODEL_FILE, tensors, _metadata(self.recipe, data))
                weights = file_digest(run.path / MODEL_FILE)
            self.processes.wait_for_everyone()
            result = state.evaluate(weights, self.tta)
            if earlier is not None:
                # Of a training that was over, who trained it is told, and not who tested it again.
                made = dataclasses.replace(earlier.provenance, weights=weights)
                result = dataclasses.replace(result, provenance=made, precision=earlier.precision)
            if main:
                write_result(run.path, result)
                write_figures(run.path, result, state.first_filters, first_filters(state.network))
                run.write_manifest(result.provenance)
        return Trained(
            Classifier(
                state.network,
                data.preprocessing,
                data.labels,
                name=str(run.path),
                digest=weights,
                source="trained here",
                device=str(device),
            ),
            result,
        )


def _made_before(run: Path) -> TrainingResult | None:
    """The result in a run's folder; None where there is none, or a damaged one."""
    try:
        (result,) = read_results(run)
    except (InputError, ValueError):
        return None
    return result


def _report(metrics: EpochMetrics, number: int, progress: Progress) -> None:
    """Tell of an epoch, numbered from 1."""
    progress.log({f"epoch_{name}": value for name, value in vars(metrics).items() if value is not None}, number)
    held_out = "" if metrics.held_out_accuracy is None else f", held out {metrics.held_out_accuracy:.2%}"
    progress.note(
        f"epoch {number}: loss {metrics.loss:.4f}, accuracy {metrics.accuracy:.2%}{held_out}, "
        f"{metrics.images_per_second:,.0f} images/s"
    )


@dataclass(frozen=True, eq=False)
class _State:
    """One training with all that belongs to it, and the epochs that are done."""

    training: Training
    data: InMemoryDataset
    held_out: InMemorySplit | None
    classifier: Classifier
    identity: Mapping[str, Any]
    first_filters: Tensor | None
    first_weights: str
    history: list[EpochMetrics] = field(default_factory=list)

    @classmethod
    def begin(cls, call: _Call, data: InMemoryDataset, seed: int) -> _State:
        """The state before the first epoch."""
        recipe, processes = call.recipe, call.processes
        split, held_out = data.train, None
        if call.holdout:
            split, held_out = hold_out(split, call.holdout, seed_of(seed, "holdout"))
        classifier = Classifier(
            _fresh_network(recipe, data, split, seed),
            data.preprocessing,
            data.labels,
            name=recipe.network,
            device=str(processes.device),
        )
        start, digest = first_filters(classifier.network), digest_of_weights(classifier.network)
        training = Training(
            recipe,
            seed,
            processes.prepare(classifier.network),
            make_optimisers(classifier.network, recipe.optimiser),
            split.to(processes.device),
            data.preprocessing,
            processes,
        )
        if (smallest := len(split) // training.steps) < processes.num_processes:
            raise InputError(f"{processes.num_processes} processes for batches of {smallest}", "fewer")
        program = program_file(recipe.network)
        identity = {
            "recipe": recipe,
            "network file": "" if program is None else file_digest(program),
            "data": data.fingerprint,
            "seed": seed,
            "holdout": call.holdout,
            "processes": processes.num_processes,
        }
        return cls(training, data, held_out, classifier, to_plain(identity), start, digest)

    @property
    def network(self) -> nn.Module:
        """The network, not shared between processes."""
        return self.classifier.network

    def resumed(self, path: Path) -> _State:
        """The state in a checkpoint."""
        checkpoint = load_checkpoint(path, self.identity, self.network)
        restore(self.network, self.training.optimisers, checkpoint.tensors)
        return dataclasses.replace(self, history=list(checkpoint.history), first_weights=checkpoint.first_weights)

    def save(self, path: Path) -> None:
        """Write the checkpoint that :meth:`resumed` reads."""
        tensors = tensors_of(self.network, self.training.optimisers)
        save_checkpoint(path, Checkpoint(self.identity, tuple(self.history), tensors, self.first_weights))

    def train_epoch(self, progress: Progress) -> None:
        """Learn for one epoch more, then evaluate on the images held out."""
        metrics = train_epoch(self.training, len(self.history), progress)
        if self.held_out is not None:
            with precision(self.training.processes.device):
                held_out = evaluate(self.classifier, self.held_out)
            metrics = dataclasses.replace(
                metrics, held_out_loss=held_out.loss, held_out_accuracy=held_out.accuracy.share
            )
        self.history.append(metrics)

    def evaluate(self, weights: str, tta: bool) -> TrainingResult:
        """The result, tested once; ``weights`` is the digest of the file that holds the network."""
        data, training, device = self.data, self.training, self.training.processes.device
        filters = first_filters(self.network)
        return TrainingResult(
            recipe=training.recipe,
            seed=training.seed,
            data=TrainingData(
                name=data.name,
                split_description=data.split_description,
                note=data.note,
                labels=tuple(data.labels),
                train_images=len(training.split),
                held_out_images=0 if self.held_out is None else len(self.held_out),
                test_images=len(data.test),
                failures=data.failures,
                leaks=data.leaks,
            ),
            parameters=parameter_count(self.network),
            first_layer=None if filters is None else tuple(filters.shape),
            precision=precision_name(device),
            processes=training.processes.num_processes,
            history=tuple(self.history),
            test=evaluate(self.classifier, data.test),
            test_tta=evaluate(self.classifier, data.test, tta=True) if tta else None,
            provenance=Provenance.collect(
                model=training.recipe.network,
                weights=weights,
                data=data.fingerprint,
                seed=training.seed,
                device=str(device),
            ),
            noise_like_filters=None if filters is None else noise_like(filters),
            first_weights=self.first_weights,
        )


def _fresh_network(recipe: Recipe, data: InMemoryDataset, split: InMemorySplit, seed: int) -> nn.Module:
    torch.manual_seed(seed_of(seed, "initialisation"))
    network = create(recipe.network, len(data.labels), recipe.network_options)
    # A network's constructor draws for what its twin with a normalisation has not: both are to start alike.
    torch.manual_seed(seed_of(seed, "initialisation"))
    count = min(len(split), _WHITENING_IMAGES)
    # From all over the set, since many are sorted by class.
    spread = torch.arange(count) * len(split) // count
    sample = data.preprocessing.normalise(pixels_from_bytes(split.select(spread).images.cpu()))
    initialise(network, recipe.initialisation, sample)
    for size in sorted({size_at(recipe, epoch) for epoch in range(recipe.epochs)}):
        _check_takes(network, resized(sample[:2], size), recipe.network)
    return network


def _check_takes(network: nn.Module, inputs: Tensor, name: str) -> None:
    """Refuse images that are too small for the network, or of no size that it knows."""
    try:
        with torch.inference_mode():
            network.eval()(inputs)
    except (RuntimeError, ValueError, AssertionError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(
            f"{name}: takes no images of {inputs.shape[-1]} x {inputs.shape[-1]} pixels: {reason}", "another `size`"
        ) from error


@contextmanager
def _convolutions_tried() -> Iterator[None]:
    """On CUDA, cuDNN tries its ways of each convolution and keeps the fastest."""
    earlier = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = earlier


def _metadata(recipe: Recipe, data: InMemoryDataset) -> dict[str, str]:
    """What :func:`snellen.models.resolve.resolve` needs to make a classifier of the weights."""
    preprocessing = data.preprocessing
    return {
        "architecture": recipe.network if program_file(recipe.network) is None else Path(recipe.network).name,
        "options": json.dumps(recipe.network_options),
        "labels": json.dumps(list(data.labels)),
        "preprocessing": json.dumps(
            {
                "input_size": (3, *preprocessing.size),
                "crop_pct": preprocessing.crop_fraction,
                "interpolation": preprocessing.interpolation,
                "mean": preprocessing.mean,
                "std": preprocessing.std,
            }
        ),
    }
