"""Recipes: small TOML files that say how one network is trained; every mistake in one is named."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from snellen.errors import InputError, did_you_mean, shown
from snellen.models.create import is_python_file

RECIPES = ("plain", "batchnorm", "deep")
"""The recipes that come with Snellen."""

Flip = Literal["none", "random", "alternating"]
Initialisation = Literal["own", "he", "whitened"]
OptimiserName = Literal["sgd", "adamw", "muon"]


@dataclass(frozen=True)
class Optimiser:
    """How a gradient becomes a step.

    Attributes:
        name: ``sgd`` with Nesterov's momentum, ``adamw``, or ``muon`` for filters with AdamW for the rest.
        learning_rate: at its height.
        momentum: of ``sgd`` and ``muon``, in [0, 1).
        weight_decay: of matrices and, but for ``muon``, of filters; biases and normalisations never decay.
        adamw_learning_rate: of ``muon``'s AdamW, at its height.
    """

    name: OptimiserName = "adamw"
    learning_rate: float = 0.001
    momentum: float = 0.9
    weight_decay: float = 0.0
    adamw_learning_rate: float = 0.001


@dataclass(frozen=True)
class Schedule:
    """The learning rate rises in a straight line over the share ``warmup`` of the steps, then falls to zero."""

    warmup: float = 0.0


@dataclass(frozen=True)
class Augmentation:
    """What happens to an image before each look at it.

    Attributes:
        flip: ``alternating`` mirrors half of the images in even epochs and the other half in odd ones.
        translate: largest shift along each axis, in pixels; the border is reflected.
        cutout: side of a square set to the mean, at a random place, in pixels; zero for none.
    """

    flip: Flip = "none"
    translate: int = 0
    cutout: int = 0


@dataclass(frozen=True)
class ProgressiveResizing:
    """The first ``share`` of the epochs sees the images reduced to ``size`` pixels, where they are larger."""

    size: int = 0
    share: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        network: as :func:`snellen.models.create.create` takes it.
        network_options: further arguments of it.
        size: side of the square images that the network is trained on, in pixels.
        epochs: passes over the training images.
        batch: images a step, over all processes together.
        label_smoothing: the share of the target's weight that is spread over all classes, in [0, 1).
        initialisation: ``own`` leaves the network as it was made; see :mod:`snellen.training.initialise`.
        optimiser, schedule, augmentation, growth: see there.
    """

    network: str
    epochs: int
    batch: int
    size: int = 32
    label_smoothing: float = 0.0
    initialisation: Initialisation = "own"
    network_options: Mapping[str, Any] = field(default_factory=dict)
    optimiser: Optimiser = field(default_factory=Optimiser)
    schedule: Schedule = field(default_factory=Schedule)
    augmentation: Augmentation = field(default_factory=Augmentation)
    progressive_resizing: ProgressiveResizing = field(default_factory=ProgressiveResizing)


