"""What several tests share: the real data, the bundled classifier, the command line."""

import os
import random
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import hypothesis
import pytest
import torch

import forked

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"


# How long an example takes depends on the processor, its load and what the process has loaded already.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")


def pytest_configure() -> None:
    # What tests convert is not to lie among what the user's own networks became; one folder serves all workers, which
    # are started with the environment of the process that shares the tests out.
    if "PYTEST_XDIST_WORKER" not in os.environ:
        os.environ["SNELLEN_CACHE"] = tempfile.mkdtemp(prefix="snellen-tests-")
    # Workers of a parallel run share the processor instead of each taking all of it.
    if "PYTEST_XDIST_WORKER" in os.environ:
        torch.set_num_threads(1)
        # So do the processes that tests start; threads that wait for each other are not to spin meanwhile.
        os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


def pytest_unconfigure() -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        shutil.rmtree(os.environ["SNELLEN_CACHE"], ignore_errors=True)


# Files that take longest, in that order: begun first, so that no core is idle at the end.
LONGEST = (
    "docs", "exam", "page", "training", "faults", "web", "attacks", "probe", "examples", "embedding", "evaluation",
    "categories", "models", "robust_accuracy", "feature_maps", "benchmarks", "stress", "weights", "published",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; another order where SNELLEN_TEST_ORDER says so, the same in every worker.

    Files stay together.
    """
    places = {f"test_{name}.py": place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))
    seed = os.environ.get("SNELLEN_TEST_ORDER")
    if seed:
        draw = random.Random(seed)
        files = {item.path: draw.random() for item in items}
        draw.shuffle(items)
        items.sort(key=lambda item: files[item.path])


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data that stands beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("the development data is not beside this checkout")
    return SHARED


@pytest.fixture(scope="session")
def imagenet(shared: Path) -> list[Path]:
    """100 ImageNet photographs, one of each of 100 classes."""
    return sorted((shared / "imagenet-100").glob("*/*"))


@pytest.fixture(scope="session")
def peppers(shared: Path) -> Path:
    """The photograph of bell peppers, 16 megapixels."""
    return shared / "images" / "peppers.jpg"


@pytest.fixture(scope="session")
def lite0():
    """The bundled classifier, with its real weights."""
    import snellen

    return snellen.load("tf_efficientnet_lite0", device="cpu")


@pytest.fixture
def snellen_command():
    """Runs ``snellen`` by its entry point, as a process of its own, and gives the finished process."""
    return forked.run


@pytest.fixture
def snellen_program():
    """The same from nothing, as a user starts it: for what the program does as it is imported."""

    def run(*arguments: object, **options: object) -> subprocess.CompletedProcess:
        program = Path(sysconfig.get_path("scripts")) / "snellen"
        options = {"capture_output": True, "text": True, "timeout": 240} | options
        return subprocess.run([sys.executable, program, *map(str, arguments)], **options)

    return run
