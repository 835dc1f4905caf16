"""What a stranger's folder says of networks and probes that were trained, held against their weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from snellen.attacks.file_check import Claim
from snellen.data.datasets.base import ImageSet, train_test
from snellen.errors import InputError, shown
from snellen.evaluation.evaluate import evaluate as evaluate_probe
from snellen.exam.verify.folder import StrangersFolder
from snellen.exam.verify.scores import consistent, differing, images_apart, is_square, measured_again
from snellen.intervals import Estimate, Rate
from snellen.models.classifier import Classifier, load
from snellen.models.local_file import read_metadata
from snellen.models.networks import OWN, first_filters, parameter_count
from snellen.models.repository import CONFIG
from snellen.models.resolve import MODEL_FILE
from snellen.models.scores import Scores, most_confused, score
from snellen.runs.provenance import Provenance
from snellen.runs.serialise import from_plain
from snellen.training.data import InMemoryDataset, load_data
from snellen.training.evaluate import evaluate as evaluate_network
from snellen.training.files import METRICS, headline, read_results
from snellen.training.filters import noise_like
from snellen.training.results import TrainingResult
from snellen.transfer.files import DESCRIPTION, load_probe_on

_TOLERANCE = 0.01
"""What a loss may differ by on another processor."""


@dataclass(frozen=True)
class _Confused:
    """Two classes of a probe, and how often the first is taken for the second."""

    true: str
    predicted: str
    count: int
    images: tuple[str, ...]


@dataclass(frozen=True)
class _ProbeSaid:
    """The part of a probe's ``result.json`` that counts here; see :class:`snellen.transfer.probe.ProbeResult`."""

    dataset: str
    model: str
    kind: str
    c: float
    labels: tuple[str, ...]
    n_train: int
    train_counts: tuple[int, ...]
    train_accuracy: float
    accuracy: Rate
    mean_per_class_accuracy: Estimate
    per_class: tuple[Rate, ...]
    confusion: tuple[tuple[int, ...], ...]
    confused: tuple[_Confused, ...]
    provenance: Provenance

    @property
    def scores(self) -> Scores:
        return Scores(self.accuracy, self.mean_per_class_accuracy, self.per_class, self.confusion)


def _confused_again(said: _ProbeSaid) -> list[tuple[str, str, int]]:
    """The pairs that are confused most often, and how often, by the confusion matrix.

    Those that are told, if they are as frequent: which of equally frequent ones are, the probe's scores decide.
    """
    place = {label: number for number, label in enumerate(said.labels)}
    found = [(said.labels[one.true], said.labels[one.predicted]) for one in most_confused(said.scores)]
    told = [(one.true, one.predicted) for one in said.confused]

    def count(true: str, predicted: str) -> int:
        return said.confusion[place[true]][place[predicted]]

    def frequencies(pairs: Sequence[tuple[str, str]]) -> list[tuple[int, int]]:
        return [(count(*pair), count(*pair[::-1])) for pair in pairs]

    sound = len(set(told)) == len(told) and all(one != other and {one, other} <= place.keys() for one, other in told)
    pairs = told if sound and frequencies(told) == frequencies(found) else found
    return [(*pair, count(*pair)) for pair in pairs]


def trained(folder: StrangersFolder) -> Iterator[Claim]:
    """What each training's results say, from its weights."""
    for metrics in sorted((folder.home / "training").glob(f"*/{METRICS}")):
        run = metrics.parent
        name = run.relative_to(folder.home).as_posix()
        for part in (METRICS, MODEL_FILE):
            folder.file(f"{name}/{part}")
        if (run / CONFIG).exists():
            raise InputError(f"{name}: its {CONFIG} says another network, as no training leaves it")
        (said,) = read_results(run)[:1]
        yield from _told_of_training(folder, name, said)
        if said.recipe.network not in OWN:
            what = f"its network is {shown(said.recipe.network)}, none of {', '.join(OWN)}"
            yield Claim(f"{name}: accuracy {said.test.accuracy.share:.4f}: {what}", None)
            continue
        if read_metadata(run / MODEL_FILE).options != said.recipe.network_options:
            yield Claim(f"{name}: its weights are of the network that its recipe says", False)
            continue
        data = folder.data_set(said.data.name, f"{name}: accuracy {said.test.accuracy.share:.4f}")
        if isinstance(data, Claim):
            yield data
            continue
        yield from _network_again(name, run, said, _in_memory(data, said.recipe.size))
    if folder.has("training") and not any((folder.home / "training").glob(f"*/{METRICS}")):
        yield Claim("training: its networks were trained elsewhere, and their weights are not in the folder", None)


def _told_of_training(folder: StrangersFolder, name: str, said: TrainingResult) -> Iterator[Claim]:
    """What can be told of a training's numbers from its ``metrics.json`` alone, and what cannot at all."""
    version = said.provenance.versions.get("snellen", "")
    yield from consistent(name, said.test, version)
    if said.test_tta is not None:
        yield from consistent(f"{name}: test_tta", said.test_tta, version)
    written = folder.json(f"{name}/{METRICS}")
    head = {key: written.get(key) for key in headline(said)}
    wrong = list(differing(name, head, headline(said), "in the results below it"))
    yield from wrong or [Claim(f"{name}: its headline is what the results below it say", True)]
    yield Claim(f"{name}: its history, the loss, accuracy and time of each epoch: only training again tells", None)


