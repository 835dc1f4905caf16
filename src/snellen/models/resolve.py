"""From a name to a network with its trained weights, or an error; never to random weights.

A name is a bundled model, a timm model, ``hf-hub:owner/name``, a local ``.safetensors`` file, or the folder
of a training run. Weights come from safetensors. The one exception are the bundled packages, whose ``.pth``
is read with ``torch.load(weights_only=True)``, which runs no code, after its digest is checked.
"""

from __future__ import annotations

from pathlib import Path

from snellen.data.hub import HubUnreachableError
from snellen.errors import ModelError
from snellen.models.bundled import BUNDLED, from_package
from snellen.models.listing import offline_models
from snellen.models.local_file import from_file
from snellen.models.pretrained import Pretrained
from snellen.models.timm_hub import from_hub, from_timm

DEFAULT_MODEL = "tf_efficientnet_lite0"
MODEL_FILE = "model.safetensors"
"""The weights in a folder that ``snellen train`` made."""

_PICKLES = (".pth", ".pt", ".bin", ".pkl", ".ckpt", ".tar")


def resolve(name: str, architecture: str | None = None) -> Pretrained:
    """The trained network that ``name`` stands for.

    Args:
        name: a bundled model, a timm name with or without its pretrained tag, ``hf-hub:owner/name``,
            the path of a ``.safetensors`` file, or the folder of a training run.
        architecture: the architecture of a ``.safetensors`` file, as :func:`snellen.models.create.create` takes it;
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
        return from_file(Path(name), architecture)
    if (Path(name) / MODEL_FILE).is_file():
        return from_file(Path(name) / MODEL_FILE, architecture)
    if architecture is not None:
        raise ModelError(f"{name}: an architecture was given", "only a .safetensors file needs one")
    if name in BUNDLED:
        return from_package(name)
    try:
        return from_hub(name) if name.startswith("hf-hub:") else from_timm(name)
    except HubUnreachableError as error:
        raise ModelError(error.message, f"offline works: {', '.join(offline_models())}") from error
