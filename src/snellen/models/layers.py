"""The layers of a network whose feature maps can be read, and hooks on them while the network runs.

A *layer* is one call of one module whose output has two spatial axes. Nobody has to guess names: :func:`find_layers`
runs the network once on a blank input and lists what it meets, with depth, shape and receptive field. :func:`hooked`
hands the output of chosen layers to a function, which may read it or replace it.
"""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from torch.utils.weak import WeakTensorKeyDictionary

from snellen.errors import InputError, did_you_mean
from snellen.models.frozen import frozen
from snellen.models.receptive_field import Bounds, ReceptiveFields, one_channel

Layout = Literal["NCHW", "NHWC", "tokens"]

# Class tokens, registers and the like: no network known here puts more before its patch tokens.
_MOST_PREFIX_TOKENS = 8
_ACTIVATION_MODULES = ("torch.nn.modules.activation", "timm.layers.activations", "timm.layers.activations_me")
_NOT_ACTIVATIONS = (nn.MultiheadAttention, nn.Softmax, nn.Softmax2d, nn.LogSoftmax, nn.Sigmoid, nn.Hardsigmoid)


@dataclass(frozen=True)
class MapShape:
    """How a module's output for one photograph holds a map.

    Attributes:
        layout: order of the output's axes; tokens are (N, prefix + H W, C).
        channels, height, width: size of the map.
        prefix: number of class tokens and registers before the patch tokens, which are not part of the map.
    """

    layout: Layout
    channels: int
    height: int
    width: int
    prefix: int = 0

    def map_of(self, output: Tensor) -> Tensor:
        """The map (N, C, H, W) in the module's ``output``: a view of it, so that writing to it writes through."""
        if self.layout == "NCHW":
            return output
        if self.layout == "NHWC":
            return output.permute(0, 3, 1, 2)
        grid: Tensor = output[:, self.prefix :].unflatten(1, (self.height, self.width))
        return grid.permute(0, 3, 1, 2)


Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class Layer:
    """A hook point: one call of one module, whose output holds a feature map.

    Attributes:
        name: the module's dotted name; ``#2`` after it where this is the module's second call.
        kind: the module's class.
        depth: share of the network's weighted layers (convolutions and linear ones) that have run by then, in [0, 1].
        shape: size of the map, and how the module's output holds it.
        activated: whether an activation function has just made the values.
        windowed: whether the last weighted layer before it was a convolution wider than 1 x 1.
        rows, columns: for each row and column of the map, the first and last input row and column that it can
            depend on.
        aliases: names of enclosing modules that return the same tensor.
    """

    name: str
    kind: str
    depth: float
    shape: MapShape
    activated: bool
    windowed: bool
    rows: Spans = field(repr=False)
    columns: Spans = field(repr=False)
    aliases: tuple[str, ...]

    @property
    def receptive_field(self) -> tuple[int, int]:
        """(height, width) in input pixels of what the unit in the middle can depend on; never more than the input."""
        left, top, right, bottom = self.box(self.shape.height // 2, self.shape.width // 2)
        return bottom - top, right - left

    def box(self, row: int, column: int) -> tuple[int, int, int, int]:
        """(left, top, right, bottom) of the input pixels that the unit at ``row``, ``column`` can depend on."""
        (top, bottom), (left, right) = self.rows[row], self.columns[column]
        return left, top, right + 1, bottom + 1


Hook = Callable[[Tensor], Tensor | None]
"""Gets a layer's output as the module made it; what it returns, unless None, takes the output's place."""


@contextlib.contextmanager
def hooked(network: nn.Module, hooks: Mapping[Layer, Hook]) -> Iterator[None]:
    """Hand the output of each layer to its hook while the block runs the network.

    What a hook keeps beyond its own call it has to copy: a later in-place operation may overwrite the output.
    """
    modules = dict(network.named_modules())
    by_module: dict[str, dict[int, Hook]] = {}
    for layer, hook in hooks.items():
        name, _, call = layer.name.partition("#")
        by_module.setdefault(name, {})[int(call or 1)] = hook
    with frozen(network):
        for name, by_call in by_module.items():
            modules[name].register_forward_hook(_nth_call(by_call))
        yield


def _nth_call(hooks: Mapping[int, Hook]) -> Callable[[nn.Module, Any, Tensor], Tensor | None]:
    calls = 0

    def hook(_module: nn.Module, _arguments: Any, output: Tensor) -> Tensor | None:
        nonlocal calls
        calls += 1
        chosen = hooks.get(calls)
        return None if chosen is None else chosen(output)

    return hook


def find_layer(layers: Sequence[Layer], name: str) -> Layer:
    """The layer called ``name``.

    Raises:
        InputError: no such layer; offers the nearest names.
    """
    for layer in layers:
        if name == layer.name or name in layer.aliases:
            return layer
    known = [known for layer in layers for known in (layer.name, *layer.aliases)]
    raise InputError(f"no layer named {name!r}", did_you_mean(name, known) or "`classifier.layers` lists the names")


def find_layers(network: nn.Module, inputs: Tensor) -> tuple[Layer, ...]:
    """Every layer of ``network``, in the order in which they run.

    Runs one forward pass, without gradients. What an outer module merely hands on counts once, under the name of
    the module that made it; a module that changes nothing (identity, dropout in evaluation mode) does not count.

    Args:
        network: in evaluation mode.
        inputs: (1, C, h, w), of which only the shape and the device matter.
    """
    handles: list[RemovableHandle] = []
    try:
        # Inference tensors keep no version, by which what is handed on is told from what is made in place.
        with torch.inference_mode(False), torch.no_grad():
            blank = torch.zeros_like(inputs)
            survey = _Survey(blank)
            for name, module in network.named_modules():
                handles.append(module.register_forward_pre_hook(survey.enter))
                handles.append(module.register_forward_hook(survey.leave(name)))
            with survey.fields:
                network(blank)
    finally:
        for handle in handles:
            handle.remove()
    return survey.layers()


class _Survey:
    """Notes each module call of one forward pass."""

    def __init__(self, inputs: Tensor) -> None:
        self.fields = ReceptiveFields(inputs)
        self._input = inputs.shape[2:]
        self._found: list[_Found] = []
        self._made = WeakTensorKeyDictionary()  # tensor -> (version, index of the layer that made it)
        self._received: list[list[tuple[Tensor, int]]] = []
        self._calls: Counter[str] = Counter()
        self._weighted = 0
        self._windowed = False

    def enter(self, _module: nn.Module, arguments: Any) -> None:
        self._received.append([(a, a._version) for a in arguments if isinstance(a, Tensor)])

    def leave(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, _arguments: Any, output: Any) -> None:
            self._calls[name] += 1
            if isinstance(module, nn.modules.conv._ConvNd | nn.Linear):
                self._weighted += 1
                self._windowed = max(getattr(module, "kernel_size", (1,))) > 1
            received = self._received.pop()
            if isinstance(output, Tensor) and not any(output is a and version == a._version for a, version in received):
                self._note(name, module, output)

        return hook

    def _note(self, name: str, module: nn.Module, output: Tensor) -> None:
        version, index = self._made.get(output, (None, 0))
        if version == output._version:
            self._found[index].aliases.append(name)
            return
        shape = None if isinstance(module, nn.Softmax) else self._shape(output)
        bounds = self.fields.bounds(output)
        if shape is None or bounds is None:
            return
        self._made[output] = (output._version, len(self._found))
        calls = self._calls[name]
        rows, columns = _spans(bounds, shape)
        self._found.append(
            _Found(
                name=name if calls == 1 else f"{name}#{calls}",
                kind=type(module).__name__,
                weighted=self._weighted,
                shape=shape,
                activated=type(module).__module__ in _ACTIVATION_MODULES and not isinstance(module, _NOT_ACTIVATIONS),
                windowed=self._windowed,
                rows=rows,
                columns=columns,
            )
        )

    def _shape(self, output: Tensor) -> MapShape | None:
        """How ``output`` holds a map of the input's proportions, if it does."""
        if output.shape[0] != 1 or not output.is_floating_point():
            return None
        if output.ndim == 4:
            _, first, second, third = output.shape
            if self._is_grid(second, third):
                return MapShape("NCHW", first, second, third)
            if self._is_grid(first, second):
                return MapShape("NHWC", third, first, second)
        if output.ndim == 3:
            # Tokens are laid out as a map that the network has shown before: that of its patch embedding.
            for grid in (found.shape for found in reversed(self._found)):
                prefix = output.shape[1] - grid.height * grid.width
                if 0 <= prefix <= _MOST_PREFIX_TOKENS:
                    return MapShape("tokens", output.shape[2], grid.height, grid.width, prefix)
            return None if self._found else self._grid_of_tokens(*output.shape[1:])
        return None

    def _grid_of_tokens(self, tokens: int, channels: int) -> MapShape | None:
        """The map of so many tokens, one of them a class token perhaps, in a network that has shown none: TNT's."""
        full_height, full_width = self._input
        for prefix in (0, 1):
            height = math.isqrt((tokens - prefix) * full_height // full_width)
            width = height * full_width // full_height
            if height * width == tokens - prefix and height * full_width == width * full_height and height > 1:
                return MapShape("tokens", channels, height, width, prefix)
        return None

    def _is_grid(self, height: int, width: int) -> bool:
        """Whether an input of this size shrinks to ``height`` x ``width``, give or take the rounding of one unit."""
        full_height, full_width = self._input
        proportional = abs(height * full_width - width * full_height) < max(full_height, full_width)
        return proportional and height > 1 and width > 1

    def layers(self) -> tuple[Layer, ...]:
        return tuple(found.layer(self._weighted) for found in self._found)


@dataclass
class _Found:
    """A layer before the network's whole depth, and all that hands its tensor on, are known."""

    name: str
    kind: str
    weighted: int
    shape: MapShape
    activated: bool
    windowed: bool
    rows: Spans
    columns: Spans
    aliases: list[str] = field(default_factory=list)

    def layer(self, weighted: int) -> Layer:
        return Layer(
            name=self.name,
            kind=self.kind,
            depth=self.weighted / max(weighted, 1),
            shape=self.shape,
            activated=self.activated,
            windowed=self.windowed,
            rows=self.rows,
            columns=self.columns,
            aliases=tuple(self.aliases),
        )


def _spans(bounds: Bounds, shape: MapShape) -> tuple[Spans, Spans]:
    """The first and last input row of each row of the map, and the same for the columns."""
    top, left, bottom, right = (one_channel(shape.map_of(side))[0, 0] for side in bounds)
    rows = zip(top.amin(1).tolist(), (-bottom.amin(1)).tolist(), strict=True)
    columns = zip(left.amin(0).tolist(), (-right.amin(0)).tolist(), strict=True)
    return _whole(rows), _whole(columns)


def _whole(spans: Iterable[tuple[float, float]]) -> Spans:
    # A row that depends on nothing but padding has no first and no last.
    return tuple((0, -1) if math.isinf(first) else (int(first), int(last)) for first, last in spans)