def _network_again(name: str, run: Path, said: TrainingResult, images: InMemoryDataset) -> Iterator[Claim]:
    """What a trained network's weights give, beside what its results say."""
    network = load(run / MODEL_FILE, architecture=said.recipe.network, device="cpu")
    tests = [(f"{name}", "test images", said.test, False)]
    if said.test_tta is not None:
        tests.append((f"{name}: test_tta", "test images in six variants each", said.test_tta, True))
    for what, on, told, tta in tests:
        try:
            found = evaluate_network(network, images.test, tta)
        except RuntimeError as error:
            takes = f"its network takes no images of {said.recipe.size} pixels"
            raise InputError(f"{name}: {takes}: {str(error).splitlines()[0]}") from error
        yield from measured_again(what, told, found, on)
        if not abs(told.loss - found.loss) <= _TOLERANCE:
            yield Claim(f"{what}: its loss is said to be {told.loss:.4f}, and is {found.loss:.4f}", False)
        if told.mistakes is not None and found.mistakes is not None:
            others = len(set(told.mistakes) ^ set(found.mistakes))
            if others > images_apart(found.accuracy.n):
                yield Claim(f"{what}: {others:,} of its mistakes are others than those of its weights", False)
    filters = first_filters(network.network)
    shape = None if filters is None else tuple(filters.shape)
    if said.noise_like_filters is not None and filters is not None:
        told_filters, noisy = {"noise_like_filters": said.noise_like_filters}, noise_like(filters)
        yield from differing(name, told_filters, {"noise_like_filters": noisy}, "of its weights")
    learned_from = said.data.train_images + said.data.held_out_images
    told_of = {
        "parameters": said.parameters, "first_layer": said.first_layer, "data.test_images": said.data.test_images,
        "data.train_images and held_out_images": learned_from, "data.labels": said.data.labels,
    }  # fmt: skip
    there = (parameter_count(network.network), shape, len(images.test), len(images.train), tuple(images.labels))
    yield from differing(name, told_of, dict(zip(told_of, there, strict=True)), "there")


def probed(folder: StrangersFolder) -> Iterator[Claim]:
    """What each probe's results say, from its weights and its network's."""
    for description in sorted((folder.home / "probe").rglob(DESCRIPTION)):
        run = description.parent
        name = run.relative_to(folder.home).as_posix()
        said = _probe_said(folder.json(f"{name}/result.json"), name)
        about = folder.json(f"{name}/{DESCRIPTION}")
        folder.file(f"{name}/probe.safetensors")
        yield from _told_of_probe(name, said, about)
        classifier, model = folder.means.classifier, about.get("model") if isinstance(about, dict) else None
        if classifier is None or model != classifier.name:
            right = f"{said.accuracy.count} of {said.accuracy.n}"
            what = f"{name}: accuracy {right}: its network {shown(model)} is not the model given"
            yield Claim(what, None)
            continue
        data = folder.data_set(said.dataset, f"{name}: accuracy {said.accuracy.count} of {said.accuracy.n}")
        if isinstance(data, Claim):
            yield data
            continue
        split = train_test(data, folder.provenance.seed or 0)
        probe = load_probe_on(classifier, run)
        found = [
            _scores_on(probe, ImageSet(data.name, split.labels, {"test": part}, data.fingerprint))
            for part in (split.test, split.train)
        ]
        yield from measured_again(name, said.scores, found[0], "test images")
        yield from _learned_from(name, said, found[1])


def _told_of_probe(name: str, said: _ProbeSaid, about: Any) -> Iterator[Claim]:
    """What can be told of a probe's numbers from its files alone, and what cannot at all."""
    yield from consistent(name, said.scores, said.provenance.versions.get("snellen", ""))
    if is_square(said.confusion) and len(said.labels) == len(said.confusion):
        told = [(one.true, one.predicted, one.count) for one in said.confused]
        yield from differing(name, {"confused": told}, {"confused": _confused_again(said)}, "from its confusion matrix")
    if isinstance(about, dict):
        keys = ("model", "dataset", "kind", "c", "labels")
        own = {key: getattr(said, key) for key in keys}
        yield from differing(name, own, {key: about.get(key) for key in keys}, f"in {DESCRIPTION}")
    yield Claim(f"{name}: its cross-validation, its leaks and its times: only learning again tells", None)


def _probe_said(values: Any, name: str) -> _ProbeSaid:
    known = {field.name for field in dataclasses.fields(_ProbeSaid)}
    if not isinstance(values, dict):
        raise InputError(f"{name}/result.json: not the result of a probe")
    return from_plain(_ProbeSaid, {key: value for key, value in values.items() if key in known}, f"{name}/result.json")


def _scores_on(probe: Classifier, images: ImageSet) -> Scores:
    """The scores of a probe on images of its own classes."""
    found = evaluate_probe(probe, images).photographs
    targets, predicted = (np.array(ones) for ones in ([o.label.index for o in found], [o.top.index for o in found]))
    return score(targets, predicted, len(probe.labels))


def _learned_from(name: str, said: _ProbeSaid, found: Scores) -> Iterator[Claim]:
    """What a probe's result says of the images that it learned from."""
    counts = [one.n for one in found.per_class]
    n = sum(counts)
    told = {"n_train": said.n_train, "train_counts": said.train_counts}
    wrong = list(differing(name, told, {"n_train": n, "train_counts": counts}, "in the data set"))
    yield from wrong
    # What as many images as another processor may take otherwise can move a mean over classes by.
    apart = images_apart(n) / (sum(count > 0 for count in counts) * min(count for count in counts if count))
    value = found.mean_per_class.value
    close = abs(said.train_accuracy - value) <= apart
    yield Claim(
        f"{name}: mean-per-class accuracy {said.train_accuracy:.4f} on the images that it learned from: from its "
        f"weights {value:.4f}",
        close,
    )


def _in_memory(data: ImageSet, size: int) -> InMemoryDataset:
    if not 1 <= size <= 1024:
        raise InputError(f"images of {size} pixels", "1 to 1024")
    return load_data(data, size)
