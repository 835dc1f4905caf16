"""The one guard that leaves a network as it was found."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from weakref import WeakKeyDictionary

from torch import nn

_HOOKS = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_backward_hooks",
    "_backward_pre_hooks",
)
_LOCKS: WeakKeyDictionary[nn.Module, threading.RLock] = WeakKeyDictionary()


@contextlib.contextmanager
def frozen(network: nn.Module) -> Iterator[nn.Module]:
    """The network in evaluation mode with frozen parameters; its state is as found afterwards.

    Restores every module's mode, every parameter's gradient flag and every hook, also after an exception. One
    thread at a time holds a network; it may hold it several times over.
    """
    with _LOCKS.setdefault(network, threading.RLock()):
        yield from _freeze_and_restore(network)


def _freeze_and_restore(network: nn.Module) -> Iterator[nn.Module]:
    modules = list(network.modules())
    modes = [(module, module.training) for module in modules]
    parameters = [parameter for module in modules for parameter in module._parameters.values() if parameter is not None]
    flags = [(parameter, parameter.requires_grad) for parameter in parameters]
    # Most tables are empty: to ask all of them is cheap, to copy them is not.
    tables = [vars(module)[kind] for module in modules for kind in _HOOKS]
    hooks = {id(table): table.copy() for table in tables if table}
    try:
        for module, training in modes:
            if training:
                module.training = False
        for parameter, requires_grad in flags:
            if requires_grad:
                parameter.requires_grad_(False)
        yield network
    finally:
        for module, training in modes:
            if module.training != training:
                module.training = training
        for parameter, requires_grad in flags:
            if parameter.requires_grad != requires_grad:
                parameter.requires_grad_(requires_grad)
        for table in tables:
            found = hooks.get(id(table), {})
            if table != found:
                table.clear()
                table.update(found)
