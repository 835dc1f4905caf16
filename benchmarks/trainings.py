"""What the studies of training share: data decoded once, trainings side by side, and what a row says of one."""

import dataclasses
import functools
import multiprocessing
import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, TypeVar

import torch

from snellen.errors import InputError, SnellenError
from snellen.models.classifier import choose_device
from snellen.runs.files import write_bytes
from snellen.runs.progress import Progress
from snellen.runs.provenance import fingerprint
from snellen.runs.serialise import to_plain
from snellen.training.data import InMemoryDataset, hold_out, load_data
from snellen.training.recipe import Recipe
from snellen.training.results import TrainingResult
from snellen.training.trainer import train

HELD_OUT = 0.1
KEPT = Path("runs/decoded")
Item = TypeVar("Item")
Found = TypeVar("Found")


class Lines(Progress):
    """A line after each epoch."""

    def __init__(self, name: str) -> None:
        self.name = name

    def note(self, line: str) -> None:
        """Print how the epoch went."""
        print(f"{self.name}, {line}", flush=True)


def device_of(name: str) -> str:
    """The device that a training with ``--device`` computes on."""
    return str(choose_device(name))


@functools.cache
def decoded(dataset: str, size: int) -> InMemoryDataset:
    """A data set in memory, decoded once for all processes, which read it from runs/decoded."""
    kept = KEPT / f"{fingerprint(f'{Path(dataset).resolve()} {size}')}.pickle"
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(kept, pickle.dumps(load_data(dataset, size), protocol=5))
    data: InMemoryDataset = pickle.loads(kept.read_bytes())
    return data


@functools.cache
def held_out_data(dataset: str, size: int) -> InMemoryDataset:
    """A data set whose test images are a tenth of its training images; its own are left out."""
    data = decoded(dataset, size)
    kept, held = hold_out(data.train, HELD_OUT, seed=0)
    return dataclasses.replace(data, train=kept, test=held)


def with_images(data: InMemoryDataset, count: int | None) -> InMemoryDataset:
    """The data set with ``count`` of its training images, as many of each class, drawn by a fixed seed."""
    if count is None:
        return data
    targets = data.train.targets
    order = torch.randperm(len(targets), generator=torch.Generator().manual_seed(0))
    of_class = [order[targets[order] == label] for label in range(len(data.labels))]
    each = count // len(of_class)
    if not 0 < each <= min(map(len, of_class)):
        raise InputError(f"{count} images of {len(of_class)} classes", f"at least 1 and at most {len(targets)}, evenly")
    kept = torch.cat([some[:each] for some in of_class]).sort().values
    some = data.train.select(kept)
    return dataclasses.replace(data, train=some, fingerprint=fingerprint(f"{data.fingerprint} {count}"))


def trained(
    data: InMemoryDataset, recipe: Recipe, out: Path, seed: int, device: str, tta: bool = False
) -> TrainingResult | SnellenError:
    """The result of one training, which goes on where it was killed; the error where its loss became infinite."""
    try:
        return train(
            data,
            recipe,
            out=out,
            seed=seed,
            resume=True,
            tta=tta,
            device=device,
            progress=Lines(f"{out.parent.name}, {out.name}"),
        ).result
    except InputError:
        raise
    except SnellenError as error:
        return error


def row_of(result: TrainingResult | SnellenError) -> dict[str, Any]:
    """What a study keeps of one training."""
    if isinstance(result, SnellenError):
        return {"diverged": str(result)}
    return {
        "losses": [epoch.loss for epoch in result.history],
        "training_accuracy": result.history[-1].accuracy,
        "accuracy": to_plain(result.test.accuracy),
        "accuracy_tta": None if result.test_tta is None else to_plain(result.test_tta.accuracy),
        "noise_like_filters": to_plain(result.noise_like_filters),
        "parameters": result.parameters,
        "seconds": result.seconds,
        "precision": result.precision,
    }


def side_by_side(work: Callable[[Item], Found], items: Sequence[Item], processes: int) -> Iterator[tuple[Item, Found]]:
    """Each item and what ``work`` finds, as they end; a process keeps its data for the next."""
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        tasks = {pool.submit(work, item): item for item in items}
        for task in as_completed(tasks):
            yield tasks[task], task.result()
