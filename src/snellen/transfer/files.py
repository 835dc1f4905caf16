"""What a probe leaves behind: its weights, its numbers with their discussion, its figures, a manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from snellen.data.labels import NUMBERED, Labels
from snellen.data.preprocessing import Preprocessing
from snellen.errors import InputError, ModelError
from snellen.inference.features import width_of
from snellen.models.classifier import Classifier, load
from snellen.models.resolve import named_on_the_hub
from snellen.models.safetensors import SafetensorsHeader, check_fit, file_digest, read_header, read_safetensors
from snellen.runs.files import Run, replace_figure, write_bytes, write_figure, write_json
from snellen.runs.provenance import fingerprint
from snellen.runs.serialise import from_plain, read_json
from snellen.transfer.discussion import compare_sentence
from snellen.transfer.few import FewShotResult
from snellen.transfer.figures import draw_comparison, draw_confused
from snellen.transfer.linear import ClassifierKind, LinearProbe
from snellen.transfer.network import ProbeNetwork
from snellen.transfer.probe import ProbeResult

WEIGHTS = "probe.safetensors"
DESCRIPTION = "probe.json"
RESULT = "result.json"
CONFUSION = "confusion.png"
CONFUSED = "confused.png"
_FORMAT = 2
_ACCEPTED = "the run folder of a probe"


@dataclass(frozen=True)
class Description:
    """What ``probe.json`` says: everything that decides an answer, apart from the weights.

    Attributes:
        model: name of the network, as :func:`snellen.load` takes it.
        weights: SHA-256 of the network's weights.
        preprocessing: preprocessing of the photographs that it learned from.
        mirrored: whether mirror images are averaged in.
        kind: kind of the linear classifier.
        c: its regularisation.
        labels: names of its classes.
        dataset: name of the data set that it learned from.
        data: fingerprint of that data set.
        format: format of this file.
    """

    model: str
    weights: str
    preprocessing: Preprocessing
    mirrored: bool
    kind: ClassifierKind
    c: float
    labels: tuple[str, ...]
    dataset: str
    data: str
    format: int = _FORMAT


def save_run(run: Run, result: ProbeResult) -> list[str]:
    """Write the run folder of one probe; gives the names of its files, the manifest not among them."""
    files = save_probe(run.path, result.probe, describe_probe(result))
    write_json(run.path / RESULT, result.to_dict())
    write_figure(run.path / CONFUSION, result.plot())
    files += [RESULT, CONFUSION]
    confused = draw_confused(result)
    replace_figure(run.path / CONFUSED, confused)
    if confused is not None:
        files.append(CONFUSED)
    run.remove_earlier()
    run.write_manifest(result.provenance)
    return files


def save_comparison(run: Run, results: Sequence[ProbeResult]) -> None:
    """Write ``comparison.json``, ``comparison.png`` and the manifest of several probes side by side."""
    values = {"results": [result.to_dict() for result in results], "discussion": compare_sentence(results)}
    write_json(run.path / "comparison.json", values)
    write_figure(run.path / "comparison.png", draw_comparison(results))
    run.remove_earlier()
    run.write_manifest(results[0].provenance)


def save_few_shot(run: Run, result: FewShotResult) -> None:
    """Write ``few.json``, ``few.png`` and the manifest of a curve over examples."""
    write_json(run.path / "few.json", result.to_dict())
    write_figure(run.path / "few.png", result.plot())
    run.remove_earlier()
    run.write_manifest(result.provenance)


def save_probe(folder: Path, probe: LinearProbe, description: Description) -> list[str]:
    """Write ``probe.safetensors`` and ``probe.json``; gives their names."""
    tensors = {"weight": torch.from_numpy(probe.weight), "bias": torch.from_numpy(probe.bias)}
    write_bytes(folder / WEIGHTS, save({name: tensor.contiguous() for name, tensor in tensors.items()}))
    write_json(folder / DESCRIPTION, description)
    return [WEIGHTS, DESCRIPTION]


def describe_probe(result: ProbeResult) -> Description:
    """What :func:`save_probe` is to say of a probe."""
    return Description(
        model=result.model,
        weights=result.provenance.weights,
        preprocessing=result.preprocessing,
        mirrored=result.features.mirrored,
        kind=result.kind,
        c=result.c,
        labels=result.labels,
        dataset=result.dataset,
        data=result.provenance.data,
    )


def load_probe(
    folder: str | Path, *, model: str | None = None, architecture: str | None = None, device: str = "auto"
) -> Classifier:
    """The classifier in a probe's run folder: its network, the unit length, the probe; its labels.

    It is a :class:`~snellen.Classifier` as any other: it classifies, and it can be attacked. Of a logistic
    probe the softmax of its logits are the probabilities that it learned; of ``svm`` and ``ridge`` the order
    of the classes is right, the probabilities are not calibrated.

    Args:
        folder: run folder.
        model: name of the network that the probe learned from. Its file says it too, but somebody's repository on the
            hub is gone to only where the caller names it.
        architecture: architecture of a network in a ``.safetensors`` file that does not say it.
        device: device to run on.

    Raises:
        InputError: the folder holds no sound probe, or one of another network.
        ModelError: its network is not here, or has other weights than the probe learned from.
    """
    folder = Path(folder)
    said, header = _read_probe(folder)
    _check_named(folder, said.model, model)
    return _on(_base(said, architecture, device), folder, said, header)


def load_probe_on(base: Classifier, folder: str | Path) -> Classifier:
    """The same on a network that is at hand: nothing is looked for under the name that the folder says.

    Args:
        base: classifier of the network that the probe learned from; its classes and preprocessing do not matter.
        folder: run folder.

    Raises:
        InputError: the folder holds no sound probe.
        ModelError: it learned from other weights.
    """
    folder = Path(folder)
    return _on(base, folder, *_read_probe(folder))


def _read_probe(folder: Path) -> tuple[Description, SafetensorsHeader]:
    """What a probe's folder says, and the header of its weights."""
    said = _read_description(folder / DESCRIPTION)
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise InputError(f"{weights}: no such file", _ACCEPTED)
    return said, read_header(weights)


