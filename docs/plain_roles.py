"""Makes of the docstrings' Sphinx roles what Markdown understands: a link to a public name, else plain code."""

import re
from typing import Any

import griffe

import snellen

_ROLE = re.compile(r":(?:attr|class|data|func|meth|mod):`~?([\w.]+)`")


class PlainRoles(griffe.Extension):
    """Rewrites every docstring before it is parsed."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Griffe calls this for each object, once it is whole."""
        if obj.docstring is not None:
            obj.docstring.value = _ROLE.sub(_link, obj.docstring.value)


def _link(role: re.Match[str]) -> str:
    name = role[1].removeprefix("snellen.")
    return f"[`snellen.{name}`][snellen.{name}]" if name in snellen.__all__ else f"`{role[1].rpartition('.')[2]}`"
