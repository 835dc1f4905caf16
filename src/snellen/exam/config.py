"""The exam's configuration, a small TOML file; every mistake in it is named by its line."""

from __future__ import annotations

import dataclasses
import glob
import re
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from snellen.errors import InputError, did_you_mean

Paper = Literal["a4", "us-letter"]


@dataclass(frozen=True)
class ExamConfig:
    """What to examine, on what, and how the report is headed.

    Attributes:
        title: of the report.
        author: of the report; empty leaves it out.
        collaborators: people worked with, as the assignment asks.
        model: as :func:`snellen.load` takes it.
        architecture: the timm architecture of a ``.safetensors`` model.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        photographs: files, folders or patterns, relative to the configuration's folder; empty takes the
            embedded ones.
        dataset: labelled photographs to learn from: a folder or parquet file relative to the configuration's
            folder, a hub id, or ``digits``, which need no download.
        training: the images to train networks on from scratch, named as ``dataset`` is.
        training_runs: folders that ``snellen train`` made, relative to the configuration's folder, shown in place
            of training.
        parts: the parts to run; empty runs all.
        seed: of every random choice.
        paper: ``a4`` or ``us-letter``.
    """

    title: str = "An eye exam"
    author: str = ""
    collaborators: tuple[str, ...] = ()
    model: str = "tf_efficientnet_lite0"
    architecture: str | None = None
    device: str = "auto"
    photographs: tuple[str, ...] = ()
    dataset: str = "digits"
    training: str = "digits"
    training_runs: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    seed: int = 0
    paper: Paper = "a4"


def read_config(path: Path, parts: Collection[str]) -> ExamConfig:
    """Read and check a configuration.

    Args:
        path: a TOML file.
        parts: the names of the parts that exist.

    Raises:
        InputError: no such file, not TOML, an unknown key or part, a value of the wrong type; names the
            line and what would be accepted.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file in UTF-8") from error
    try:
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{path}: not TOML: {error}") from error
    fields = {field.name: field for field in dataclasses.fields(ExamConfig)}
    for key, value in values.items():
        where = f"{path}, line {_line_of_key(text, key)}"
        if key not in fields:
            raise InputError(f"{where}: unknown key {key!r}", _offer(key, fields))
        values[key] = _checked(where, key, value, str(fields[key].type))
    config = ExamConfig(**values)
    for part in config.parts:
        if part not in parts:
            where = f"{path}, line {_line_of_value(text, 'parts', part)}"
            raise InputError(f"{where}: unknown part {part!r}", _offer(part, parts))
    base = path.parent
    # The folder's own name is not a pattern, whatever it holds.
    photographs = tuple(f"{glob.escape(str(base))}/{photograph}" for photograph in config.photographs)
    file = config.model.lower().endswith(".safetensors") or (base / config.model / "model.safetensors").is_file()
    return dataclasses.replace(
        config,
        photographs=photographs,
        model=str(base / config.model) if file else config.model,
        dataset=_below(base, config.dataset),
        training=_below(base, config.training),
        training_runs=tuple(str(base / run) for run in config.training_runs),
        parts=tuple(dict.fromkeys(config.parts)),
    )


def _below(base: Path, name: str) -> str:
    """The path of ``name`` where it is a file or folder below ``base``; else the name as it is."""
    return str(base / name) if (base / name).exists() else name


def _offer(wrong: str, valid: Collection[str]) -> str:
    guess = did_you_mean(wrong, valid)
    return f"{guess + ' ' if guess else ''}valid: {', '.join(valid)}"


def _line_of_key(text: str, key: str) -> int:
    """The line that sets ``key``, or opens the table of that name."""
    name = rf"[\"']?{re.escape(key)}[\"']?"
    pattern = re.compile(rf"\s*({name}\s*[.=]|\[+\s*{name}\s*[.\]])")
    return next((number for number, line in enumerate(text.splitlines(), 1) if pattern.match(line)), 1)


def _line_of_value(text: str, key: str, value: str) -> int:
    """The line, from the one that sets ``key`` on, that holds ``value`` in quotes."""
    first = _line_of_key(text, key)
    lines = list(enumerate(text.splitlines(), 1))[first - 1 :]
    return next((number for number, line in lines if re.search(rf"[\"']{re.escape(value)}[\"']", line)), first)


_ACCEPTED = {
    "str": "a text in quotes",
    "str | None": "a text in quotes",
    "int": "a whole number",
    "tuple[str, ...]": 'a list of texts, such as ["a", "b"]',
    "Paper": " or ".join(f'"{paper}"' for paper in get_args(Paper)),
}


def _checked(where: str, key: str, value: Any, kind: str) -> Any:
    """``value`` as the field's type; refused where it is of another."""
    if kind == "tuple[str, ...]" and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    fits = {
        "str": isinstance(value, str),
        "str | None": isinstance(value, str),
        "int": isinstance(value, int) and not isinstance(value, bool),
        "Paper": value in get_args(Paper),
    }
    if not fits.get(kind, False):
        raise InputError(f"{where}: {key} is {value!r}", _ACCEPTED[kind])
    return value
