"""Starting is light: no PyTorch for ``import snellen`` and for help."""

import importlib.metadata
import subprocess
import sys

import pytest

import snellen

HEAVY = ("torch", "timm", "numpy", "matplotlib", "sklearn", "PIL")


@pytest.mark.parametrize("statement", ["import snellen", "import snellen.cli; snellen.cli.app"])
def test_import_is_light(statement: str) -> None:
    program = f"{statement}\nimport sys\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


@pytest.mark.parametrize("arguments", [["--help"], ["classify", "--help"], ["exam", "--help"], ["--version"]])
def test_help_answers(snellen_command, arguments: list[str]) -> None:
    done = snellen_command(*arguments)
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout


@pytest.mark.parametrize(
    "arguments",
    [["probe", "digits", "--engine", "tpu"], ["train", "digits", "--device", "tpu"], ["attack", "a.png", "--out", "b"]],
)
def test_refused_options_import_nothing_heavy(arguments: list[str]) -> None:
    program = f"""
import sys, snellen.cli
sys.argv = ["snellen", *{arguments!r}]
try:
    snellen.cli.main()
except SystemExit as end:
    print(end.code, [name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "2 []", done.stderr


def test_the_compiler_comes_when_it_is_called() -> None:
    """Importing timm leaves it out; afterwards it, and what stood in for it, work as ever."""
    program = """
import sys, snellen._torchvision, torch, timm, torchvision.ops
print("torch._dynamo" in sys.modules)
double = torch.compile(lambda x: 2 * x, backend="eager")
print(double(torch.ones(1)).item(), "torch._dynamo" in sys.modules)
print(torchvision.ops.roi_align.__name__, sys.modules["torch._dynamo"].__file__ is not None)
from torchvision.ops.roi_align import is_compile_supported
print(is_compile_supported("cpu") in (True, False))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["False", "2.0 True", "roi_align True", "True"]


def test_public_names_exist_and_are_documented() -> None:
    for name in snellen.__all__:
        assert getattr(snellen, name).__doc__, name
    assert sorted(snellen.__all__) == sorted(dir(snellen))
    assert snellen.__version__ == importlib.metadata.version("snellen")
    with pytest.raises(AttributeError, match="No snellen attribute clasify; did you mean classify"):
        _ = snellen.clasify


def test_unknown_attribute() -> None:
    with pytest.raises(AttributeError, match="retina"):
        _ = snellen.retina
