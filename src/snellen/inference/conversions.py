"""Networks that OpenVINO has converted and compiled, kept on disk: both take seconds that reading does not.

One is found again by all that decides it: the weights and the preprocessing, the structure of the network, the versions
of the libraries whose code it is, and the kind of processor. A network that is somebody's own program is not kept:
nothing here would notice that the program changed. They lie in ``~/.cache/snellen/openvino``, or below
``SNELLEN_CACHE``.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import os
import sys
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from snellen.errors import SnellenError
from snellen.models.classifier import Classifier
from snellen.models.identity import LIBRARIES
from snellen.runs.files import write_bytes
from snellen.runs.ledger import is_regular
from snellen.runs.provenance import fingerprint

_FORMAT = 2
"""Of what is converted; another where our own code makes other features of a network."""
# A network of transformers keeps its settings in an object of its own, which is not looked at here.
_OWN = "snellen.models.networks", "snellen.models.ensemble", "snellen.models.flip_equivariant"
_MOST, _MOST_BYTES = 32, 4 << 30
_CHECKSUM_BYTES = 4

# To import OpenVINO reports that it was imported, from a process of its own, where this package can be imported.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]


def compiled(
    classifier: Classifier, options: Mapping[str, object], conversions: Mapping[str, Callable[[], Any]]
) -> list[Any]:
    """Outputs of a network compiled for this processor: as they are kept, else converted, compiled and kept.

    A kept one computes the same to the last bit, on as many threads as ``options`` say.

    Args:
        classifier: classifier whose outputs they compute.
        options: OpenVINO's, by name.
        conversions: for each output, by its name, what converts it.

    Raises:
        RuntimeError: OpenVINO cannot compile one.
    """
    import openvino

    core, key = openvino.Core(), _key(classifier)
    found = []
    for output, convert in conversions.items():
        path = None if key is None else _path(core, (key, output), options)
        kept = _kept(core, path, options)
        found.append(_made(core, path, options, convert) if kept is None else kept)
    return found


def _kept(core: Any, path: Path | None, options: Mapping[str, object]) -> Any:
    """The compiled network that was kept; None where none was, or it is damaged or of another version."""
    if path is None:
        return None
    with contextlib.suppress(RuntimeError, OSError):
        kept = core.import_model(io.BytesIO(_read(path)), "CPU", options)
        path.touch()
        return kept
    return None


def _made(core: Any, path: Path | None, options: Mapping[str, object], convert: Callable[[], Any]) -> Any:
    """The network converted and compiled now, and kept where there is a place for it."""
    made = core.compile_model(convert(), "CPU", options)
    if path is not None:
        # A full disk, or one that cannot be written, costs only the next start its seconds.
        with contextlib.suppress(RuntimeError, OSError, SnellenError):
            _keep(made.export_model().getvalue(), path)
    return made


def _path(core: Any, of: tuple[str, str], options: Mapping[str, object]) -> Path:
    """Where an output of a network, ``of`` its key and its name, is kept, by all that decides it."""
    processor = [core.get_property("CPU", name) for name in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")]
    # PyTorch tells which vector instructions there are; how many threads share the work decides nothing.
    processor.append(torch.backends.cpu.get_cpu_capability())
    decides = {name: value for name, value in options.items() if name != "INFERENCE_NUM_THREADS"}
    return _folder() / f"{fingerprint(repr((*of, decides, processor)))}.blob"


def _key(classifier: Classifier) -> str | None:
    """A fingerprint of the network and of the libraries whose code it is; None where its code may change unnoticed."""
    for module in classifier.network.modules():
        home = type(module).__module__
        if home.partition(".")[0] not in LIBRARIES and home not in _OWN:
            return None
        if module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module):
            return None
    return fingerprint(repr((_FORMAT, classifier.cache_key(), _versions())))


def _versions() -> list[str]:
    found = []
    for library in ("openvino", "snellen", *LIBRARIES):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found.append(f"{library} {importlib.metadata.version(library)}")
    return found


def _folder() -> Path:
    cache = os.environ.get("SNELLEN_CACHE")
    return (Path(cache) if cache else Path.home() / ".cache" / "snellen") / "openvino"


def _read(path: Path) -> bytes:
    """The compiled network that was kept.

    Raises:
        OSError: none was, or it is damaged: what OpenVINO would not always notice.
    """
    content = path.read_bytes()
    blob = content[_CHECKSUM_BYTES:]
    if content[:_CHECKSUM_BYTES] != _checksum(blob):
        raise OSError(f"{path}: damaged")
    return blob


def _checksum(blob: bytes) -> bytes:
    return zlib.crc32(blob).to_bytes(_CHECKSUM_BYTES, "big")


def _keep(blob: bytes, path: Path) -> None:
    """Write a compiled network behind its checksum; forget the longest unused."""
    write_bytes(path, _checksum(blob) + blob)
    ours = filter(is_regular, path.parent.glob("*.blob"))
    kept, total = sorted(ours, key=lambda one: -one.stat().st_mtime), 0
    for number, one in enumerate(kept):
        total += one.stat().st_size
        if number >= _MOST or total > _MOST_BYTES:
            one.unlink()
