"""Starting is light: no PyTorch for ``import snellen`` and for help."""

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


def test_public_names_exist_and_are_documented() -> None:
    for name in snellen.__all__:
        assert getattr(snellen, name).__doc__, name
    assert sorted(snellen.__all__) == sorted(dir(snellen))


def test_unknown_attribute() -> None:
    with pytest.raises(AttributeError, match="retina"):
        _ = snellen.retina
