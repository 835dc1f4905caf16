"""What the site's reference says without anybody typing it: MkDocs puts it in place of a page's ``{{ name }}``."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import typer.main

from snellen.cli import app
from snellen.data.transforms import ASSIGNMENT, TRANSFORMS
from snellen.exam.config import ExamConfig
from snellen.exam.keys import EXAMPLES
from snellen.exam.parts import PARTS
from snellen.runs.described import as_markdown, keys_of
from snellen.training.recipe import Adversarial, Augmentation, Optimiser, ProgressiveResizing, Recipe, Schedule


def command_line() -> str:
    """Every command with its arguments and options, as ``--help`` knows them."""
    group = typer.main.get_command(app)
    sections = ["## Before any command", _parameters(group.params)]
    for name, command in group.commands.items():
        arguments = " ".join(p.metavar or p.name.upper() for p in command.params if p.param_type_name == "argument")
        sections += [f"## snellen {name}", " ".join(command.help.split())]
        sections += [f"`snellen {name} {arguments} [OPTIONS]`".replace("  ", " "), _parameters(command.params)]
    return "\n\n".join(sections)


def _parameters(parameters: Iterable[Any]) -> str:
    rows = []
    for parameter in parameters:
        if parameter.name in ("help", "install_completion", "show_completion"):
            continue
        argument = parameter.param_type_name == "argument"
        name = parameter.metavar or parameter.name.upper() if argument else ", ".join(parameter.opts)
        rows.append((f"`{name}`", _default(parameter), parameter.help or ""))
    return _table(("argument or option", "default", "meaning"), rows)


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    return "" if parameter.default is None or parameter.default is False else f"`{parameter.default}`"


def exam_keys() -> str:
    """The keys of an exam's configuration."""
    return _keys(ExamConfig, EXAMPLES)


def exam_parts() -> str:
    """The parts of the exam."""
    return _table(
        ("part", "section of the report", "of the assignment"),
        [
            (f"`{name}`", part.title, part.assignment or f"beyond it, where `{part.wanted_by}` is set")
            for name, part in PARTS.items()
        ],
    )


def recipe_keys() -> str:
    """The keys of a recipe, and below them those of its tables."""
    sections = [_keys(Recipe)]
    tables = {
        "optimiser": Optimiser,
        "schedule": Schedule,
        "augmentation": Augmentation,
        "progressive_resizing": ProgressiveResizing,
        "adversarial": Adversarial,
    }
    for name, table in tables.items():
        sections += [f"### [{name}]", _first_sentence(table), _keys(table)]
    return "\n\n".join(sections)


def transforms() -> str:
    """Every transform: its definition, and its strengths on the acuity chart."""
    sections = []
    for transform in TRANSFORMS.values():
        ladder = "; ".join(transform.describe(strength) for strength in transform.ladder)
        asked = ASSIGNMENT.get(transform.name)
        named = "" if asked is None else f" The assignment's: {transform.describe(asked)}."
        unit = f"Strength s, {transform.low:g} to {transform.high:g} {transform.unit}".rstrip()
        sections += [f"## {transform.name}", transform.definition, f"{unit}. On the chart: {ladder}.{named}"]
    return "\n\n".join(sections)


def _keys(kind: type, examples: Mapping[str, str] | None = None) -> str:
    """The fields of a dataclass with their defaults, what its docstring says of them, and an example where there is."""
    heads = ("key", "default", "meaning", *(["such as"] if examples else []))
    return _table(
        heads,
        [
            (
                f"`{key.name}`",
                key.default if key.default in ("required", "none") else f"`{key.default}`",
                key.meaning,
                *([f"`{examples[key.name]}`"] if examples else []),
            )
            for key in keys_of(kind)
        ],
    )


def _first_sentence(kind: type) -> str:
    return " ".join(as_markdown(kind.__doc__ or "").split("\n\n")[0].split())


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *(tuple(cell.replace("|", "\\|") for cell in row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


GENERATED: dict[str, Callable[[], str]] = {
    make.__name__: make for make in (command_line, exam_keys, exam_parts, recipe_keys, transforms)
}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """MkDocs calls this with the text of every page."""
    return re.sub(r"^\{\{ (\w+) \}\}$", lambda marker: GENERATED[marker[1]](), markdown, flags=re.MULTILINE)
