"""Safetensors files from anywhere: header against file, shapes against the network, then the numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from snellen.errors import ModelError


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
        if header.dtypes[key] not in (_FRACTIONS if tensor.is_floating_point() else _WHOLE):
            raise ModelError(f"{what}: {key} is of type {header.dtypes[key]}, expected {tensor.dtype}")


_FRACTIONS = ("F64", "F32", "F16", "BF16")
_LONGEST_HEADER = 16 << 20
_WHOLE = ("I64", "I32", "I16", "I8", "U8", "BOOL")


def read_header(path: Path) -> SafetensorsHeader:
    """Read the header of a safetensors file; no tensor is allocated.

    The library checks it against itself and the file: shapes against bytes, no gap, no overlap, the file's end.

    Raises:
        ModelError: no file, or one that is not sound.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    try:
        with path.open("rb") as start:
            if int.from_bytes(start.read(8), "little") > _LONGEST_HEADER:
                raise _unsound(path, ValueError("header too large: more than 16 MiB"))
        with safe_open(path, framework="numpy") as file:
            slices = {key: file.get_slice(key) for key in file.keys()}  # noqa: SIM118  # it is no mapping
            shapes = {key: tuple(one.get_shape()) for key, one in slices.items()}
            return SafetensorsHeader(shapes, {k: one.get_dtype() for k, one in slices.items()}, file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise _unsound(path, error) from error


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file, every number of them finite; a tensor of no dimension may hold an infinity.

    Such a one is a bound for clipping, of which an infinite one clips nothing.

    They are allocated: look at the header first, see :func:`check_fit`.

    Raises:
        ModelError: as :func:`read_header`, or NaN and infinities.
    """
    from safetensors.torch import load_file

    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (SafetensorError, RuntimeError, OSError, KeyError) as error:
        raise _unsound(path, error) from error
    floats = {key: value for key, value in tensors.items() if value.is_floating_point()}
    broken = [key for key, value in floats.items() if not (value.isfinite() | value.isinf() & (value.dim() == 0)).all()]
    if broken:
        raise ModelError(f"{path}: {broken[0]} holds NaN or infinite weights")
    return tensors


def _unsound(path: Path, error: Exception) -> ModelError:
    return ModelError(f"{path}: not a sound safetensors file: {' '.join(str(error).split())[:300]}")


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
