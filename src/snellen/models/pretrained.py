"""A network with its trained weights and all that is known of it, however it was found."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from snellen.data.labels import IMAGENET, NUMBERED, Labels, numbered_labels
from snellen.data.preprocessing import Preprocessing, PreprocessingConfig
from snellen.errors import InputError, ModelError
from snellen.models.create import Maker
from snellen.models.safetensors import SafetensorsHeader, check_fit, read_header, read_safetensors
from snellen.models.uninitialised import Uninitialised

_WHICH_LABELS = f"give `labels`: a file with a line for each, or a JSON list, or {IMAGENET}, or {NUMBERED}"
_TWO_LOGITS = "of a sigmoid's logit z make two in the network: torch.cat([torch.zeros_like(z), z], 1)"
_ONE_CHANNEL = "a network that averages the three first: x.mean(1, keepdim=True)"
_ASSUMED_CLASSES = 1000
_PREFIXES = ("state_dict.", "module.", "model.", "_orig_mod.", "ema.", "model_ema.", "network.")
"""What wrappers put before the names of the tensors that they hold."""
_NO_VALUES = (
    "Cannot copy out of meta tensor",
    "Tensor.item() cannot be called on meta tensors",
    "can't convert meta device type tensor to numpy",
)
"""How PyTorch begins to say that a tensor on the meta device has no values."""


@dataclass(frozen=True)
class LoadOptions:
    """What the caller says of a model beyond its name; it goes before what the model says of itself.

    Attributes:
        architecture: architecture of a weights file, as :func:`snellen.models.create.maker` takes it.
        labels: names of the classes; ``numbered`` numbers them; None leaves them to the model.
        preprocessing: preprocessing, as far as it is given.
        train_size: whether to take the size and crop that a timm model was trained with, where those that its
            published accuracy was measured with are others.
    """

    architecture: str | None = None
    labels: Labels | str | None = None
    preprocessing: PreprocessingConfig = field(default_factory=PreprocessingConfig)
    train_size: bool = False


@dataclass(frozen=True, eq=False)
class Found:
    """A network with its trained weights, and what is said of it where it was found.

    Attributes:
        network: on the CPU.
        classes: number of its logits; None where a pass through it has to say it.
        labels: names of its classes; None where nothing says them.
        preprocessing: as far as it is said.
        digest: SHA-256 of the weights file, hexadecimal.
        source: where the weights came from, for a report.
        notes: a sentence for each thing that was assumed or changed.
    """

    network: nn.Module
    classes: int | None
    labels: Labels | None
    preprocessing: PreprocessingConfig
    digest: str
    source: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Pretrained:
    """A trained network and all that is known of it.

    Attributes:
        name: what it was asked for by.
        network: in evaluation mode, on the CPU, its parameters frozen.
        preprocessing: as the caller says, else as its own configuration does.
        labels: one name for each logit.
        digest: SHA-256 of the weights file, hexadecimal.
        source: where the weights came from, for a report.
        notes: a sentence for each thing that was assumed or changed.
    """

    name: str
    network: nn.Module
    preprocessing: Preprocessing
    labels: Labels
    digest: str
    source: str
    notes: tuple[str, ...]


def complete(name: str, found: Found, options: LoadOptions) -> Pretrained:
    """What was found with what the caller says in its place; nothing that neither says is guessed.

    Raises:
        ModelError: class names or a part of the preprocessing that neither says, or that make no sense.
    """
    try:
        preprocessing = options.preprocessing.over(found.preprocessing).complete()
    except InputError as error:
        raise ModelError(f"{name}: {error.message}", error.hint) from error
    network = found.network.eval().requires_grad_(False)
    classes = found.classes
    if classes is None or options.preprocessing.size is not None:
        classes = _logits_of(name, network, preprocessing)
    labels = _labels(name, classes, options.labels if options.labels is not None else found.labels)
    return Pretrained(name, network, preprocessing, labels, found.digest, found.source, found.notes)


def check_classes(name: str, classes: int) -> None:
    """Refuse a network of a single logit, which is sure of its one class whatever it sees.

    Raises:
        ModelError: ``name`` begins its message.
    """
    if classes == 1:
        raise ModelError(f"{name}: gives one logit, of which the softmax is always 1", _TWO_LOGITS)


def _labels(name: str, classes: int, labels: Labels | str | None) -> Labels:
    check_classes(name, classes)
    if labels is None:
        raise ModelError(f"{name}: what are its {classes:,} classes called?", _WHICH_LABELS)
    if isinstance(labels, str):
        return numbered_labels(classes)
    if len(labels) != classes:
        raise ModelError(f"{name}: {len(labels):,} labels for {classes:,} classes", "one for each")
    return labels


def _logits_of(name: str, network: nn.Module, preprocessing: Preprocessing) -> int:
    """The number of logits that a network gives, by a pass through it.

    Raises:
        ModelError: it takes no such input, or gives no logits.
    """
    height, width = preprocessing.size
    try:
        with torch.no_grad():
            output = network(torch.zeros(1, 3, height, width))
    except Exception as error:
        # The network may be anybody's program, and raise whatever it likes.
        if _takes(network, 1, height, width):
            raise ModelError(f"{name}: takes one channel, not three", _ONE_CHANNEL) from error
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ModelError(f"{name}: takes no input of {height} x {width}: {reason}", "another `size`") from error
    if not isinstance(output, Tensor) or output.ndim != 2:
        shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise ModelError(f"{name}: gave {shape}", "logits of shape (N, classes)")
    return output.shape[1]


def _takes(network: nn.Module, channels: int, height: int, width: int) -> bool:
    """Whether a pass through the network ends well."""
    try:
        with torch.no_grad():
            network(torch.zeros(1, channels, height, width))
    except Exception:
        return False
    return True


@dataclass(frozen=True, eq=False)
class Built:
    """A network with a file's tensors in it, its number of classes, and what was done to fit them."""

    network: nn.Module
    classes: int
    notes: tuple[str, ...]


