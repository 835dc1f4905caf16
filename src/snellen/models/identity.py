"""What makes a network answer as it does, beside its weights: its modules' settings, and whose code they run."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from torch import nn

LIBRARIES = ("torch", "timm", "torchvision")
"""Packages whose code is told by their version."""
_OWN = __name__.partition(".")[0]
_INSTALLED = tuple(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib"))


def structure_of(network: nn.Module) -> str:
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


def code_of(network: nn.Module) -> str:
    """SHA-256 of the code that is nobody's library's: of the program that defines a module, and what it imports of its
    author's; of what was typed in, and of hooks, the compiled functions. Empty where all is of :data:`LIBRARIES`.
    """
    files: set[Path] = set()
    typed: list[bytes] = []
    for module in network.modules():
        hooks = [*module._forward_hooks.values(), *module._forward_pre_hooks.values(), vars(module).get("forward")]
        typed += [_compiled(hook.__code__) for hook in hooks if isinstance(hook, FunctionType)]
    for kind in {type(module): None for module in network.modules()}:
        if kind.__module__.partition(".")[0] in (*LIBRARIES, _OWN):
            continue
        functions = [value for value in vars(kind).values() if isinstance(value, FunctionType)]
        found = set(_files(functions))
        files |= found
        typed += [] if found else [_compiled(function.__code__) for function in functions]
    if not files and not typed:
        return ""
    digest = hashlib.sha256()
    for content in (*(file.read_bytes() for file in sorted(files)), *typed):
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def _files(functions: list[FunctionType]) -> Iterator[Path]:
    """The files of some functions, and of what these import, as far as that is not installed."""
    seen: set[int] = set()
    left: list[Mapping[str, Any]] = [function.__globals__ for function in functions]
    while left:
        names = left.pop()
        place, home = names.get("__file__"), str(names.get("__name__", "")).partition(".")[0]
        if id(names) in seen or place is None or home in (*LIBRARIES, _OWN) or not Path(place).is_file():
            continue
        seen.add(id(names))
        yield Path(place).resolve()
        if any(Path(place).resolve().is_relative_to(folder) for folder in _INSTALLED):
            continue
        for value in names.values():
            if isinstance(value, ModuleType):
                left.append(vars(value))
            elif isinstance(value, FunctionType):
                left.append(value.__globals__)
            elif inspect.isclass(value):
                left += [one.__globals__ for one in vars(value).values() if isinstance(one, FunctionType)]


def _compiled(code: CodeType) -> bytes:
    """What a function does, without where it stands."""
    inner = [_compiled(one).hex() if isinstance(one, CodeType) else repr(one) for one in code.co_consts]
    return repr((code.co_code, inner, code.co_names, code.co_varnames)).encode()
