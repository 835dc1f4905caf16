"""The code appendix: single functions and classes without their checks of errors, or whole modules; and settings."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
import textwrap
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from snellen.errors import SnellenError
from snellen.exam.report.document import Listing
from snellen.runs.serialise import to_plain, to_toml


def module_listing(module: str) -> Listing:
    """A whole module, such as ``snellen.training.loop``.

    Raises:
        SnellenError: its source is not installed.
    """
    return Listing(module, _source(module))


def method_listing(names: str) -> Listing:
    """Functions, methods and classes of one module, each with the first paragraph of its docstring.

    Before them stand the module's constants that they name; a method stands below the name of its class. Checks that
    do nothing but raise an error are cut. Of what they use of the module, of Snellen's others and of other packages the
    names are given that are not shown.

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
    constants = _constants(tree, found, lines)
    hidden = [name for name in _left_out(tree, found) if name not in owners]
    notes = [f"# Left out: {', '.join(hidden)}."] if hidden else []
    notes += [f"# From {other}: {', '.join(used)}." for other, used in _imported(tree, found)]
    outside = _outside(tree, found)
    notes += [f"# With {', '.join(outside)}."] if outside else []
    return Listing(module, "\n\n".join([*constants, *texts, *(["\n".join(notes)] if notes else [])]))


def _headed(text: str, owner: str, said: bool) -> str:
    """A method below the line of its class, where that is not ``said`` before; a function as it is."""
    if not owner:
        return text
    method = textwrap.indent(text, "    ")
    return method if said else f"class {owner}:\n    ...\n\n{method}"


def settings_listing(name: str, settings: Any, without: Collection[str] = ()) -> Listing:
    """Settings as TOML: a dataclass of values, lists and further dataclasses; what is None is left out.

    Args:
        name: name of the settings.
        settings: the dataclass.
        without: keys that are left out, one in a table as ``table.key``.
    """
    return Listing(name, to_toml(_without(to_plain(settings), without, "")).rstrip(), language="toml")


def _without(values: Mapping[str, Any], keys: Collection[str], table: str) -> dict[str, Any]:
    named = {f"{table}{key}": (key, value) for key, value in values.items()}
    return {
        key: _without(value, keys, f"{name}.") if isinstance(value, Mapping) else value
        for name, (key, value) in named.items()
        if name not in keys
    }


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


def _constants(tree: ast.Module, shown: Sequence[_Definition], lines: Sequence[str]) -> list[str]:
    """The module's constants that the definitions shown name, in one text; none where they name none."""
    texts = ["\n".join(lines[node.lineno - 1 : node.end_lineno]) for node in _assignments(tree, shown)]
    return ["\n".join(texts)] if texts else []


def _assignments(tree: ast.Module, shown: Sequence[_Definition]) -> list[ast.Assign | ast.AnnAssign]:
    """Where a module binds the constants that the definitions shown name."""
    used = {node.id for node in _walked(*shown) if isinstance(node, ast.Name)}
    assignments = (node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign))
    return [node for node in assignments if used & set(_constant_names(node))]


def _constant_names(node: ast.Assign | ast.AnnAssign) -> Iterator[str]:
    """The names that an assignment binds, of those that are written as constants or stand for a class's function."""
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        for name in ast.walk(target):
            if isinstance(name, ast.Name) and (name.id.isupper() or isinstance(node.value, ast.Attribute)):
                yield name.id


def _left_out(tree: ast.Module, shown: Sequence[_Definition]) -> list[str]:
    """The functions, classes and methods of a module that the definitions shown use and that are not among these."""
    nodes = list(_walked(*shown, *_assignments(tree, shown)))
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
    used = {node.id for node in _walked(*shown) if isinstance(node, ast.Name)}
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module]
    by_module = [(node.module or "", [one.name for one in node.names if one.name in used]) for node in imports]
    ours = [(module, names) for module, names in by_module if module.startswith("snellen.") and names]
    return [(module, names) for module, names in ours if module != "snellen.errors"]


def _outside(tree: ast.Module, shown: Sequence[_Definition]) -> list[str]:
    """What the definitions shown use of other packages than Snellen and the standard library, as it is imported."""
    used = {node.id for node in _walked(*shown, *_assignments(tree, shown)) if isinstance(node, ast.Name)}
    found = []
    for node in tree.body:
        if isinstance(node, ast.Import):
            bound = [(one.name, one.asname or one.name) for one in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            bound = [(f"{node.module}.{one.name}", one.asname or one.name) for one in node.names]
        else:
            continue
        for name, called in bound:
            package = name.partition(".")[0]
            if package != "snellen" and package not in sys.stdlib_module_names and called.partition(".")[0] in used:
                found.append(name if name.endswith(called) else f"{name} as {called}")
    return found


def _text(definition: _Definition, lines: Sequence[str]) -> str:
    """The lines of a definition without indentation, its docstrings cut to their first paragraphs."""
    kept = {number: lines[number - 1] for number in range(_first_line(definition), (definition.end_lineno or 0) + 1)}
    for node in ast.walk(definition):
        if isinstance(node, _Definition) and ast.get_docstring(node) is not None:
            _cut(node.body[0], kept)
        elif isinstance(node, ast.stmt) and _is_check(node):
            _cut_check(node, kept)
    return "\n".join(_FOR_TOOLS.sub("", line[definition.col_offset :]) for line in kept.values())


_FOR_TOOLS = re.compile(r"  # (type: ignore|noqa)\b.*")
"""What a line says to a type checker or a linter."""


def _first_line(definition: _Definition) -> int:
    return min([definition.lineno, *(decorator.lineno for decorator in definition.decorator_list)])


def _walked(*nodes: ast.AST) -> Iterator[ast.AST]:
    """All that is shown of nodes: they and what is below them, without checks."""
    for node in nodes:
        if not (isinstance(node, ast.stmt) and _is_check(node)):
            yield node
            yield from _walked(*ast.iter_child_nodes(node))


def _is_check(node: ast.stmt) -> bool:
    """Whether a statement does nothing but raise an error where a condition holds, or call what is named so."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name):
        return node.value.func.id.startswith("check_")
    if isinstance(node, ast.If):
        return not node.orelse and isinstance(node.body[-1], ast.Raise)
    return isinstance(node, ast.For | ast.With) and all(map(_is_check, node.body))


def _cut_check(check: ast.stmt, kept: dict[int, str]) -> None:
    """Remove a check that raises an error from the lines ``kept``, by number, with the comment above it."""
    first = check.lineno
    while kept.get(first - 1, "").lstrip().startswith("#"):
        first -= 1
    for number in range(first, (check.end_lineno or check.lineno) + 1):
        kept.pop(number, None)


def _cut(docstring: ast.stmt, kept: dict[int, str]) -> None:
    """Leave the first paragraph of a docstring in the lines ``kept``, by number."""
    numbers = range(docstring.lineno, (docstring.end_lineno or docstring.lineno) + 1)
    blank = next((number for number in numbers if not kept[number].strip()), None)
    if blank is None:
        return
    kept[blank - 1] += '"""'
    for number in numbers[blank - docstring.lineno :]:
        del kept[number]
