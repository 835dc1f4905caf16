"""Makes ``import torchvision`` and ``import timm`` work beside a CPU-only PyTorch, and quick.

The torchvision wheel of the package index is compiled against CUDA. Beside a CPU build of PyTorch its
compiled half does not load, the operators ``nms`` and ``qnms`` stay unregistered, and the import of its
pure-Python half (on which timm rests) fails. Declaring the two schemas lets that half load. Nothing is
declared where the compiled half is present.

Both libraries import PyTorch's compiler, two thirds of their own time, for one question and one decorator that nothing
here asks for. It is left out until one of them is called.

Import this module before timm or torchvision.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import torch


def _compiled_half_loads() -> bool:
    """Whether the extension of the installed torchvision registers its operators."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations:
        return False
    for library in Path(spec.submodule_search_locations[0]).glob("_C.*"):
        try:
            torch.ops.load_library(str(library))
        except OSError:
            continue
        return True
    return False


def _declare_operators() -> torch.library.Library:
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


# The declaration lives as long as the Library object does, hence the module-level name.
_DECLARED: torch.library.Library | None = None if _compiled_half_loads() else _declare_operators()


_COMPILER = ("torch._dynamo", "torch._dynamo.utils")


class _Compiler(ModuleType):
    """Stands for a module of the compiler while others are imported; whatever else is asked of it, it brings in."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(_real(self.__name__), name)

    @staticmethod
    def is_compile_supported(device_type: str) -> bool:
        """Ask the compiler."""
        return bool(_real("torch._dynamo.utils").is_compile_supported(device_type))

    @staticmethod
    def disable(function: Callable[..., Any], *options: Any, **named: Any) -> Callable[..., Any]:
        """``function`` as the compiler's own decorator gives it, made at the first call."""

        @functools.cache
        def decorated() -> Callable[..., Any]:
            made: Callable[..., Any] = _real("torch._dynamo").disable(function, *options, **named)
            return made

        @functools.wraps(function)
        def call(*arguments: Any, **keywords: Any) -> Any:
            return decorated()(*arguments, **keywords)

        return call


def _real(name: str) -> ModuleType:
    _remove_stand_ins()
    return importlib.import_module(name)


def _remove_stand_ins() -> None:
    for name in _COMPILER:
        if isinstance(sys.modules.get(name), _Compiler):
            del sys.modules[name]


@contextlib.contextmanager
def _without_compiler() -> Iterator[None]:
    if "torch._dynamo" in sys.modules:
        yield
        return
    sys.modules.update({name: _Compiler(name) for name in _COMPILER})
    try:
        yield
    finally:
        _remove_stand_ins()


def _import_timm() -> None:
    # A later version may need more of the compiler than its stand-in has.
    with contextlib.suppress(ImportError), _without_compiler():
        importlib.import_module("timm")


_import_timm()
