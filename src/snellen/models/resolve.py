"""From a name to a network with its trained weights, or an error; never to random weights.

A name is a bundled model, a timm or torchvision model, a repository of the hub, a local ``.safetensors`` file, or a
folder: of a training run, or such as timm and transformers save. Weights come from safetensors. The exceptions are
pickles from known publishers, the bundled packages' and torchvision's ``.pth``: they are read with
``torch.load(weights_only=True)``, which runs no code, after their published digest is checked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from snellen.data.hub import HubUnreachableError
from snellen.errors import InputError, ModelError
from snellen.models.bundled import BUNDLED, from_package
from snellen.models.listing import offline_models
from snellen.models.local_file import from_file
from snellen.models.pretrained import Found, LoadOptions, Pretrained, complete
from snellen.models.repository import CONFIG, HubRepository, LocalRepository, Repository, read_repository_config
from snellen.models.timm_hub import from_timm, from_timm_repository
from snellen.models.torchvision_hub import from_torchvision, is_torchvision
from snellen.models.transformers_hub import from_transformers, is_transformers_config
from snellen.runs.text import check_no_address, exists

import timm  # isort: skip

DEFAULT_MODEL = "tf_efficientnet_lite0"
MODEL_FILE = "model.safetensors"
"""The weights in a folder that ``snellen train`` made."""
PROBE_FILE = "probe.json"
"""What tells the folder of a probe, which :func:`snellen.load_probe` loads."""

BUNDLED_PREFIX = "bundled:"
"""Before a bundled model's name: whatever file or folder is called so, the package's weights are meant."""

_PICKLES = (".pth", ".pt", ".bin", ".pkl", ".ckpt", ".tar")
_REFUSED: Mapping[tuple[str, ...], tuple[str, str]] = {
    _PICKLES: (
        "a pickle can run code when it is opened, so it is refused",
        "convert it where you trust it, from the network with its weights loaded: "
        "safetensors.torch.save_model(network, 'model.safetensors')",
    ),
    (".torchscript", ".jit", ".pt2"): (
        "an exported program is not taken: its layers cannot be looked into",
        "from the network that it was exported from: safetensors.torch.save_model(network, 'model.safetensors')",
    ),
    (".onnx", ".tflite", ".engine", ".xml", ".mlmodel", ".mlpackage", ".pb", ".h5", ".keras"): (
        "a network for other programs is not taken: attacks need gradients, and feature maps its layers, in PyTorch",
        "from the network in PyTorch that it was exported from: "
        "safetensors.torch.save_model(network, 'model.safetensors')",
    ),
}
"""Endings of what is no model here, why, and the way from it to one."""
_HUB = ("hf-hub:", "hf_hub:")
_OWNER_AND_NAME = re.compile(r"[\w-][\w.-]*/[\w.-]+")


def resolve(name: str, options: LoadOptions | None = None) -> Pretrained:
    """The trained network that ``name`` stands for.

    Args:
        name: a bundled model, ``bundled:`` before it where a file or folder may have that name; a timm name with or
            without its pretrained tag, or ``timm/`` before it; a torchvision name with or without its weights' name,
            ``torchvision:`` before it where timm has that name too; ``hf-hub:owner/name`` or ``owner/name``; the path
            of a ``.safetensors`` file, of the folder of a training run, or of a folder that timm or transformers saved.
        options: what the caller says of it beyond its name. A weights file needs an architecture where its metadata
            name none, or name a program: a program is run only where the caller names it.

    Raises:
        ModelError: an unknown name (with the nearest ones), a file or folder that is no model, weights that are not
            here and cannot be fetched, a pickle of nobody known, weights that do not fit the architecture, or
            something that has to be said of it and is not.
    """
    options = options or LoadOptions()
    if name.startswith(BUNDLED_PREFIX):
        return _from_package(name.removeprefix(BUNDLED_PREFIX), options)
    try:
        return complete(name, _find(name, options), options)
    except ModelError:
        raise
    except InputError as error:
        where = "" if error.message.startswith(name) else f"{name}: "
        raise ModelError(f"{where}{error.message}", error.hint) from error


def _from_package(name: str, options: LoadOptions) -> Pretrained:
    if name not in BUNDLED:
        raise ModelError(f"{name}: no bundled model", ", ".join(BUNDLED))
    if options.architecture is not None:
        raise _not_needed(name)
    return complete(name, from_package(name), options)


def named_on_the_hub(name: str) -> bool:
    """Whether ``name`` is a repository of somebody's on the hub, and nothing that lies on this machine."""
    return name.startswith(_HUB) or (_OWNER_AND_NAME.fullmatch(name) is not None and not exists(Path(name)))


