"""Which classifier a command examines: a model, or what a run of ``snellen probe`` learned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from snellen.cli import options, output

if TYPE_CHECKING:
    from snellen.models.classifier import Classifier


def load_classifier(
    model: str,
    probe: Path | None,
    architecture: str | None,
    device: str,
    described: options.Description = options.NOTHING_SAID,
) -> Classifier:
    """The classifier of ``--model`` and what is said of it, or that of ``--probe``; says what was assumed.

    A probe names the network that it learned from. ``--model`` beside it repeats that name, which is asked for where
    it is somebody's repository on the hub; ``--architecture`` names the program that the network is made by.

    Raises:
        InputError: they contradict each other, or it cannot be loaded.
    """
    if probe is None:
        from snellen.models.classifier import load

        classifier = load(model, architecture=architecture, device=device, **described.as_arguments())
    else:
        if described != options.NOTHING_SAID:
            from snellen.errors import InputError

            raise InputError("--probe knows its own labels and preprocessing", "leave those options out")
        from snellen.transfer.files import load_probe

        named = None if model == options.DEFAULT_MODEL else model
        classifier = load_probe(probe, model=named, architecture=architecture, device=device)
    _say_notes(classifier)
    return classifier


def load_trusted(
    model: str, architecture: str | None, device: str, described: options.Description = options.NOTHING_SAID
) -> Classifier:
    """The classifier of ``--model`` that decides about strangers' files: a bundled one from its package.

    What was unpacked into the working directory may bear a bundled model's name, and is not to take its place.

    Raises:
        InputError: it cannot be loaded.
    """
    from snellen.models.bundled import BUNDLED
    from snellen.models.classifier import load
    from snellen.models.resolve import BUNDLED_PREFIX

    name = f"{BUNDLED_PREFIX}{model}" if model in BUNDLED else model
    classifier = load(name, architecture=architecture, device=device, **described.as_arguments())
    _say_notes(classifier)
    return classifier


def _say_notes(classifier: Classifier) -> None:
    for note in classifier.notes:
        output.stderr.print(output.printable(f"{classifier.name}: {note}"), soft_wrap=True)
