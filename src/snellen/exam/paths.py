"""The files that a configuration names: relative to its folder; a stranger's, below it and nowhere else."""

from __future__ import annotations

import dataclasses
import glob
import itertools
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from snellen.data.datasets.digits import DIGITS
from snellen.data.images import is_folder, matches
from snellen.data.labels import IMAGENET, NUMBERED
from snellen.data.photographs import bundled_photographs
from snellen.models.bundled import BUNDLED
from snellen.models.resolve import BUNDLED_PREFIX
from snellen.runs.text import as_on_disk, exists

if TYPE_CHECKING:
    from snellen.exam.config import ExamConfig

KEYWORDS: Mapping[str, Sequence[str]] = {
    "model": [f"{BUNDLED_PREFIX}{name}" for name in BUNDLED],
    "model_labels": [IMAGENET, NUMBERED],
    "preprocessing": [IMAGENET],
    "dataset": [DIGITS],
    "evaluate": [DIGITS],
    "training": [DIGITS],
}
"""For each key the names that stand for what the packages bring: whatever file is called so, it is not opened."""


def relative_to(base: Path, config: ExamConfig, *, strangers: bool = False) -> ExamConfig:
    """``config`` with its paths taken as relative to ``base``.

    Args:
        base: folder of the configuration.
        config: configuration as it was read.
        strangers: whether it is somebody else's: the name of a bundled model, or of the digits, is the package's then,
            whatever lies in ``base`` or the working directory by that name.
    """

    def data(name: str) -> str:
        if strangers and name == DIGITS:
            return name
        below = _below(base, name)
        # A bare name is the bundled set's.
        return f"./{below}" if below == DIGITS and exists(base / name) else below

    model = config.model
    if strangers and model in BUNDLED:
        model = f"{BUNDLED_PREFIX}{model}"
    elif model.lower().endswith(".safetensors") or exists(base / model / "model.safetensors"):
        model = as_on_disk(str(base / model))
    return dataclasses.replace(
        config,
        photographs=tuple(_photograph(base, name) for name in config.photographs),
        model=model,
        model_labels=config.model_labels and _below(base, config.model_labels),
        preprocessing=_below(base, config.preprocessing)
        if isinstance(config.preprocessing, str)
        else config.preprocessing,
        dataset=tuple(map(data, config.dataset)),
        evaluate=tuple(map(data, config.evaluate)),
        labels=_below(base, config.labels) if isinstance(config.labels, str) else config.labels,
        mapping=_below(base, config.mapping) if config.mapping else "",
        training=data(config.training)
        if isinstance(config.training, str)
        else dataclasses.replace(config.training, dataset=data(config.training.dataset)),
        training_runs=tuple(as_on_disk(str(base / run)) for run in config.training_runs),
        parts=tuple(dict.fromkeys(config.parts)),
        discussion={name: as_on_disk(str(base / file)) for name, file in config.discussion.items()},
    )


def outside(
    base: Path, config: ExamConfig, allowed: Sequence[Path] = (), replaced: Collection[str] = ()
) -> Iterator[tuple[str, str]]:
    """Key and name of what leads out of ``base`` and of the folders ``allowed``: by itself, or by a link below it.

    Args:
        base: folder of the configuration.
        config: configuration after :func:`relative_to`: what is looked at here is what is opened.
        allowed: further folders that it may name files of.
        replaced: keys that are not looked at, since something else takes the place of what they name.
    """
    homes = (base, *allowed)
    for key, name in _named(config):
        if key not in replaced and exists(Path(name)) and leads_out(name, homes):
            yield key, name
    if "photographs" in replaced:
        return
    bundled = {glob.escape(str(one.path)) for one in bundled_photographs()}
    for pattern in (one for one in config.photographs if one not in bundled):
        # Before it is expanded: a pattern may name the whole disk.
        head = pattern if os.path.exists(pattern) else _fixed_part(pattern, base)
        if not os.path.exists(head):
            continue  # whoever reads it says so
        # What goes up before the first wildcard is resolved with the head; behind it, it may lead anywhere.
        behind = PurePath(pattern).parts[len(PurePath(head).parts) :]
        if ".." in behind or leads_out(head, homes, below="**" in pattern):
            yield "photographs", pattern
            continue
        found = [pattern] if head == pattern else matches(pattern)
        if any(leads_out(path, homes) for path in found):
            yield "photographs", pattern


def _named(config: ExamConfig) -> Iterator[tuple[str, str]]:
    """Key and name of every file or folder that ``config`` may name, but for its photographs."""
    of_key = {
        "model": (config.model,),
        "model_labels": (config.model_labels,),
        "preprocessing": (config.preprocessing,),
        "labels": (config.labels,),
        "dataset": config.dataset,
        "evaluate": config.evaluate,
        "mapping": (config.mapping,),
        "training": (config.trained.dataset,),
        "training_runs": config.training_runs,
        "discussion": tuple(config.discussion.values()),
    }
    for key, names in of_key.items():
        yield from (
            (key, name) for name in names if isinstance(name, str) and name and name not in KEYWORDS.get(key, ())
        )


def _fixed_part(pattern: str, base: Path) -> str:
    """The folder that a pattern is looked for in; the folder's own name is no pattern, whatever it holds."""
    start = glob.escape(str(base))
    home, rest = (str(base), pattern[len(start) + 1 :]) if pattern.startswith(f"{start}/") else ("", pattern)
    return os.path.join(home, *itertools.takewhile(lambda part: not glob.has_magic(part), PurePath(rest).parts))


def leads_out(path: str | Path, homes: Sequence[Path], *, below: bool = True) -> bool:
    """Whether ``path``, links followed, is outside of all ``homes``, or with ``below`` a link below it leads there.

    Links inside the homes are followed too, each folder once: where one leads, another may begin.
    """
    homes = [home.resolve() for home in homes]
    if not _is_in(path, homes):
        return True
    todo, seen = [str(path)] if below else [], set[str]()
    while todo:
        folder = os.path.realpath(todo.pop())
        if folder in seen:
            continue
        seen.add(folder)
        try:
            entries = list(os.scandir(folder))
        except OSError:  # a file
            continue
        if any(entry.is_symlink() and not _is_in(entry.path, homes) for entry in entries):
            return True
        todo += [entry.path for entry in entries if is_folder(entry)]
    return False


def _is_in(path: str | Path, homes: Sequence[Path]) -> bool:
    """Whether ``path``, links followed, is in one of ``homes``, which are resolved; what can be no path is in none."""
    try:
        real = Path(os.path.realpath(path))
    except ValueError:  # a null character
        return False
    return any(real.is_relative_to(home) for home in homes)


def _photograph(base: Path, name: str) -> str:
    """A pattern below ``base``; the bundled photograph of that name where ``base`` has none."""
    bundled = {photograph.path.name: photograph.path for photograph in bundled_photographs()}
    if name in bundled and not exists(base / name):
        return glob.escape(str(bundled[name]))
    below = as_on_disk(str(base / name))
    if Path(name).is_absolute():
        return below
    # The folder's own name is not a pattern, whatever it holds.
    name = name if name.isascii() else os.path.relpath(below, base)
    return f"{glob.escape(str(base))}/{name}"


def _below(base: Path, name: str) -> str:
    """The path of ``name`` where it is a file or folder below ``base``; else the name as it is."""
    below = as_on_disk(str(base / name))
    return below if exists(Path(below)) else name
