"""The exam's configuration, a small TOML file; every mistake in it is named by its line."""

from __future__ import annotations

import dataclasses
import glob
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from snellen.attacks.config import epsilon_steps
from snellen.data.datasets.digits import DIGITS
from snellen.data.photographs import bundled_photographs
from snellen.errors import InputError, did_you_mean, shown

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
        photographs: files, folders or patterns, relative to the configuration's folder, and names of embedded
            photographs; empty takes all of those.
        labels: the class that a person would choose for a photograph, by its file's name.
        target: the class that the attack is to show; empty takes ImageNet's space shuttle, or the last class of a
            model that has none.
        epsilon: the attack's bound, such as ``4/255``.
        dataset: labelled photographs to learn from, one set or several: folders or parquet files relative to the
            configuration's folder, hub ids, or ``digits``, which need no download.
        training: the images to train networks on from scratch, named as a ``dataset`` is.
        training_runs: folders that ``snellen train`` made, relative to the configuration's folder, shown in place
            of training.
        parts: the parts to run; empty runs all.
        seed: of every random choice.
        paper: ``a4`` or ``us-letter``.
        quick: whether this is a first look; see :func:`first_look`. At most four photographs are examined.
    """

    title: str = "An eye exam"
    author: str = ""
    collaborators: tuple[str, ...] = ()
    model: str = "tf_efficientnet_lite0"
    architecture: str | None = None
    device: str = "auto"
    photographs: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    epsilon: str = "4/255"
    dataset: tuple[str, ...] = (DIGITS,)
    training: str = DIGITS
    training_runs: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    seed: int = 0
    paper: Paper = "a4"
    quick: bool = False


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
    except (ValueError, RecursionError) as error:  # of TOML, or of Python's own limits
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
    try:
        epsilon_steps(config.epsilon)
    except InputError as error:
        raise InputError(f"{path}, line {_line_of_key(text, 'epsilon')}: {error}") from error
    base = path.parent
    photographs = tuple(_photograph(base, name) for name in config.photographs)
    file = config.model.lower().endswith(".safetensors") or _is_there(base / config.model / "model.safetensors")
    return dataclasses.replace(
        config,
        photographs=photographs,
        model=str(base / config.model) if file else config.model,
        dataset=tuple(_below(base, name) for name in config.dataset),
        training=_below(base, config.training),
        training_runs=tuple(str(base / run) for run in config.training_runs),
        parts=tuple(dict.fromkeys(config.parts)),
    )


def _photograph(base: Path, name: str) -> str:
    """A pattern below ``base``; the embedded photograph of that name where ``base`` has none."""
    embedded = {photograph.path.name: photograph.path for photograph in bundled_photographs()}
    if name in embedded and not _is_there(base / name):
        return glob.escape(str(embedded[name]))
    # The folder's own name is not a pattern, whatever it holds.
    return f"{glob.escape(str(base))}/{name}"


def _below(base: Path, name: str) -> str:
    """The path of ``name`` where it is a file or folder below ``base``; else the name as it is."""
    return str(base / name) if _is_there(base / name) else name


def _is_there(path: Path) -> bool:
    """Whether a path exists; what can be no path, too long or with a null character, does not."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


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


def first_look(config: ExamConfig) -> ExamConfig:
    """The same exam in less time: the embedded digits stand in for every data set, and the report says so."""
    return dataclasses.replace(config, dataset=(DIGITS,), training=DIGITS, training_runs=())


_ACCEPTED = {
    "str": "a text in quotes",
    "str | None": "a text in quotes",
    "int": "a whole number",
    "bool": "true or false",
    "tuple[str, ...]": 'a list of texts, such as ["a", "b"]',
    "Mapping[str, str]": 'a table of texts, such as { "a.jpg" = "goldfish" }',
    "Paper": " or ".join(f'"{paper}"' for paper in get_args(Paper)),
}


def _checked(where: str, key: str, value: Any, kind: str) -> Any:
    """``value`` as the field's type; refused where it is of another."""
    if key == "dataset" and isinstance(value, str):
        return (value,)
    if kind == "tuple[str, ...]" and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    fits = {
        "str": isinstance(value, str),
        "str | None": isinstance(value, str),
        "int": isinstance(value, int) and not isinstance(value, bool),
        "bool": isinstance(value, bool),
        "Paper": value in get_args(Paper),
        "Mapping[str, str]": isinstance(value, dict) and all(isinstance(item, str) for item in value.values()),
    }
    if not fits.get(kind, False):
        raise InputError(f"{where}: {key} is {shown(value)}", _ACCEPTED[kind])
    return value
