"""The notebooks of examples/ run from top to bottom on what comes inside packages, and are kept without outputs."""

import os
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[1] / "examples").glob("*.ipynb"))
FEWER_TRANSFORMS = """
from snellen.data.transforms import ASSIGNMENT, TRANSFORMS, all_transforms
from snellen.robustness import stress
ends = {(one.name, strength) for one in TRANSFORMS.values() for strength in (one.ladder[0], one.ladder[-1])}
some = tuple(one for one in all_transforms() if one in ends or one in ASSIGNMENT.items())
stress.all_transforms = lambda some=some: some  # bound here: each notebook begins without names
"""
PARTS = {"classify", "features", "probe", "training", "attack", "stress", "exam"}


def test_there_is_one_for_each_part() -> None:
    assert {notebook.stem for notebook in NOTEBOOKS} == PARTS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KernelManager]:
    """One kernel, so that the libraries are imported once; of the transforms' ladders it knows the ends."""
    home = tmp_path_factory.mktemp("kernel")
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=home, env=os.environ | {"HF_HUB_OFFLINE": "1", "IPYTHONDIR": str(home / "ipython")})
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=120)
        assert client.execute_interactive(FEWER_TRANSFORMS, timeout=120)["content"]["status"] == "ok"
    finally:
        client.stop_channels()
    yield manager
    manager.shutdown_kernel(now=True)


@pytest.mark.notebook
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path, kernel: KernelManager) -> None:
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, km=kernel, timeout=240)
    with client.setup_kernel(cleanup_kc=False):
        try:
            # Nothing of the notebooks before this one.
            client.kc.execute_interactive(f"%reset -f\n%cd -q {tmp_path}", timeout=60)
            client.execute(reset_kc=False)
        finally:
            client.kc.stop_channels()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    complaints = [output.text for output in outputs if output.get("name") == "stderr"]
    # tqdm, which a dependency imports, misses its widgets in any notebook without them.
    assert all("ipywidgets" in complaint for complaint in complaints)
