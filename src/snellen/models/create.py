"""Untrained networks by architecture: Snellen's own three, timm's, torchvision's, or a program of the user's."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

import snellen._torchvision  # noqa: F401  # before timm
from snellen.errors import InputError, ModelError, did_you_mean, shown
from snellen.models.networks import OWN

import timm  # isort: skip
import torchvision  # isort: skip

TORCHVISION = "torchvision:"
"""What may stand before a name of torchvision's, and has to where timm has the same name."""

Maker = Callable[[int], nn.Module]
"""Makes an untrained network with so many logits."""

_FUNCTION = "network"
_DOTTED = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def is_program(architecture: str) -> bool:
    """Whether ``architecture`` names a program, which is run: ``net.py``, ``net.py:function``, ``module:function``."""
    return _file_and_function(architecture) is not None or (
        not architecture.startswith(TORCHVISION) and _DOTTED.fullmatch(architecture) is not None
    )


def program_file(architecture: str) -> Path | None:
    """The Python file that ``architecture`` names; None where it names something else."""
    found = _file_and_function(architecture)
    return None if found is None else found[0]


def torchvision_name(architecture: str) -> str | None:
    """What torchvision calls an architecture of its own; None where the architecture is another's."""
    name = architecture.removeprefix(TORCHVISION)
    if name in torchvision.models.list_models(module=torchvision.models):
        return name if architecture.startswith(TORCHVISION) or not timm.is_model(name) else None
    return None


def create(architecture: str, classes: int, options: Mapping[str, Any] | None = None) -> nn.Module:
    """An untrained network with ``classes`` logits; see :func:`maker`."""
    return maker(architecture, options)(classes)


def maker(architecture: str, options: Mapping[str, Any] | None = None) -> Maker:
    """What makes untrained networks of an architecture.

    Args:
        architecture: ``plain``, ``batchnorm``, ``deep``; a timm or torchvision architecture (``torchvision:vgg16``);
            or a program, which is run: ``net.py``, for its function ``network``, ``net.py:function``, or
            ``package.module:function``. The function, or class, gets the number of logits as ``classes`` or
            ``num_classes`` (also where it takes any keyword), or as its one argument; without such an argument it is
            called as it is.
        options: keyword arguments of Snellen's own networks, or of a program's function.

    Raises:
        ModelError: no such architecture, or one that does not take these arguments; also when it makes a network.
    """
    options = dict(options or {})
    if is_program(architecture):
        return _maker_of_program(architecture, options)
    if architecture in OWN:
        return lambda classes: made(architecture, lambda: OWN[architecture](classes, **options))
    known = timm.is_model(architecture.partition(".")[0])
    theirs = torchvision_name(architecture)
    if not known and theirs is None:
        raise ModelError(f"no architecture named {shown(architecture)}", _hint(architecture))
    if options:
        raise ModelError(f"{architecture}: takes no options here", f"they are for {', '.join(OWN)} and programs")
    if theirs is not None:
        return lambda classes: made(architecture, lambda: torchvision_network(theirs, num_classes=classes))
    return lambda classes: made(architecture, lambda: timm.create_model(architecture, num_classes=classes))


def torchvision_network(name: str, **arguments: Any) -> nn.Module:
    """The network of that name in torchvision, untrained, without the auxiliary classifiers for training."""
    if name in ("googlenet", "inception_v3"):
        arguments = {"aux_logits": False, "init_weights": False} | arguments
    network: nn.Module = torchvision.models.get_model(name, weights=None, **arguments)
    return network


def _hint(architecture: str) -> str:
    known = [*OWN, *timm.list_models(), *torchvision.models.list_models(module=torchvision.models)]
    accepted = f"{', '.join(OWN)}, a name of timm's or torchvision's, a .py file, or module:function"
    return did_you_mean(architecture, known) or accepted


def made(architecture: str, make: Callable[[], Any], refused: tuple[type[Exception], ...] = ()) -> nn.Module:
    """The network that ``make`` makes; ``refused`` are further errors that it may raise.

    Raises:
        ModelError: it raises one of them, or makes something else than a network.
    """
    expected: tuple[type[Exception], ...]
    expected = (TypeError, ValueError, RuntimeError, OverflowError, AssertionError, InputError, *refused)
    try:
        network = make()
    except expected as error:
        raise ModelError(f"{architecture}: cannot be made: {' '.join(str(error).split())[:300]}") from error
    if not isinstance(network, nn.Module):
        raise ModelError(f"{architecture}: made {type(network).__name__}", "a torch.nn.Module")
    return network


def _file_and_function(architecture: str) -> tuple[Path, str] | None:
    file, _, function = architecture.partition(".py:")
    if function:
        return Path(f"{file}.py"), function
    return (Path(architecture), _FUNCTION) if architecture.endswith(".py") else None


def _maker_of_program(architecture: str, options: Mapping[str, Any]) -> Maker:
    """Runs the program; what it is asked to make, it makes with its neighbours at hand."""
    found = _file_and_function(architecture)
    if found is not None:
        path, name = found
        folder, module = path.parent, _module_of(path)
    else:
        dotted, _, name = architecture.partition(":")
        folder, module = Path(), _imported(dotted)
    function: Any = module
    for part in name.split("."):
        function = getattr(function, part, None)
    if not callable(function):
        accepted = "one that returns a torch.nn.Module"
        raise ModelError(f"{found[0] if found else architecture}: has no function {name}(classes)", accepted)

    def make(classes: int) -> nn.Module:
        with _neighbours(folder):
            given, named = _arguments(function, classes)
            return made(architecture, lambda: function(*given, **(named | dict(options))), (Exception,))

    return make


def _arguments(function: Callable[..., Any], classes: int) -> tuple[tuple[int, ...], dict[str, int]]:
    """How a function wants the number of classes: by position, by name, or not at all."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # of what is written in C
        return (classes,), {}
    for name in ("classes", "num_classes"):
        if name in parameters and parameters[name].kind is not inspect.Parameter.POSITIONAL_ONLY:
            return (), {name: classes}
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values()):
        # As timm's and torchvision's functions, which hand it on.
        return (), {"num_classes": classes}
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    required = [one for one in parameters.values() if one.default is one.empty and one.kind in kinds]
    return ((classes,) if required else ()), {}


def _module_of(path: Path) -> ModuleType:
    if not path.is_file():
        raise ModelError(f"{path}: no such file", f"a Python file with a function {_FUNCTION}(classes)")
    spec = importlib.util.spec_from_file_location(f"snellen_network_{path.stem}", path)
    assert spec is not None  # the name ends in .py
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and the like look their module up by its name.
    sys.modules[spec.name] = module
    try:
        with _neighbours(path.parent):
            spec.loader.exec_module(module)
    except Exception as error:
        # The file is the user's own program; whatever it raises is named.
        raise ModelError(f"{path}: {type(error).__name__}: {error}") from error
    return module


def _imported(dotted: str) -> ModuleType:
    try:
        with _neighbours(Path()):
            return importlib.import_module(dotted)
    except Exception as error:
        raise ModelError(f"{dotted}: cannot be imported: {type(error).__name__}: {error}", "module:function") from error


@contextlib.contextmanager
def _neighbours(folder: Path) -> Iterator[None]:
    """Let a program import the modules beside it, behind what is installed, and forget them afterwards.

    Else the next program would get this one's neighbours, where they bear the same names.
    """
    place, before = str(folder.resolve()), set(sys.modules)
    sys.path.append(place)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(place)
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None)
            if file is not None and Path(file).is_relative_to(place):
                del sys.modules[name]
