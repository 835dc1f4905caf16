"""The code appendix: single functions and classes, or whole modules, as they ran, and settings."""

from __future__ import annotations

import ast
import importlib.util
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from snellen.errors import SnellenError
from snellen.exam.report.document import Listing
from snellen.runs.serialise import to_toml


def module_listing(module: str) -> Listing:
    """A whole module, such as ``snellen.training.loop``.

    Raises:
        SnellenError: its source is not installed.
    """
    return Listing(module, _source(module))


def method_listing(names: str) -> Listing:
    """Functions, methods and classes of one module, each with the first paragraph of its docstring.

    A method stands below the name of its class. Of what they use of the module and of Snellen's others the names are
    given that are not shown.

    Args:
        names: the module, a colon, and its members with commas between them, such as
            ``snellen.models.classifier:Classifier.logits, penultimate``.

    Raises:
        SnellenError: the module's source is not installed, or it has no such member.
    """
    module, _, members = names.partition(":")
    source = _source(module)
    lines, tree = source.splitlines(), ast.parse(source)
    wanted = [member.strip() for member in members.split(",")]
    found = [_member(tree, member, module) for member in wanted]
    owners = ["", *(member.rpartition(".")[0] for member in wanted)]
    texts = [
        _headed(_text(node, lines), owner, said=owner == before)
        for node, owner, before in zip(found, owners[1:], owners[:-1], strict=True)
    ]
    hidden = [name for name in _left_out(tree, found) if name not in owners]
    notes = [f"# Left out: {', '.join(hidden)}."] if hidden else []
    notes += [f"# From {other}: {', '.join(used)}." for other, used in _imported(tree, found)]
    return Listing(module, "\n\n".join([*texts, *(["\n".join(notes)] if notes else [])]))


def _headed(text: str, owner: str, said: bool) -> str:
    """A method below the line of its class, where that is not ``said`` before; a function as it is."""
    if not owner:
        return text
    method = textwrap.indent(text, "    ")
    return method if said else f"class {owner}:\n    ...\n\n{method}"


def settings_listing(name: str, settings: Any) -> Listing:
    """Settings as TOML: a dataclass of values, lists and further dataclasses; what is None is left out."""
    return Listing(name, to_toml(settings).rstrip(), language="toml")


def _source(module: str) -> str:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise SnellenError(f"{module}: its source is not installed")
    return Path(spec.origin).read_text(encoding="utf-8")


_Definition = ast.FunctionDef | ast.ClassDef


def _member(tree: ast.Module, name: str, module: str) -> _Definition:
    """The definition of ``name``, which may be a class's method; of overloads the last, which has the body."""
    body: Sequence[ast.stmt] = tree.body
    found: _Definition | None = None
    for part in name.split("."):
        found = next((n for n in reversed(body) if isinstance(n, _Definition) and n.name == part), None)
        if found is None:
            raise SnellenError(f"{module}: has no {name}")
        body = found.body
    assert found is not None  # a name has at least one part
    return found


def _left_out(tree: ast.Module, shown: Sequence[_Definition]) -> list[str]:
    """The functions, classes and methods of a module that the definitions shown use and that are not among these."""
    nodes = [node for one in shown for node in ast.walk(one)]
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    of_self = {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    }
    seen = {node.name for node in nodes if isinstance(node, _Definition)}
    own = [node for node in tree.body if isinstance(node, _Definition)]
    methods = [
        node for one in own if isinstance(one, ast.ClassDef) for node in one.body if isinstance(node, _Definition)
    ]
    named = [node.name for node in own if node.name in used] + [node.name for node in methods if node.name in of_self]
    return [name for name in dict.fromkeys(named) if name not in seen]


def _imported(tree: ast.Module, shown: Sequence[_Definition]) -> list[tuple[str, list[str]]]:
    """What the definitions shown use of Snellen's other modules, by module; errors are left out."""
    used = {node.id for one in shown for node in ast.walk(one) if isinstance(node, ast.Name)}
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module]
    by_module = [(node.module or "", [one.name for one in node.names if one.name in used]) for node in imports]
    ours = [(module, names) for module, names in by_module if module.startswith("snellen.") and names]
    return [(module, names) for module, names in ours if module != "snellen.errors"]


def _text(definition: _Definition, lines: Sequence[str]) -> str:
    """The lines of a definition without indentation, its docstrings cut to their first paragraphs."""
    kept = {number: lines[number - 1] for number in range(_first_line(definition), (definition.end_lineno or 0) + 1)}
    for node in ast.walk(definition):
        if isinstance(node, _Definition) and ast.get_docstring(node) is not None:
            _cut(node.body[0], kept)
    return "\n".join(line[definition.col_offset :] for line in kept.values())


def _first_line(definition: _Definition) -> int:
    return min([definition.lineno, *(decorator.lineno for decorator in definition.decorator_list)])


def _cut(docstring: ast.stmt, kept: dict[int, str]) -> None:
    """Leave the first paragraph of a docstring in the lines ``kept``, by number."""
    numbers = range(docstring.lineno, (docstring.end_lineno or docstring.lineno) + 1)
    blank = next((number for number in numbers if not kept[number].strip()), None)
    if blank is None:
        return
    kept[blank - 1] += '"""'
    for number in numbers[blank - docstring.lineno :]:
        del kept[number]
