"""What a probe leaves behind: its weights, its numbers with their discussion, its figures, a manifest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional

from snellen.data.labels import Labels
from snellen.errors import InputError, ModelError
from snellen.models.classifier import Classifier, load, penultimate
from snellen.models.safetensors import check_fit, file_digest, read_header, read_safetensors
from snellen.runs.files import Run, write_bytes, write_figure, write_json
from snellen.runs.provenance import fingerprint
from snellen.runs.serialise import to_plain
from snellen.transfer.discussion import compare_sentence, discuss
from snellen.transfer.features import width_of, with_size
from snellen.transfer.figures import draw_comparison, draw_confused, draw_confusion
from snellen.transfer.linear import LinearProbe
from snellen.transfer.probe import ProbeOutcome, ProbeResult
from snellen.transfer.published import PETS_BASELINES, is_pets

RESULT = "result.json"
CONFUSION = "confusion.png"
CONFUSED = "confused.png"


def plain(result: ProbeResult) -> dict[str, Any]:
    """A result as plain data, with its discussion and, for pets, the published numbers."""
    published = PETS_BASELINES if is_pets(result.labels) else ()
    values: dict[str, Any] = to_plain(result)
    return values | {"discussion": discuss(result), "published": to_plain(published)}


def save_run(run: Run, probed: ProbeOutcome) -> list[str]:
    """Write the run folder of one probe; gives the names of its files, the manifest not among them."""
    result = probed.result
    files = save_probe(run.path, probed.probe, describe_probe(probed))
    write_json(run.path / RESULT, plain(result))
    write_figure(run.path / CONFUSION, draw_confusion(result))
    files += [RESULT, CONFUSION]
    confused = draw_confused(probed)
    if confused is not None:
        write_figure(run.path / CONFUSED, confused)
        files.append(CONFUSED)
    run.write_manifest(result.provenance)
    return files


def save_comparison(run: Run, results: Sequence[ProbeResult]) -> None:
    """Write ``comparison.json``, ``comparison.png`` and the manifest of several probes side by side."""
    values = {"results": [plain(result) for result in results], "discussion": compare_sentence(results)}
    write_json(run.path / "comparison.json", values)
    write_figure(run.path / "comparison.png", draw_comparison(results))
    run.write_manifest(results[0].provenance)


WEIGHTS = "probe.safetensors"
DESCRIPTION = "probe.json"
_FORMAT = 1


@dataclass(frozen=True)
class Description:
    """What ``probe.json`` says.

    Attributes:
        format: of this file.
        model: the network's name, as :func:`snellen.load` takes it.
        weights: SHA-256 of the network's weights.
        size: (height, width) of the view, in pixels.
        mirrored: whether mirror images are averaged in.
        classifier: how the probe was trained.
        c: its regularisation.
        labels: the names of its classes.
        dataset, data: what it learned from: name and fingerprint.
    """

    format: int
    model: str
    weights: str
    size: tuple[int, int]
    mirrored: bool
    classifier: str
    c: float
    labels: list[str]
    dataset: str
    data: str


class ProbeNetwork(nn.Module):
    """A pretrained network whose own classifier is replaced by a probe: the features at unit length, then linear.

    Args:
        backbone: the pretrained network.
        weight: (K, D) of the probe.
        bias: (K,) of the probe.
    """

    def __init__(self, backbone: nn.Module, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            self.head.weight.copy_(weight)
            self.head.bias.copy_(bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (N, K) of normalised inputs (N, 3, h, w)."""
        logits: Tensor = self.head(functional.normalize(self.features(inputs), dim=1))
        return logits

    def features(self, inputs: Tensor) -> Tensor:
        """The backbone's features (N, D), of any length."""
        return penultimate(self.backbone, inputs)


class FlipAveragedProbeNetwork(ProbeNetwork):
    """As :class:`ProbeNetwork`, of the mean of the features of an image and of its mirror image."""

    def features(self, inputs: Tensor) -> Tensor:
        """The backbone's mean features (N, D)."""
        return (super().features(inputs) + super().features(inputs.flip(-1))) / 2