def build(name: str, architecture: str, path: Path, make: Maker, *, allocates: bool = False) -> Built:
    """The network that ``make`` makes with the file's tensors in it: the same names and shapes, all finite.

    Args:
        name: what stands before a message.
        architecture: name of what ``make`` makes.
        path: safetensors file.
        make: makes the network with a number of logits.
        allocates: whether it needs real tensors to be made; else shapes are compared before any is allocated.

    Raises:
        ModelError: the file's tensors are not those of the network.
    """

    def shapes(classes: int) -> Mapping[str, Tensor]:
        if not allocates:
            try:
                with torch.device("meta"), Uninitialised():
                    return make(classes).state_dict()
            except ModelError as error:
                # Some compute with tensors as they are made: torchvision's RegNet its widths. Any other error would
                # only come again, after gigabytes.
                if not str(error.__cause__).startswith(_NO_VALUES):
                    raise
        return make(classes).state_dict()

    header = read_header(path)
    expected = shapes(_ASSUMED_CLASSES)
    prefix = wrapping_prefix(header.shapes, expected)
    header = _without_prefix(header, prefix)
    classes = _classes_of(header, expected)
    if classes != _ASSUMED_CLASSES:
        expected = shapes(classes)
    check_fit(f"{name}: does not fit {architecture}", header, expected)
    tensors = {key.removeprefix(prefix): tensor for key, tensor in read_safetensors(path).items()}
    # A program may draw what no file holds.
    with contextlib.nullcontext() if allocates else Uninitialised():
        network = make(classes)
    # With the versions of its modules, which no file of tensors holds and MNASNet asks for.
    state = network.state_dict()
    state.update(tensors)
    network.load_state_dict(state)
    notes = (f"the prefix {prefix!r} was taken off the names of its tensors",) if prefix else ()
    return Built(network, classes, notes)


def wrapping_prefix(names: Iterable[str], expected: Iterable[str]) -> str:
    """What wrappers (DataParallel, compile, an average) put before the names, all of which begin with it."""
    names, expected, prefix = set(names), set(expected), ""
    while names and not names & expected:
        more = next((one for one in _PREFIXES if all(name.startswith(one) for name in names)), None)
        if more is None:
            return ""
        prefix += more
        names = {name.removeprefix(more) for name in names}
    return prefix


def _without_prefix(header: SafetensorsHeader, prefix: str) -> SafetensorsHeader:
    shapes = {name.removeprefix(prefix): shape for name, shape in header.shapes.items()}
    dtypes = {name.removeprefix(prefix): dtype for name, dtype in header.dtypes.items()}
    return replace(header, shapes=shapes, dtypes=dtypes)


def _classes_of(header: SafetensorsHeader, expected: Mapping[str, Tensor]) -> int:
    """The number of classes: what the file's tensors have where those of a network of 1,000 classes have 1,000."""
    found = {
        header.shapes[name][0]
        for name, tensor in expected.items()
        if tensor.ndim
        and len(header.shapes.get(name, ())) == tensor.ndim
        and tensor.shape[0] == _ASSUMED_CLASSES
        and header.shapes[name][1:] == tuple(tensor.shape[1:])
    } - {_ASSUMED_CLASSES}
    return found.pop() if len(found) == 1 else _ASSUMED_CLASSES
