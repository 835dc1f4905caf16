"""Networks that OpenVINO has converted, kept on disk: converting takes seconds that reading does not.

A conversion is found again by all that decides it: the weights and the preprocessing, the structure of the network, and
the versions of the libraries whose code it is. A network that is somebody's own program is not kept: nothing here would
notice that the program changed. They lie in ``~/.cache/snellen/openvino``, or below ``SNELLEN_CACHE``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from snellen.models.classifier import Classifier
from snellen.runs.provenance import fingerprint

_FORMAT = 1
"""Of what is converted; another where our own code makes other features of a network."""
# A network of transformers keeps its settings in an object of its own, which is not looked at here.
_LIBRARIES = ("torch", "timm", "torchvision")
_OWN = "snellen.models.networks", "snellen.models.ensemble", "snellen.models.flip_equivariant"
_MOST, _MOST_BYTES = 16, 4 << 30

# To import OpenVINO reports that it was imported, from a process of its own, where this package can be imported.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]


def converted(classifier: Classifier, output: str, convert: Callable[[], Any]) -> Any:
    """The converted network, read where it is kept, else converted, and kept where that is safe.

    Args:
        classifier: classifier whose output it computes.
        output: which output that is.
        convert: converts it.
    """
    import openvino

    key = _key(classifier, output)
    if key is None:
        return convert()
    path = _folder() / f"{key}.xml"
    if path.is_file():
        # What a crash or another version left unreadable is made again.
        with contextlib.suppress(RuntimeError, OSError):
            model = openvino.Core().read_model(path)
            path.touch()
            return model
    model = convert()
    # A full disk, or one that cannot be written, costs only the next start its seconds.
    with contextlib.suppress(RuntimeError, OSError):
        _keep(model, path)
        # To the last bit what the next start will compute with.
        return openvino.Core().read_model(path)
    return model


def _key(classifier: Classifier, output: str) -> str | None:
    """A fingerprint of all that decides a conversion; None where the network's code may change unnoticed."""
    for module in classifier.network.modules():
        home = type(module).__module__
        if home.partition(".")[0] not in _LIBRARIES and home not in _OWN:
            return None
        if module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module):
            return None
    return fingerprint(repr((_FORMAT, output, classifier.cache_key(), _structure(classifier.network), _versions())))


def _structure(network: nn.Module) -> str:
    """The modules with their settings, those that a printed network does not show too."""
    return "\n".join(
        f"{name} {type(module).__qualname__} {module.extra_repr()} {_settings(module)}"
        for name, module in network.named_modules()
    )


def _settings(module: nn.Module) -> list[tuple[str, str]]:
    plain = (bool, int, float, str, tuple, type(None))
    settings = []
    for key, value in sorted(vars(module).items()):
        if callable(value) and hasattr(value, "__qualname__"):
            settings.append((key, f"{value.__module__}.{value.__qualname__}"))
        elif key != "training" and (isinstance(value, plain) or dataclasses.is_dataclass(value)):
            settings.append((key, repr(value)))
    return settings


def _versions() -> list[str]:
    found = []
    for library in ("openvino", "snellen", *_LIBRARIES):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found.append(f"{library} {importlib.metadata.version(library)}")
    return found


def _folder() -> Path:
    cache = os.environ.get("SNELLEN_CACHE")
    return (Path(cache) if cache else Path.home() / ".cache" / "snellen") / "openvino"


def _keep(model: Any, path: Path) -> None:
    """Write both files of a converted network, the one that is looked for last; forget the longest unused."""
    import openvino

    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".unfinished-") as folder:
        openvino.save_model(model, Path(folder) / path.name, compress_to_fp16=False)
        for one in (path.with_suffix(".bin"), path):
            (Path(folder) / one.name).replace(one)
    kept, total = sorted(path.parent.glob("*.xml"), key=lambda one: -one.stat().st_mtime), 0
    for number, one in enumerate(kept):
        total += one.with_suffix(".bin").stat().st_size
        if number >= _MOST or total > _MOST_BYTES:
            one.unlink()
            one.with_suffix(".bin").unlink()