def _find(name: str, options: LoadOptions) -> Found:
    check_no_address(name, ModelError, "save its weights as a file, and give that; of the hub, hf-hub:owner/name")
    for endings, (reason, way) in _REFUSED.items():
        if name.lower().endswith(endings):
            raise ModelError(f"{name}: {reason}", f"{way}; then model.safetensors with its `architecture`")
    if name.lower().endswith(".safetensors"):
        return from_file(Path(name), options)
    folder = Path(name)
    if exists(folder) and not (folder / CONFIG).is_file() and (folder / MODEL_FILE).is_file():
        return from_file(folder / MODEL_FILE, options)
    published = name in BUNDLED or is_torchvision(name) or timm.is_model(name.partition(".")[0])
    if name and exists(folder) and not published and not (folder / CONFIG).is_file():
        raise _no_model(folder)
    if options.architecture is not None:
        raise _not_needed(name)
    if exists(folder) and (folder / CONFIG).is_file():
        return _from_repository(name, LocalRepository(folder), options)
    if name in BUNDLED:
        return from_package(name)
    try:
        return _from_publisher(name, options)
    except HubUnreachableError as error:
        missing = f"{name}: no such folder, and the hub cannot be reached" if _is_bare(name) else error.message
        raise ModelError(missing, f"offline works: {', '.join(offline_models())}") from error


def _no_model(path: Path) -> ModelError:
    """What is at a path that a model's name stands for, where that is no model."""
    if not path.is_dir():
        return ModelError(f"{path}: no .safetensors file", "weights that end so, or the folder of a run")
    if (path / PROBE_FILE).is_file():
        return ModelError(f"{path}: holds a probe, no network", "give it as `probe`; in Python, snellen.load_probe")
    missing = f"{path}: a folder without {CONFIG} and {MODEL_FILE}"
    return ModelError(missing, "one of a training run, or one that timm or transformers saved; hf-hub:owner/name")


def _not_needed(name: str) -> ModelError:
    return ModelError(f"{name}: an architecture was given", "only a .safetensors file needs one")


def _from_publisher(name: str, options: LoadOptions) -> Found:
    repository = next((name.removeprefix(prefix) for prefix in _HUB if name.startswith(prefix)), None)
    if repository is None and _is_bare(name):
        repository = name
    if repository is not None:
        theirs = repository.removeprefix("timm/")
        if repository.startswith("timm/") and timm.is_model(theirs.partition(".")[0]):
            return from_timm(theirs, train_size=options.train_size)
        return _from_repository(name, HubRepository(name, repository), options)
    return from_torchvision(name) if is_torchvision(name) else from_timm(name, train_size=options.train_size)


def _from_repository(name: str, repository: Repository, options: LoadOptions) -> Found:
    plain = read_repository_config(name, repository)
    if is_transformers_config(plain):
        return from_transformers(name, repository, plain)
    if "architecture" not in plain:
        raise ModelError(f"{name}: its {CONFIG} is not timm's", "a repository saved by timm or transformers")
    return from_timm_repository(name, repository, plain, train_size=options.train_size)


def _is_bare(name: str) -> bool:
    """Whether a name is ``owner/name`` without a word that it is the hub's."""
    return _OWNER_AND_NAME.fullmatch(name) is not None