def read_recipe(name: str, network: str | None = None, **changes: Any) -> Recipe:
    """The recipe that ``name`` stands for.

    Args:
        name: ``plain``, ``batchnorm``, ``deep``, or the path of a TOML file. A network file in it is found
            relative to it.
        network: takes the place of the recipe's network, which then starts as its own constructor leaves it.
        changes: fields of :class:`Recipe` to be replaced; None leaves one as it is.

    Raises:
        InputError: no such recipe, not TOML, an unknown key, a value of the wrong type or outside its range.
    """
    path = Path(name)
    if name in RECIPES:
        text = (resources.files("snellen.training") / "recipes" / f"{name}.toml").read_text(encoding="utf-8")
    elif path.is_file():
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(f"{name}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise InputError(f"{name}: not a text file in UTF-8") from error
    else:
        offer = did_you_mean(name, RECIPES) or f"{', '.join(RECIPES)}, or a .toml file"
        raise InputError(f"no recipe {name!r}", offer)
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # of TOML, or of Python's own limits
        raise InputError(f"{name}: not TOML: {error}") from error
    recipe: Recipe = _built(Recipe, values, name)
    if is_python_file(recipe.network):
        recipe = dataclasses.replace(recipe, network=str(path.parent / recipe.network))
    if network is not None:
        recipe = dataclasses.replace(recipe, network=network, network_options={}, initialisation="own")
    recipe = dataclasses.replace(recipe, **{key: value for key, value in changes.items() if value is not None})
    _check(recipe, name)
    return recipe


def recipe_of(values: Mapping[str, Any], where: str) -> Recipe:
    """The recipe that :func:`snellen.runs.serialise.to_plain` made ``values`` of.

    Raises:
        InputError: they are not a recipe; ``where`` names the file.
    """
    recipe: Recipe = _built(Recipe, values, where)
    return recipe


def _built(kind: type[Any], values: Mapping[str, Any], where: str) -> Any:
    """The dataclass ``kind`` with ``values`` in it, each of its field's type."""
    types = get_type_hints(kind)
    for key in values:
        if key not in types:
            hint = did_you_mean(key, types) or f"valid: {', '.join(types)}"
            raise InputError(f"{where}: unknown key {key!r}", hint)
    required = {f.name for f in dataclasses.fields(kind) if f.default is f.default_factory is dataclasses.MISSING}
    missing = sorted(required - set(values))
    if missing:
        raise InputError(f"{where}: lacks {missing[0]}", f"a recipe has {', '.join(sorted(required))}")
    return kind(**{key: _checked(where, key, value, types[key]) for key, value in values.items()})


def _checked(where: str, key: str, value: Any, kind: Any) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        if isinstance(value, Mapping):
            return _built(kind, value, f"{where}, {key}")
        raise InputError(f"{where}: {key} is {shown(value)}", f"a table [{key}]")
    if get_origin(kind) is Literal:
        if value in get_args(kind):
            return value
        raise InputError(f"{where}: {key} is {shown(value)}", " or ".join(get_args(kind)))
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    expected = {int: "a whole number", float: "a number", str: "a text in quotes"}.get(kind, f"a table [{key}]")
    if isinstance(value, bool) or not isinstance(value, Mapping if expected.startswith("a table") else kind):
        raise InputError(f"{where}: {key} is {shown(value)}", expected)
    return dict(value) if isinstance(value, Mapping) else value


def _check(recipe: Recipe, where: str) -> None:
    """Refuse values outside their ranges."""
    optimiser, cut = recipe.optimiser, recipe.augmentation
    rules = (
        ("epochs", recipe.epochs, recipe.epochs >= 1, "at least 1"),
        ("batch", recipe.batch, recipe.batch >= 2, "at least 2"),
        ("size", recipe.size, 8 <= recipe.size <= 1024, "8 to 1024 pixels"),
        ("label_smoothing", recipe.label_smoothing, 0 <= recipe.label_smoothing < 1, "at least 0 and below 1"),
        ("learning_rate", optimiser.learning_rate, optimiser.learning_rate > 0, "above 0"),
        ("adamw_learning_rate", optimiser.adamw_learning_rate, optimiser.adamw_learning_rate > 0, "above 0"),
        ("momentum", optimiser.momentum, 0 <= optimiser.momentum < 1, "at least 0 and below 1"),
        ("weight_decay", optimiser.weight_decay, optimiser.weight_decay >= 0, "at least 0"),
        ("warmup", recipe.schedule.warmup, 0 <= recipe.schedule.warmup < 1, "at least 0 and below 1"),
        ("translate", cut.translate, 0 <= cut.translate < recipe.size, f"0 to {recipe.size - 1} pixels"),
        ("cutout", cut.cutout, 0 <= cut.cutout < recipe.size, f"0 to {recipe.size - 1} pixels"),
        (
            "growth's size",
            recipe.progressive_resizing.size,
            recipe.progressive_resizing.size == 0 or recipe.progressive_resizing.size >= 8,
            "at least 8 pixels",
        ),
        ("growth's share", recipe.progressive_resizing.share, 0 <= recipe.progressive_resizing.share <= 1, "0 to 1"),
    )
    for key, value, holds, accepted in rules:
        if not holds:
            raise InputError(f"{where}: {key} is {value}", accepted)
