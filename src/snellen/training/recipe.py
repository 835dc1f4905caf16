"""Recipes: small TOML files that say how one network is trained; every mistake in one is named."""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from snellen.errors import InputError, did_you_mean, shown
from snellen.models.create import is_program, program_file
from snellen.runs.serialise import from_plain
from snellen.runs.text import read_text

ASSIGNMENT = ("plain", "batchnorm", "deep")
"""The recipes of the assignment's three networks."""

RECIPES = (*ASSIGNMENT, "robust")
"""The recipes that come with Snellen."""

Flip = Literal["none", "random", "alternating"]
Initialisation = Literal["own", "he", "xavier", "small", "whitened"]
OptimiserName = Literal["sgd", "adamw", "muon"]


@dataclass(frozen=True)
class Optimiser:
    """How a gradient becomes a step.

    Attributes:
        name: optimiser: ``sgd`` with Nesterov's momentum, ``adamw``, or ``muon`` for filters with AdamW for the rest.
        learning_rate: peak learning rate.
        momentum: momentum of ``sgd`` and ``muon``, in [0, 1).
        weight_decay: decay of matrices and, but for ``muon``, of filters; biases and normalisations never decay.
        adamw_learning_rate: peak learning rate of ``muon``'s AdamW.
    """

    name: OptimiserName = "adamw"
    learning_rate: float = 0.001
    momentum: float = 0.9
    weight_decay: float = 0.0
    adamw_learning_rate: float = 0.001


@dataclass(frozen=True)
class Schedule:
    """The learning rate rises in a straight line to its peak, then falls in a straight line to zero.

    Attributes:
        warmup: share of the steps over which it rises, in [0, 1).
    """

    warmup: float = 0.0


@dataclass(frozen=True)
class Augmentation:
    """What happens to a training image each time before it is given to the network.

    Attributes:
        flip: which images are mirrored: ``none``, each with probability one half (``random``), or half of them in even
            epochs and the other half in odd ones (``alternating``).
        translate: largest shift along each axis, in pixels; the border is reflected.
        cutout: side of a square set to the mean, at a random place, in pixels; zero for none.
    """

    flip: Flip = "none"
    translate: int = 0
    cutout: int = 0


@dataclass(frozen=True)
class ProgressiveResizing:
    """In the first epochs the images are reduced to a smaller size.

    Attributes:
        size: side of the reduced images, in pixels, where they are larger; zero for no resizing.
        share: share of the epochs, in [0, 1].
    """

    size: int = 0
    share: float = 0.0


@dataclass(frozen=True)
class Adversarial:
    """Training on adversarial examples in the images' place; see :mod:`snellen.training.adversarial`.

    Attributes:
        epsilon: bound of the infinity norm of what is added to an image, in levels of 255; zero for images as they are.
        steps: gradient steps of the search for each.
    """

    epsilon: float = 0.0
    steps: int = 0


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        network: architecture, as :func:`snellen.models.create.create` takes it. A file's is a program only where the
            caller names it, too.
        network_options: further arguments of the architecture.
        size: side of the square images that the network is trained on, in pixels.
        epochs: number of passes over the training images.
        batch: number of images a step, over all processes together.
        label_smoothing: share of the target's weight that is spread over all classes, in [0, 1).
        initialisation: how the weights start: ``own`` leaves the network as it was made; the others are described in
            :mod:`snellen.training.initialise`.
        optimiser, schedule, augmentation, progressive_resizing, adversarial: table of its own; see there.
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
    adversarial: Adversarial = field(default_factory=Adversarial)


def read_recipe(name: str, network: str | None = None, **changes: Any) -> Recipe:
    """The recipe that ``name`` stands for.

    Args:
        name: name of a recipe, one of :data:`RECIPES`, or the path of a TOML file. A network file in it
            is found relative to it.
        network: architecture in place of the recipe's; it starts as its own constructor leaves it. A recipe whose
            network is a program is read only where this is given; where it names the same, all of the recipe counts.
        changes: values of fields of :class:`Recipe` in place of the recipe's; None leaves one as it is.

    Raises:
        InputError: no such recipe, not TOML, an unknown key, a value of the wrong type or outside its range; a program
            as its network, and no ``network``.
    """
    path, accepted = Path(name), f"{', '.join(RECIPES)}, or a .toml file"
    if name in RECIPES:
        text = (resources.files("snellen.training") / "recipes" / f"{name}.toml").read_text(encoding="utf-8")
    elif os.path.exists(name):
        text = read_text(path, accepted=accepted)
    else:
        offer = did_you_mean(name, RECIPES) or accepted
        raise InputError(f"no recipe {name!r}", offer)
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # of TOML, or of Python's own limits
        raise InputError(f"{name}: not TOML: {error}") from error
    recipe = from_plain(Recipe, values, name)
    if program_file(recipe.network) is not None:
        recipe = dataclasses.replace(recipe, network=str(path.parent / recipe.network))
    if is_program(recipe.network) and network is None:
        # The file may be anybody's: as of a configuration, a program of it is run only where the caller names it.
        raise InputError(
            f"{name}: network is {shown(recipe.network)}, a program, which no recipe may run",
            "name it as `network` yourself",
        )
    if network is not None and not _same_program(network, recipe.network):
        recipe = dataclasses.replace(recipe, network=network, network_options={}, initialisation="own")
    recipe = dataclasses.replace(recipe, **{key: value for key, value in changes.items() if value is not None})
    _check(recipe, name)
    return recipe


def _same_program(one: str, other: str) -> bool:
    """Whether both name a program, and the same, however its path is written."""
    first, second = (os.path.normpath(Path(name).absolute()) for name in (one, other))
    return is_program(one) and first == second


def without_effect(recipe: Recipe) -> list[str]:
    """The keys of a recipe that decide nothing in it, such as ``optimiser.momentum`` where AdamW takes the steps."""
    unused = {"adamw": ["momentum", "adamw_learning_rate"], "sgd": ["adamw_learning_rate"], "muon": []}
    off = {
        "network_options": not recipe.network_options,
        "progressive_resizing": not (recipe.progressive_resizing.size and recipe.progressive_resizing.share),
        "adversarial": not recipe.adversarial.epsilon,
    }
    return [
        *(f"optimiser.{key}" for key in unused[recipe.optimiser.name]),
        *(key for key, is_off in off.items() if is_off),
    ]


def _check(recipe: Recipe, where: str) -> None:
    """Refuse values outside their ranges."""
    optimiser, augmentation, resizing = recipe.optimiser, recipe.augmentation, recipe.progressive_resizing
    adversarial = recipe.adversarial
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
        (
            "translate",
            augmentation.translate,
            0 <= augmentation.translate < recipe.size,
            f"0 to {recipe.size - 1} pixels",
        ),
        ("cutout", augmentation.cutout, 0 <= augmentation.cutout < recipe.size, f"0 to {recipe.size - 1} pixels"),
        ("progressive_resizing's size", resizing.size, resizing.size == 0 or resizing.size >= 8, "at least 8 pixels"),
        ("progressive_resizing's share", resizing.share, 0 <= resizing.share <= 1, "0 to 1"),
        ("epsilon", adversarial.epsilon, 0 <= adversarial.epsilon <= 255, "0 to 255, in levels of 255"),
        ("steps", adversarial.steps, (adversarial.steps > 0) == (adversarial.epsilon > 0), "at least 1, with epsilon"),
    )
    for key, value, holds, accepted in rules:
        if not holds:
            raise InputError(f"{where}: {key} is {value}", accepted)
