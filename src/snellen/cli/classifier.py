"""Which classifier a command examines: a model, or what a run of ``snellen probe`` learned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

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


def load_pair(
    model: str,
    against: str,
    probe: Path | None,
    architecture: str | None,
    device: str,
    described: options.Description = options.NOTHING_SAID,
) -> tuple[Classifier, Classifier]:
    """The classifiers of ``--model`` or ``--probe``, and of ``--against``: a model as there, or the folder of a probe.

    ``--architecture`` counts for each of the two that it can make. What is said of the first counts for a weights file
    too, as far as that does not say otherwise; its preprocessing not where the file names an architecture, of which the
    published one is known.

    Raises:
        InputError: they contradict each other, or one cannot be loaded.
    """
    from snellen.models.classifier import load

    made, weights = [_takes_architecture(one) for one in (str(probe or model), against)], weights_of(against)
    ours, theirs = architecture if made[0] or not made[1] else None, architecture if made[1] else None
    # Of a probe there is nothing to say; beside one it is said of the other.
    of_the_first = described if probe is None or weights is None else options.NOTHING_SAID
    first = load_classifier(model, probe, ours, device, of_the_first)
    if weights is not None:
        second = load(against, device=device, **_left_unsaid(weights, theirs, described))
    elif _is_probe(Path(against)):
        from snellen.transfer.files import load_probe

        second = load_probe(against, architecture=theirs, device=device)
    else:
        second = load(against, device=device)
    _say_notes(second)
    return first, second


def weights_of(model: str) -> Path | None:
    """The weights file that a model's name leads to, its own or a training run's; None of any other model."""
    from snellen.models.repository import CONFIG
    from snellen.models.resolve import MODEL_FILE

    if model.lower().endswith(".safetensors"):
        return Path(model)
    folder = Path(model)
    return folder / MODEL_FILE if (folder / MODEL_FILE).is_file() and not (folder / CONFIG).is_file() else None


def _is_probe(folder: Path) -> bool:
    from snellen.models.resolve import PROBE_FILE

    return (folder / PROBE_FILE).is_file() and weights_of(str(folder)) is None


def _takes_architecture(model: str) -> bool:
    """Whether a model is made by an architecture: a weights file, or a probe on one."""
    from snellen.models.resolve import PROBE_FILE
    from snellen.runs.serialise import read_json

    if _is_probe(Path(model)):
        said = read_json(Path(model) / PROBE_FILE)
        model = str(said.get("model")) if isinstance(said, dict) else ""
    return weights_of(model) is not None


def _left_unsaid(weights: Path, architecture: str | None, described: options.Description) -> dict[str, Any]:
    """The arguments of :func:`snellen.load` for what a weights file does not say itself."""
    from snellen.models.create import is_program
    from snellen.models.local_file import read_metadata

    told, given = read_metadata(weights), described.as_arguments()
    own = told.architecture is not None and not is_program(told.architecture)
    return {
        "architecture": None if own else architecture,
        "labels": given["labels"] if told.labels is None else None,
        "preprocessing": None if own else told.preprocessing.over(given["preprocessing"]),
    }


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