def save_probe(folder: Path, probe: LinearProbe, description: Description) -> list[str]:
    """Write ``probe.safetensors`` and ``probe.json``; gives their names."""
    tensors = {"weight": torch.from_numpy(probe.weight), "bias": torch.from_numpy(probe.bias)}
    write_bytes(folder / WEIGHTS, save({name: tensor.contiguous() for name, tensor in tensors.items()}))
    write_json(folder / DESCRIPTION, description)
    return [WEIGHTS, DESCRIPTION]


def describe_probe(probed: ProbeOutcome) -> Description:
    """What :func:`save_probe` is to say of a probe."""
    result = probed.result
    return Description(
        format=_FORMAT,
        model=result.model,
        weights=result.provenance.weights,
        size=result.view,
        mirrored=result.mirrored,
        classifier=result.classifier,
        c=result.c,
        labels=list(probed.labels),
        dataset=result.dataset,
        data=result.provenance.data,
    )


def load_probe(folder: str | Path, *, device: str = "auto") -> Classifier:
    """The classifier that a run of ``snellen probe`` holds: its network, the unit length, the probe; its labels.

    It is a :class:`~snellen.Classifier` as any other: it classifies, and it can be attacked. Of a logistic
    probe the softmax of its logits are the probabilities that it learned; of ``svm`` and ``ridge`` the order
    of the classes is right, the probabilities are not calibrated.

    Raises:
        InputError: the folder holds no sound probe.
        ModelError: its network is not here, or has other weights than the probe learned from.
    """
    folder = Path(folder)
    said = _read_description(folder)
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise InputError(f"{weights}: no such file", "a folder that `snellen probe --out` wrote")
    header = read_header(weights)
    base = load(said.model, device=device)
    if list(said.size) != list(base.preprocessing.size):
        if said.size[0] != said.size[1]:
            raise InputError(f"{folder / DESCRIPTION}: views of {said.size[0]} x {said.size[1]} pixels", "square ones")
        base = with_size(base, said.size[0])
    if base.digest != said.weights:
        raise ModelError(f"{folder}: its probe learned from other weights of {said.model}", "train the probe again")
    classes = len(said.labels)
    expected = {"weight": torch.empty(classes, width_of(base), device="meta"), "bias": torch.empty(classes)}
    check_fit(f"{weights}: does not fit its probe.json", header, expected)
    tensors = read_safetensors(weights)
    network = FlipAveragedProbeNetwork if said.mirrored else ProbeNetwork
    return Classifier(
        network(base.network, tensors["weight"], tensors["bias"]).eval().requires_grad_(False),
        base.preprocessing,
        Labels(tuple(said.labels)),
        name=f"{said.model} + {said.classifier} probe",
        digest=fingerprint(said.weights + file_digest(weights)),
        source=f"probe {folder}",
        device=str(base.device),
    )


def _read_description(folder: Path) -> Description:
    path = folder / DESCRIPTION
    try:
        values: Any = json.loads(path.read_text(encoding="utf-8"))
        said = Description(**values)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read: {error.strerror}", "a folder that `snellen probe --out` wrote"
        ) from error
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: does not describe a probe") from error
    if said.format != _FORMAT:
        raise InputError(f"{path}: format {said.format}", f"format {_FORMAT}")
    texts = (said.model, said.weights, said.classifier)
    sound = all(isinstance(text, str) for text in texts) and isinstance(said.labels, list) and _is_size(said.size)
    if not sound or not said.labels or not all(isinstance(label, str) for label in said.labels):
        raise InputError(f"{path}: does not describe a probe")
    if len(set(said.labels)) < len(said.labels):
        raise InputError(f"{path}: two classes of one name")
    return said


def _is_size(size: Any) -> bool:
    return isinstance(size, list) and len(size) == 2 and all(type(side) is int for side in size)  # (height, width)
