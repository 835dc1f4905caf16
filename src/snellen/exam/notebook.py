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
from snellen.exam.paths import KEYWORDS
from snellen.exam.report.document import Fact
from snellen.exam.report.notebook import Code
from snellen.models.create import program_file
from snellen.models.repository import CONFIG
from snellen.models.resolve import MODEL_FILE
from snellen.runs.provenance import Provenance
from snellen.runs.text import exists

_ELSEWHERE = frozenset(
    {
        "title",
        "author",
        "collaborators",
        "photographs",
        "labels",
        "credits",
        "objects",
        "origins",
        "discussion",
        "references",
        "paper",
        "appendix",
    }
)
"""Keys of a configuration that are no settings, or that the report says in other words."""

_PATHS = frozenset(
    {
        "model",
        "architecture",
        "model_labels",
        "preprocessing",
        "dataset",
        "evaluate",
        "mapping",
        "training",
        "training.dataset",
        "training_runs",
    }
)
"""Keys whose texts may be files, a table's with a dot."""


def setup(config: ExamConfig, folder: Path) -> str:
    """Python that binds ``classifier`` and ``photographs``, to be run in ``folder``."""
    arguments = [repr(_called("model", config.model, folder)), *_how(config, folder)]
    lines = [
        "%matplotlib inline",
        "",
        "import snellen",
        "from snellen.exam.results import read_photographs",
        "",
        f"classifier = snellen.load({', '.join(arguments)})",
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
        *(Fact(name, _written(name, value, folder)) for name, value in changed.items()),
        Fact("epsilon", config.epsilon),
        Fact("seed", str(config.seed)),
        Fact("weights (SHA-256)", provenance.weights),
        Fact("versions", ", ".join(f"{name} {number}" for name, number in provenance.versions.items())),
    ]


def _how(config: ExamConfig, folder: Path) -> list[str]:
    """The arguments of :func:`snellen.load` that the configuration sets."""
    given: dict[str, Any] = {
        "architecture": config.architecture and _called("architecture", config.architecture, folder),
        "labels": config.model_labels and _called("model_labels", config.model_labels, folder),
        "preprocessing": _said(config.preprocessing, folder),
        "train_size": config.train_size,
        "device": "" if config.device == "auto" else config.device,
    }
    return [f"{name}={value!r}" for name, value in given.items() if value]


def _said(preprocessing: PreprocessingConfig | str, folder: Path) -> str | dict[str, Any]:
    if isinstance(preprocessing, str):
        return _called("preprocessing", preprocessing, folder)
    return {name: value for name, value in dataclasses.asdict(preprocessing).items() if value is not None}


def _called(key: str, name: str, folder: Path) -> str:
    """``name`` as it is called in ``folder``, where it is a file that ``key`` names; a program may name a function."""
    if key not in _PATHS or name in KEYWORDS.get(key.partition(".")[0], ()):
        return name
    path, function = Path(name), ""
    if key == "architecture":
        program = program_file(name)
        if program is None:
            return name
        path, function = program, "".join(name.partition(".py:")[1:]).removeprefix(".py")
    there = exists(path)
    if key == "model" and there and not path.is_file():
        there = any(exists(path / file) for file in (MODEL_FILE, CONFIG))
    return f"{Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()}{function}" if there else name


def _written(key: str, value: object, folder: Path) -> str:
    """A setting as the table writes it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _written(key, {name: one for name, one in dataclasses.asdict(value).items() if one}, folder)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} = {_written(f'{key}.{name}', one, folder)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_written(key, one, folder) for one in value)
    return _called(key, value, folder) if isinstance(value, str) else str(value)
