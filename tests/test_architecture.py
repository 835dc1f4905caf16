"""Imports point down only, and siblings on a floor do not know each other."""

import ast
import re
from pathlib import Path

import pytest

import snellen
from snellen.cli.output import as_options

PACKAGE = Path(snellen.__file__).parent
# Of the root only these files may be: a further one would be a room without a name.
ROOT = {"errors", "intervals", "figures", "prose", "_torchvision"}
FLOORS = {
    "cli": 8,
    "web": 7,
    "exam": 6,
    **dict.fromkeys(("inspect", "transfer", "training", "attacks", "robustness", "evaluation"), 5),
    "inference": 4,
    "models": 3,
    "data": 2,
    "runs": 1,
    **dict.fromkeys(ROOT, 0),
}
CAPABILITIES = [room for room, floor in FLOORS.items() if floor == 5]


def unit_of(module: str) -> str:
    """``snellen.inspect.categories`` -> ``inspect``; a file of the root is a unit of its own."""
    return [*module.split("."), ""][1]


def public_homes() -> dict[str, str]:
    """Where each public name lives, as the stub says."""
    tree = ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8"))
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    return {f"snellen.{alias.name}": f"snellen.{node.module}" for node in imports for alias in node.names}


def imports_of(module: str, tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = module.split(".")[: -node.level] if node.level else []
            source = ".".join([*package, *([node.module] if node.module else [])])
            found |= {source} | {f"{source}.{alias.name}" for alias in node.names}
    homes = public_homes()
    return {homes.get(name, name) for name in found if name.startswith("snellen.")}


def wrong_imports(module: str, source: str) -> list[str]:
    unit = unit_of(module)
    wrong = []
    for imported in imports_of(module, ast.parse(source)):
        target = unit_of(imported)
        if target not in FLOORS:
            wrong.append(f"{module} imports {imported}, which stands on no floor")
        elif FLOORS[target] > FLOORS[unit] or (target != unit and FLOORS[target] == FLOORS[unit] > 0):
            wrong.append(f"{module} imports {imported}")
    return wrong


def modules() -> list[str]:
    paths = (path.relative_to(PACKAGE.parent) for path in PACKAGE.rglob("*.py"))
    return sorted(".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in paths)


def source_of(module: str) -> str:
    path = PACKAGE.joinpath(*module.split(".")[1:])
    return (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8")


@pytest.mark.parametrize("module", [m for m in modules() if m not in ("snellen", "snellen.__main__")])
def test_imports_point_down(module: str) -> None:
    assert wrong_imports(module, source_of(module)) == []


def test_every_folder_and_every_file_of_the_root_has_a_floor() -> None:
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    files = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert folders == set(FLOORS) - ROOT
    assert files == ROOT


@pytest.mark.parametrize("room", CAPABILITIES)
def test_a_capability_has_the_files_that_all_have(room: str) -> None:
    files = {path.name for path in (PACKAGE / room).glob("*.py")}
    assert files >= {"__init__.py", "figures.py", "discussion.py", "files.py"}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("snellen.data.images", "from snellen.inspect import categories"),
        ("snellen.inspect.categories", "import snellen.attacks.apgd"),
        ("snellen.exam.run", "def f():\n    from snellen.cli import output"),
        ("snellen.web.page", "from snellen import cli"),
        ("snellen.data.images", "from snellen import classify"),
        ("snellen.data.images", "from ..inspect import categories"),
        ("snellen.data.images", "from .. import exam"),
        ("snellen.data.images", "from snellen.models import layers"),
        ("snellen.runs.files", "from snellen.data import images"),
        ("snellen.intervals", "from snellen.runs import files"),
        ("snellen.models.resolve", "from snellen.inference import engines"),
        ("snellen.models.resolve", "from snellen import attic"),
    ],
)
def test_a_wrong_import_is_found(module: str, source: str) -> None:
    assert wrong_imports(module, source)


def texts_of(tree: ast.AST) -> list[str]:
    """The texts of a module that are no docstrings."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, documented) and node.body
                  and isinstance(node.body[0], ast.Expr)}  # fmt: skip
    docstrings |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docstrings)
    return [node.value for node in constants if isinstance(node.value, str)]


LIBRARY = [m for m in modules() if m.count(".") and unit_of(m) not in ("cli", "web", "__main__")]


@pytest.mark.parametrize("module", LIBRARY)
def test_the_library_knows_no_command_line(module: str) -> None:
    """Its errors name parameters; only the command line makes options of them."""
    texts = texts_of(ast.parse(source_of(module)))
    assert [text for text in texts if re.search(r"(^|[ `(])--[a-z]|`snellen [a-z]", text)] == []


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("holds a run (`resume`, or another `out`)", "holds a run (--resume, or another --out)"),
        ("`adamw_learning_rate` is 0", "--adamw-learning-rate is 0"),
        ("`snellen.list_models()` lists the names", "`snellen models` lists the names"),
        ("`classifier.layers` lists the names", "`snellen layers` lists the names"),
        ("a folder called `it's here`", "a folder called `it's here`"),
    ],
)
def test_the_command_line_makes_options_of_parameters(said: str, shown: str) -> None:
    assert as_options(said) == shown
