"""What an exam's notebook begins and ends with: the cell that loads the model, and the settings."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snellen.data.preprocessing import PreprocessingConfig
from snellen.exam.config import ExamConfig
from snellen.exam.context import Context
from snellen.exam.parts import Part
from snellen.exam.report.document import Fact
from snellen.exam.report.notebook import Code
from snellen.runs.provenance import Provenance

_ELSEWHERE = frozenset({"title", "author", "collaborators", "photographs", "labels", "discussion", "paper", "appendix"})
"""Keys of a configuration that are no settings, or that the report says in other words."""


def setup(config: ExamConfig, folder: Path) -> str:
    """Python that binds ``classifier`` and ``photographs``, to be run in ``folder``."""
    lines = [
        "%matplotlib inline",
        "",
        "import snellen",
        "from snellen.exam.results import read_photographs",
        "",
        f"classifier = snellen.load({', '.join([repr(_from(folder, config.model)), *_how(config, folder)])})",
        "photographs = read_photographs()  # copies, beside this notebook",
    ]
    return "\n".join(lines)


def code_of(context: Context, parts: Mapping[str, Part]) -> Code:
    """What gives, from a part's name and a picture's file name, Python that draws the picture anew; empty for none."""

    def code(part: str, picture: str) -> str:
        of_part = parts[part].code
        return "" if of_part is None else of_part(context, picture)

    return code


def settings(config: ExamConfig, provenance: Provenance, folder: Path) -> list[Fact]:
    """What of the configuration differs from the defaults, and what the numbers rest on; without absolute paths."""
    default = ExamConfig()
    changed = {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(config)
        if field.name not in _ELSEWHERE and getattr(config, field.name) != getattr(default, field.name)
    }
    return [
        *(Fact(name, _written(value, folder)) for name, value in changed.items()),
        Fact("epsilon", config.epsilon),
        Fact("seed", str(config.seed)),
        Fact("weights (SHA-256)", provenance.weights),
        Fact("versions", ", ".join(f"{name} {number}" for name, number in provenance.versions.items())),
    ]


def _how(config: ExamConfig, folder: Path) -> list[str]:
    """The arguments of :func:`snellen.load` that the configuration sets."""
    given: dict[str, Any] = {
        "architecture": config.architecture and _from(folder, config.architecture),
        "labels": config.model_labels and _from(folder, config.model_labels),
        "preprocessing": _said(config.preprocessing, folder),
        "train_size": config.train_size,
        "device": "" if config.device == "auto" else config.device,
    }
    return [f"{name}={value!r}" for name, value in given.items() if value]


def _said(preprocessing: PreprocessingConfig | str, folder: Path) -> str | dict[str, Any]:
    if isinstance(preprocessing, str):
        return _from(folder, preprocessing)
    return {name: value for name, value in dataclasses.asdict(preprocessing).items() if value is not None}


def _from(folder: Path, name: str) -> str:
    """``name`` as it is called in ``folder``, where it is a file; a program may name its function."""
    file, colon, function = (name, "", "") if Path(name).exists() else name.partition(":")
    if not Path(file).exists():
        return name
    return Path(os.path.relpath(Path(file).resolve(), folder.resolve())).as_posix() + colon + function


def _written(value: object, folder: Path) -> str:
    """A setting as the table writes it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _written({key: one for key, one in dataclasses.asdict(value).items() if one}, folder)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} = {_written(one, folder)}" for key, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_written(one, folder) for one in value)
    return _from(folder, value) if isinstance(value, str) else str(value)
