"""Runs the exactness tests of the resize against each Pillow that is supported: ``python tests/each_pillow.py``."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

VERSIONS = ("11.0.0", "11.3.0", "12.0.0", "12.3.0", "13.0.0")
"""The first and the last of each major version."""
TESTS = ("tests/test_preprocessing.py", "tests/test_images.py")


def passes(version: str) -> bool:
    """Whether the tests pass where that version stands before the installed one."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, "--target", folder, f"pillow=={version}"], check=True)
        environment = os.environ | {"PYTHONPATH": folder}
        seen = [sys.executable, "-c", "import PIL; print(PIL.__version__)"]
        found = subprocess.run(seen, env=environment, capture_output=True, text=True, check=True).stdout.strip()
        if found != version:
            raise SystemExit(f"Pillow {found} was imported in place of {version}")
        pytest = [sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider", *TESTS]
        return subprocess.run(pytest, env=environment, cwd=Path(__file__).parents[1], check=False).returncode == 0


def main() -> None:
    results = {version: passes(version) for version in VERSIONS}
    for version, passed in results.items():
        print(f"Pillow {version}: {'passed' if passed else 'failed'}")
    sys.exit(not all(results.values()))


if __name__ == "__main__":
    main()
