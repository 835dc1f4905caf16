"""Which classifier a command examines: a model, or what a run of ``snellen probe`` learned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from snellen.cli import options

if TYPE_CHECKING:
    from snellen.models.classifier import Classifier


def load_classifier(model: str, probe: Path | None, architecture: str | None, device: str) -> Classifier:
    """The classifier of ``--model`` and ``--architecture``, or that of ``--probe``.

    Raises:
        InputError: both are given, or it cannot be loaded.
    """
    from snellen.errors import InputError

    if probe is None:
        from snellen.models.classifier import load

        return load(model, architecture=architecture, device=device)
    if model != options.DEFAULT_MODEL or architecture is not None:
        raise InputError("--probe names its own model", "leave --model and --architecture out")
    from snellen.transfer.files import load_probe

    return load_probe(probe, device=device)
