"""Checkpoints: one safetensors file that holds tensors and, as JSON in its header, everything else.

One file, so that one rename replaces all of it: a kill at any moment leaves the old checkpoint or the new one.
No pickle. The tensors' digest is kept with them, so that a damaged file is found before it is used.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from snellen.errors import InputError, ModelError
from snellen.models.safetensors import SafetensorsHeader, check_fit, digest_of_tensors, read_header, read_safetensors
from snellen.runs.files import atomic_path
from snellen.runs.serialise import differences, from_plain, to_plain
from snellen.training.results import EpochMetrics

_KIND = "snellen checkpoint 1"


class OtherRunError(InputError):
    """The checkpoint is of a run with other settings."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The state of a training after an epoch.

    Attributes:
        identity: settings and data of the run, as JSON knows them; a run goes on only with the same.
        history: metrics of each epoch.
        tensors: tensors of the network under ``network/``, of the optimisers under ``optimiser/``.
        first_weights: digest of the weights that the run started from; empty where an earlier version began it.
    """

    identity: Mapping[str, Any]
    history: tuple[EpochMetrics, ...]
    tensors: Mapping[str, Tensor]
    first_weights: str = ""


@dataclass(frozen=True)
class _Facts:
    """What of a checkpoint is no tensor."""

    identity: Mapping[str, Any]
    history: tuple[EpochMetrics, ...]
    first_weights: str = ""


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint whole or not at all.

    Raises:
        SnellenError: it cannot be written; the one before it is still there.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in checkpoint.tensors.items()}
    facts = json.dumps(to_plain(_Facts(checkpoint.identity, checkpoint.history, checkpoint.first_weights)))
    save_tensors(path, tensors, {"kind": _KIND, "facts": facts, "digest": digest_of_tensors(tensors)})


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file whole or not at all."""
    import safetensors
    import safetensors.torch

    with atomic_path(path) as temporary:
        try:
            safetensors.torch.save_file(dict(tensors), temporary, metadata=dict(metadata))
        except safetensors.SafetensorError as error:
            # What the library makes of a full disk.
            raise OSError(None, " ".join(str(error).split()), str(path)) from error
        _order_metadata(temporary)


def _order_metadata(path: Path) -> None:
    """Put the metadata in order, in place: the library's own is another each time, and the file's digest with it."""
    with path.open("r+b") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        header["__metadata__"] = dict(sorted(header.get("__metadata__", {}).items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        if len(text) <= length:  # both write JSON as tightly as it goes; what is over is the library's padding
            file.seek(8)
            file.write(text.ljust(length))


def load_checkpoint(path: Path, identity: Mapping[str, Any], network: nn.Module) -> Checkpoint:
    """Read a checkpoint of the run with ``identity``, whose network is made as ``network`` is.

    Raises:
        OtherRunError: the run had other settings or data; names the first difference.
        ModelError: damaged, or no checkpoint at all.
    """
    header = read_header(path)
    if header.metadata.get("kind") != _KIND:
        raise ModelError(f"{path}: not a checkpoint of a training", "the folder of a run that was begun")
    try:
        facts = from_plain(_Facts, json.loads(header.metadata["facts"]), "facts")
        digest = header.metadata["digest"]
    except (ValueError, KeyError, RecursionError, InputError) as error:
        raise ModelError(f"{path}: a damaged checkpoint: its facts cannot be read") from error
    if apart := list(differences(facts.identity, identity)):
        keys, was, now = min(apart)
        setting = "'s ".join(keys)
        raise OtherRunError(f"{path}: was begun with {setting} {was}, not {now}", "the same as then, or another `out`")
    check_fit(f"{path}: a damaged checkpoint", header, _expected(header, network))
    tensors = read_safetensors(path)
    if digest_of_tensors(tensors) != digest:
        raise ModelError(f"{path}: a damaged checkpoint: its tensors do not match their digest", "begin again")
    return Checkpoint(facts.identity, facts.history, tensors, facts.first_weights)


def _expected(header: SafetensorsHeader, network: nn.Module) -> dict[str, Tensor]:
    """The tensors that a checkpoint of ``network`` holds: its state, and what optimisers keep of its parameters.

    That is a tensor of the parameter's shape, or a single number; which of the two, the header is asked.
    """
    expected = {f"network/{name}": value for name, value in network.state_dict().items()}
    for name, parameter in network.named_parameters():
        for key in header.shapes:
            if key.startswith(f"optimiser/{name}/") and key.count("/") == 2:
                expected[key] = parameter if header.shapes[key] else torch.zeros(())
    return expected


def tensors_of(network: nn.Module, optimisers: list[torch.optim.Optimizer]) -> dict[str, Tensor]:
    """All tensors that the next step depends on, by name."""
    tensors = {f"network/{name}": value for name, value in network.state_dict().items()}
    for key, state in _states(network, optimisers):
        tensors |= {f"{key}/{name}": torch.as_tensor(value) for name, value in state.items()}
    return tensors


def restore(network: nn.Module, optimisers: list[torch.optim.Optimizer], tensors: Mapping[str, Tensor]) -> None:
    """Put :func:`tensors_of` back where they came from, in the same memory layout.

    The layout matters: a sum over another one adds in another order, and the bits would differ.
    """
    own = {name.removeprefix("network/"): v for name, v in tensors.items() if name.startswith("network/")}
    network.load_state_dict(own)
    parameters = dict(network.named_parameters())
    owners = {id(p): optimiser for optimiser in optimisers for group in optimiser.param_groups for p in group["params"]}
    for name, value in tensors.items():
        if name.startswith("optimiser/"):
            _, owner, entry = name.split("/")
            parameter = parameters[owner]
            like = value if value.shape != parameter.shape else torch.empty_like(parameter).copy_(value)
            owners[id(parameter)].state[parameter][entry] = like


def _states(network: nn.Module, optimisers: list[torch.optim.Optimizer]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"optimiser/{name}", optimiser.state[parameter])
        for name, parameter in network.named_parameters()
        for optimiser in optimisers
        if parameter in optimiser.state
    ]
