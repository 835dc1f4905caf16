"""What a dataclass's docstring says of its fields, for whoever writes them as keys of a file."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from typing import Any

_ATTRIBUTE = re.compile(r"    (\w+(?:, \w+)*): (.*)")
_ROLE = re.compile(r":\w+:`~?([\w.]+)`")


@dataclasses.dataclass(frozen=True)
class Key:
    """One field.

    Attributes:
        name: its name.
        default: its default as TOML has it; ``none``, or ``required``.
        meaning: what the docstring says of it, in Markdown.
    """

    name: str
    default: str
    meaning: str


def keys_of(kind: Any) -> list[Key]:
    """The fields of a dataclass whose docstring says them under ``Attributes:``, as Google's style has it."""
    said = _meanings(kind)
    return [Key(field.name, _default(field), said.get(field.name, "")) for field in dataclasses.fields(kind)]


def as_markdown(docstring: str) -> str:
    """A docstring without Sphinx's roles and double quotes."""
    return _ROLE.sub(r"`\1`", docstring).replace("``", "`")


def _meanings(kind: Any) -> dict[str, str]:
    lines = as_markdown(inspect.cleandoc(kind.__doc__ or "").partition("Attributes:\n")[2]).splitlines()
    said: dict[str, str] = {}
    names: list[str] = []
    for line in lines:
        if found := _ATTRIBUTE.fullmatch(line):
            names = found[1].split(", ")
            said |= dict.fromkeys(names, found[2])
        elif line.startswith("        "):
            said |= {name: f"{said[name]} {line.strip()}" for name in names}
        elif line.strip():  # another section
            break
    return said


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is field.default_factory is dataclasses.MISSING:
        return "required"
    if field.default is dataclasses.MISSING or field.default is None:
        return "none"
    return json.dumps(field.default)
