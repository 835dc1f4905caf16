"""The wheel, as a user gets it: ``python tests/package.py``; minutes, since PyTorch is installed anew.

1. builds it and asks ``twine check``;
2. looks whether all that the program reads beside its code is inside;
3. resolves every extra, and all together, with plain pip (``--dry-run``: nothing is installed);
4. installs the wheel alone into a fresh environment, away from the source tree, and takes ``snellen exam --quick``.

Needs ``build`` and ``twine``. ``--only resolve`` and the like for one of them: build, resolve, exam.
"""

import argparse
import subprocess
import sys
import tempfile
import tomllib
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
READ = (
    "snellen/__init__.pyi",
    "snellen/py.typed",
    "snellen/exam/report/report.html",
    "snellen/exam/report/report.typ",
    "snellen/training/recipes/plain.toml",
    "snellen/training/recipes/batchnorm.toml",
    "snellen/training/recipes/deep.toml",
    "snellen/web/static/page.css",
)
PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")


def run(*command: object, **options: object) -> None:
    """Run a command, which must end well."""
    subprocess.run([str(part) for part in command], check=True, **options)


def build(folder: Path) -> Path:
    """The wheel, checked."""
    run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT)
    (wheel,) = folder.glob("*.whl")
    run(sys.executable, "-m", "twine", "check", "--strict", wheel)
    with zipfile.ZipFile(wheel) as archive:
        missing = set(READ) - set(archive.namelist())
    if missing:
        raise SystemExit(f"{wheel.name} lacks {', '.join(sorted(missing))}")
    print(f"package: {wheel.name} is sound, {wheel.stat().st_size / 1e6:.1f} MB")
    return wheel


def resolve(wheel: Path) -> None:
    """Every extra, and all of them together, in an environment that holds nothing."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    with tempfile.TemporaryDirectory() as folder:
        python = fresh(Path(folder))
        for wanted in (*extras, ",".join(extras)):
            run(python, *PIP, "--dry-run", f"{wheel}[{wanted}]", stdout=subprocess.DEVNULL)
            print(f"package: snellen[{wanted}] resolves")


def exam(wheel: Path) -> None:
    """A first look at the bundled model, by the wheel alone."""
    with tempfile.TemporaryDirectory() as folder:
        python = fresh(Path(folder) / "environment")
        run(python, *PIP, "--constraint", ROOT / "constraints.txt", wheel)
        run(python.parent / "snellen", "exam", "--quick", "--out", "look", cwd=folder)
        report = Path(folder) / "look" / "report.pdf"
        if not report.read_bytes().startswith(b"%PDF"):
            raise SystemExit("the exam made no report")
        print(f"package: the exam of the installed wheel made a report of {report.stat().st_size / 1e6:.1f} MB")


def fresh(folder: Path) -> Path:
    """The interpreter of a new environment."""
    venv.create(folder, with_pip=True)
    return folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=("build", "resolve", "exam"))
    only = parser.parse_args().only
    with tempfile.TemporaryDirectory() as folder:
        wheel = build(Path(folder))
        if only in (None, "resolve"):
            resolve(wheel)
        if only in (None, "exam"):
            exam(wheel)


if __name__ == "__main__":
    main()
