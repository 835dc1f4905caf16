"""Safetensors files from anywhere: header against file, shapes against the network, then the numbers."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from snellen.errors import ModelError

_LONGEST_HEADER = 16 << 20


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


def read_header(path: Path) -> SafetensorsHeader:
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
            if length > min(size - 8, _LONGEST_HEADER):
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
        ModelError: as :func:`read_header`, or NaN and infinities.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    read_header(path)
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


def digest_of_tensors(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256, hexadecimal, of tensors: their names, types, shapes and bytes, whatever their order."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
