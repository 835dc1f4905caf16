"""Networks whose every parameter is about to be replaced by a file's are made without drawing them first."""

from typing import Any

from torch import Tensor
from torch.nn import init
from torch.overrides import TorchFunctionMode

# PyTorch asks a mode about these functions, and about methods of tensors that others call.
_DRAWING = {init.uniform_, init.normal_, init.kaiming_uniform_}
_RANDOM = {Tensor.uniform_, Tensor.normal_, Tensor.erfinv_}
_IN_PLACE = _RANDOM | {Tensor.mul_, Tensor.add_, Tensor.clamp_, Tensor.fill_, Tensor.zero_, Tensor.copy_}


class Uninitialised(TorchFunctionMode):
    """A context in which nothing is drawn, and on the meta device nothing filled.

    What layers draw at first is most of the time it takes to make a network, and is lost as soon as a file's tensors
    are loaded into it. On the meta device a tensor has no values, and PyTorch computes their absence in Python.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """What ``func`` gives, or its tensor as it is."""
        kwargs = kwargs or {}
        if func in _DRAWING:
            return kwargs["tensor"]
        if func in _RANDOM or (func in _IN_PLACE and args[0].is_meta):
            return args[0]
        return func(*args, **kwargs)