def _on(base: Classifier, folder: Path, said: Description, header: SafetensorsHeader) -> Classifier:
    """The classifier of a probe and the network that it learned from."""
    weights = folder / WEIGHTS
    if said.weights != base.digest:
        raise ModelError(f"{folder}: its probe learned from other weights of {said.model}", "train the probe again")
    classes = len(said.labels)
    expected = {"weight": torch.empty(classes, width_of(base), device="meta"), "bias": torch.empty(classes)}
    check_fit(f"{weights}: does not fit its probe.json", header, expected)
    tensors = read_safetensors(weights)
    network = ProbeNetwork(base.network, tensors["weight"], tensors["bias"], said.mirrored)
    return Classifier(
        network.eval().requires_grad_(False),
        said.preprocessing,
        Labels(said.labels),
        name=f"{said.model} + {said.kind} probe",
        digest=fingerprint(said.weights + file_digest(weights)),
        source=f"probe {folder}",
        device=str(base.device),
    )


def _check_named(folder: Path, said: str, named: str | None) -> None:
    """Refuse a probe of another network than the caller names, and one of a repository that the caller does not."""
    if named is not None and named != said:
        raise InputError("`probe` names its own model", f"leave `model` out, or give {said}")
    if named is None and named_on_the_hub(said):
        raise InputError(
            f"{folder}: its probe learned from {said}, of somebody's on the hub", f"give it as `model`: {said}"
        )


def _base(said: Description, architecture: str | None, device: str) -> Classifier:
    """The network that a probe learned from, preprocessed for as it was then; its own classes do not matter."""
    return load(said.model, architecture=architecture, labels=NUMBERED, preprocessing=said.preprocessing, device=device)


def _read_description(path: Path) -> Description:
    values: Any = read_json(path, _ACCEPTED)
    written = values.get("format") if isinstance(values, dict) else None
    if written != _FORMAT:
        raise InputError(f"{path}: format {written}", f"format {_FORMAT}: train the probe again")
    said = from_plain(Description, values, str(path))
    if not said.labels or len(set(said.labels)) < len(said.labels):
        raise InputError(f"{path}: {'two classes of one name' if said.labels else 'no classes'}")
    return said
