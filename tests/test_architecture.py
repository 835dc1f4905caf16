"""Imports point down only, and siblings on a floor do not know each other."""

import ast
from pathlib import Path

import pytest

import snellen

PACKAGE = Path(snellen.__file__).parent
FLOORS = {
    "cli": 4,
    "web": 3,
    "exam": 2,
    "inspect": 1,
    "transfer": 1,
    "training": 1,
    "attacks": 1,
    "robustness": 1,
}


def unit_of(module: str) -> str:
    """``snellen.inspect.categories`` -> ``inspect``; a ground file is a unit of its own."""
    return [*module.split("."), ""][1]


def floor_of(unit: str) -> int:
    return FLOORS.get(unit, 0)


def imports_of(module: str, tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = module.split(".")[: -node.level] if node.level else []
            source = ".".join([*package, *([node.module] if node.module else [])])
            found |= {source} | {f"{source}.{alias.name}" for alias in node.names}
    homes = {f"snellen.{name}": home for name, home in snellen._HOMES.items()}
    return {homes.get(name, name) for name in found if name.startswith("snellen.")}


def wrong_imports(module: str, source: str) -> list[str]:
    unit = unit_of(module)
    wrong = []
    for imported in imports_of(module, ast.parse(source)):
        target = unit_of(imported)
        sideways = floor_of(target) == floor_of(unit) > 0 and target != unit
        if floor_of(target) > floor_of(unit) or sideways:
            wrong.append(f"{module} imports {imported}")
    return wrong


def modules() -> list[str]:
    paths = (path.relative_to(PACKAGE.parent) for path in PACKAGE.rglob("*.py"))
    return sorted(".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in paths)


@pytest.mark.parametrize("module", [m for m in modules() if m not in ("snellen", "snellen.__main__")])
def test_imports_point_down(module: str) -> None:
    relative = Path(*module.split(".")[1:])
    path = (
        PACKAGE / relative.with_suffix(".py")
        if not (PACKAGE / relative).is_dir()
        else PACKAGE / relative / "__init__.py"
    )
    assert wrong_imports(module, path.read_text()) == []


def test_every_folder_has_a_floor() -> None:
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert folders <= set(FLOORS)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("snellen.images", "from snellen.inspect import categories"),
        ("snellen.inspect.categories", "import snellen.attacks.ascent"),
        ("snellen.exam.run", "def f():\n    from snellen.cli import output"),
        ("snellen.web.page", "from snellen import cli"),
        ("snellen.images", "from snellen import classify"),
        ("snellen.images", "from .inspect import categories"),
        ("snellen.images", "from . import exam"),
    ],
)
def test_a_wrong_import_is_found(module: str, source: str) -> None:
    assert wrong_imports(module, source)
