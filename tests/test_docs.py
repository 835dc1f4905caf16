"""The documentation holds: every block of it runs, and what a page says is printed is printed.

A page's blocks run from top to bottom in one folder, which holds a copy of what :func:`prepare` makes:

- ``python``: run; all of a page share their names;
- ``bash``: each command must end with status 0;
- ``text`` right after one of these: lines that its output must hold, numbers to a few per cent;
- ``python``, ``toml``, ``text``, ``json`` with a file's name as title: written, for the commands below it;
- ``json`` is parsed, and other ``text`` is a drawing;
- anything titled "Not run by the tests: REASON": not run; :data:`MOST_NOT_RUN` bounds how many there may be.

On the page of troubles each heading is an error message, and the block below it must end in it.
"""

import contextlib
import gzip
import io
import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from markdown_it import MarkdownIt
from PIL import Image

import forked
import snellen
from shorter import some_transforms
from snellen.attacks.eot import held_out_draws
from snellen.data.photographs import bundled_photographs

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TROUBLES = DOCS / "troubleshooting.md"
PAGES = [ROOT / "README.md", *sorted(page for page in DOCS.rglob("*.md") if page != TROUBLES)]

# What a command becomes before it is run, and why.
CUTS = (
    ("make exam", "snellen exam short.toml --out exam", "all parts on four photographs take minutes"),
    ("snellen exam --out exam", "snellen exam short.toml --out exam", "as above"),
    ("snellen exam   ", "snellen exam short.toml   ", "as above"),
    ("snellen exam --quick", "snellen exam short.toml --quick", "as above"),
    ("--compare audit-1 audit-2", "--compare exam homework", "the two exams made above it"),
    ("make test", "", "they run already"),
    ("source .venv/bin/activate\n", "", "the tests run inside an environment"),
    ("train digits", "train few-digits", "1,797 digits take a minute an epoch"),
    ('train("digits"', 'train("few-digits"', "as above"),
    ("probe digits", "probe few-digits", "as above"),
    ("snellen train ", "snellen train --epochs 1 --batch 6 --size 24 ", "minutes; what a command says itself, holds"),
    ("--seeds 3", "--seeds 2", "as above"),
    ("--robust", "--robust --steps 2", "a robust attack takes minutes"),
    ("--epsilon min", "--epsilon min --steps 20", "a search over bounds takes many gradients"),
    ("attack my-folder", "attack my-folder/cat --steps 2", "six photographs are a folder too, and each is drawn"),
    ("resnet18.a1_in1k", "tf_efficientnet_lite1", "the hub is not asked; lite1 comes inside a package"),
)
# What is added to an exam's configuration that a page writes, for the same reason.
SHORT_CONFIG = 'parts = ["categories"]\n'
# Folders under the names of what would come from the hub.
HUB = {"timm/oxford-iiit-pet": ("cat", "dog"), "uoft-cs/cifar10": ("cat", "dog", "ship")}
# Pages whose commands are run as a user runs them, each in a process of its own; elsewhere that would take too long.
BY_PROCESS = {"index.md"}
MOST_NOT_RUN = 10

NOT_RUN = "Not run by the tests: "


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its title, its text, where it begins, and the text block right after it."""

    language: str
    title: str
    text: str
    line: int
    said: str


def blocks_of(page: Path) -> list[Block]:
    """The page's fenced blocks; no other code may be on it."""
    tokens = MarkdownIt().enable("table").parse(page.read_text(encoding="utf-8"))
    indented = [token.map[0] + 1 for token in tokens if token.type == "code_block"]
    assert not indented, f"{page.name}, line {indented}: an indented block, which the tests do not see"
    blocks = []
    for token, after in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "fence":
            language, _, rest = token.info.strip().partition(" ")
            title = re.search(r'title="([^"]*)"', rest)
            said = after.content if after is not None and after.type == "fence" and after.info == "text" else ""
            blocks.append(Block(language, title[1] if title else "", token.content, token.map[0] + 2, said))
    return blocks


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of what the pages name, which each page is given a copy of."""
    folder = tmp_path_factory.mktemp("prepared")
    prepare(folder)
    return folder


@pytest.fixture
def fewer_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what a command does many times over it does some: the ends of the ladders, two held-out draws."""
    for module in ("robustness.stress", "evaluation.transformed"):
        monkeypatch.setattr(f"snellen.{module}.all_transforms", some_transforms)
    monkeypatch.setattr("snellen.attacks.result.held_out_draws", lambda seed: held_out_draws(seed, 2))


@pytest.mark.usefixtures("fewer_repeats")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_runs(page: Path, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = blocks_of(page)
    if not any(block.language in ("bash", "python") for block in blocks):
        return
    monkeypatch.chdir(tmp_path)
    # As a script beside the page's files would.
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks:
        where = f"{page.relative_to(ROOT)}, line {block.line}"
        if block.title.startswith(NOT_RUN):
            continue
        if block.title:
            Path(block.title).write_text(written(block), encoding="utf-8")
        elif block.language == "python":
            check_output(run_python(cut(block.text), names, where), block.said, where)
        elif block.language == "bash":
            check_output(run_shell(cut(block.text), page, where), block.said, where)
        elif block.language == "json":
            json.loads(block.text)
        else:
            assert block.language == "text", f"{where}: what is to be done with {block.language!r}?"


def test_what_is_not_run_says_why() -> None:
    titles = [block.title for page in [*PAGES, TROUBLES] for block in blocks_of(page)]
    not_run = [title for title in titles if title.startswith(NOT_RUN)]
    assert len(not_run) <= MOST_NOT_RUN
    assert all(len(title) > len(NOT_RUN) + 10 for title in not_run)


def test_every_cut_is_needed() -> None:
    written = "".join(block.text for page in PAGES for block in blocks_of(page))
    assert [old for old, _, _ in CUTS if old not in written] == []
    assert [name for name in HUB if name not in written] == []


def test_make_exam_is_the_command_that_stands_for_it() -> None:
    assert "$(VENV)/bin/snellen exam --out exam" in (ROOT / "Makefile").read_text(encoding="utf-8")


def troubles() -> Iterator[tuple[str, Block]]:
    """Each heading of the page of troubles with the block below it."""
    message = ""
    tokens = MarkdownIt().parse(TROUBLES.read_text(encoding="utf-8"))
    blocks = {block.line: block for block in blocks_of(TROUBLES)}
    for token, inner in itertools.pairwise(tokens):
        if token.type == "heading_open" and token.tag == "h3":
            assert not message, f"no block provokes {message!r}"
            assert [child.type for child in inner.children] == ["code_inline"]
            message = inner.children[0].content
        elif token.type == "fence" and message:
            yield message, blocks[token.map[0] + 2]
            message = ""


TROUBLES_AND_BLOCKS = list(troubles())


@pytest.fixture(scope="module")
def trouble_folder(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("troubles")
    shutil.copytree(prepared, folder, dirs_exist_ok=True)
    prepare_troubles(folder)
    return folder


@pytest.mark.parametrize(
    ("message", "block"), list(troubles()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_trouble_is_what_the_program_says(
    message: str, block: Block, trouble_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trouble_folder)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    if block.language == "python":
        with pytest.raises(snellen.SnellenError) as caught:
            run_python(block.text, {}, "troubleshooting.md")
        assert message in str(caught.value)
        return
    *before, last = block.text.splitlines()
    for command in before:
        assert in_process(command)[0] == 0
    status, said = in_process(last)
    assert status in (1, 2), said
    assert f"snellen: {message}" in said.splitlines()[-1]


def cut(text: str) -> str:
    """``text`` as the tests run it."""
    for old, new, _ in CUTS:
        text = text.replace(old, new)
    return text


def written(block: Block) -> str:
    """A file that a page writes; an exam, which is no recipe, is cut to its first part."""
    exam = block.language == "toml" and "epochs" not in block.text and "parts =" not in block.text
    return SHORT_CONFIG * exam + block.text


def run_python(text: str, names: dict[str, object], where: str) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(text, where, "exec"), names)
    return printed.getvalue()


def run_shell(text: str, page: Path, where: str) -> str:
    """What the commands print; those that need a shell, or stand on a page of :data:`BY_PROCESS`, run in one."""
    printed = []
    for command in text.replace("\\\n", " ").splitlines():
        if not command.strip():
            continue
        unquoted = re.sub(r'"[^"]*"', "", command)
        if re.search(r"[|<>]", unquoted) or not command.startswith("snellen"):
            status, said = by_shell(command)
        elif page.name in BY_PROCESS:
            done = forked.run(*words(command))
            status, said = done.returncode, done.stdout + done.stderr
        else:
            status, said = in_process(command)
        assert status == 0, f"{where}: {command}: status {status}: {said}"
        printed.append(said)
    return "".join(printed)


def in_process(command: str) -> tuple[int, str]:
    """Status and output of a ``snellen`` command, run by its real entry point without a process of its own."""
    from snellen.cli import main

    before, sys.argv = sys.argv, ["snellen", *words(command)]
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            main()
    except SystemExit as end:
        return int(end.code or 0), printed.getvalue()
    finally:
        sys.argv = before
    raise AssertionError("main returned")


def words(command: str) -> list[str]:
    """The arguments of a ``snellen`` command, as a shell makes them."""
    arguments = []
    for word in shlex.split(command, comments=True)[1:]:
        arguments += sorted(map(str, Path().glob(word))) if "*" in word and list(Path().glob(word)) else [word]
    return arguments


def by_shell(command: str) -> tuple[int, str]:
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    # Bash gives way to the command, so that nothing is left behind where the time is up.
    ended = subprocess.run(
        ["bash", "-c", f"exec {command}"], capture_output=True, text=True, env=os.environ | {"PATH": path}, timeout=280
    )
    return ended.returncode, ended.stdout + ended.stderr


NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")


def check_output(printed: str, expected: str, where: str) -> None:
    """Each expected line is among those printed; blanks are not compared, numbers to 5 per cent or 0.02."""
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    for line in expected.splitlines():
        wanted = " ".join(line.split())
        assert any(agree(wanted, line) for line in lines), f"{where}: {wanted!r} is not among {lines}"


def agree(wanted: str, line: str) -> bool:
    if NUMBER.sub("#", wanted) != NUMBER.sub("#", line):
        return False
    pairs = zip(NUMBER.findall(wanted), NUMBER.findall(line), strict=True)
    return all(float(one) == pytest.approx(float(other), rel=0.05, abs=0.02) for one, other in pairs)


def draw(path: Path, number: int) -> None:
    """A small photograph of its own: a corner of a real one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(bundled_photographs()[number % 4].path) as image:
        left = 7 * number
        image.convert("RGB").crop((left, 20, left + 48, 68)).save(path)


def prepare(folder: Path) -> None:
    """Everything that the pages name and do not make themselves."""
    for photograph in bundled_photographs():
        shutil.copy(photograph.path, folder)
    with Image.open(folder / "coffee.png") as coffee:
        small = coffee.convert("RGB").resize((300, 200))
    for name in ("photo.jpg", "peppers.jpg"):
        small.save(folder / name, quality=95)
    with Image.open(folder / "chelsea.png") as cat:
        cat.resize((240, 160)).save(folder / "cat.png")
    for name, classes in (HUB | {"my-folder": ("cat", "dog"), "pets-data": ("cat", "dog")}).items():
        for label, kind in enumerate(classes):
            for number in range(6):
                draw(folder / name / kind / f"{number}.png", 4 * number + label)
    from sklearn.datasets import load_digits

    digits = load_digits()
    for number in range(60):
        kind = folder / "few-digits" / f"digit-{digits.target[number]}"
        kind.mkdir(parents=True, exist_ok=True)
        Image.fromarray((digits.images[number] * 15.9).astype("uint8")).save(kind / f"{number}.png")
    for name in ("short.toml", "exam.toml"):
        (folder / name).write_text(SHORT_CONFIG, encoding="utf-8")


def prepare_troubles(folder: Path) -> None:
    """The odd files that the page of troubles is about."""
    from safetensors.torch import save_file

    from snellen.models.create import create

    (folder / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    (folder / "page.jpg").write_text("<html>not found</html>", encoding="utf-8")
    deep = np.full((4, 4), 4000, np.uint16)
    Image.fromarray(deep).save(folder / "deep.png")
    Image.new("1", (10_000, 9_000)).save(folder / "wide.png")
    draw(folder / "table" / "0.png", 0)
    (folder / "table" / "about.csv").write_text("id,colour,size\n0,red,1\n", encoding="utf-8")
    for part in ("images", "annotations"):
        draw(folder / "parts" / part / "0.png", 0)
    with tarfile.open(folder / "leads.tar", "w") as tar:
        tar.add(folder / "deep.png", "../cat.png")
    (folder / "cut-off.tar.gz").write_bytes(gzip.compress(bytes(20_000))[:20])
    (folder / "empty.jpg").touch()
    (folder / "cut-off.jpg").write_bytes((folder / "photo.jpg").read_bytes()[:4000])
    (folder / "holiday").mkdir()
    (folder / "holiday" / "notes.txt").write_text("no image", encoding="utf-8")
    (folder / "model.pth").write_bytes(b"\x80\x02.")
    weights = create("resnet18", 3).state_dict()
    save_file(weights, folder / "model.safetensors")
    save_file({"a": torch.zeros(1)}, folder / "theirs.safetensors", metadata={"architecture": "net.py"})
    (folder / "cut-off.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:100_000])
    for number in range(4):
        draw(folder / "flat" / f"{number}.png", number)
        draw(folder / "only-cats" / "cat" / f"{number}.png", number)
        draw(folder / "few" / "dog" / f"{number}.png", number)
    draw(folder / "few" / "cat" / "0.png", 0)
    (folder / "results").write_text("a file, not a folder", encoding="utf-8")
    # The probe that is refused before anything of it but its network's name is looked at.
    learned = {"size": [64, 64], "crop_fraction": 1.0, "interpolation": "bilinear", "mean": [0] * 3, "std": [1] * 3}
    about = {"model": "tf_efficientnet_lite0", "weights": "", "preprocessing": learned, "mirrored": False, "c": 1.0}
    about |= {"kind": "svm", "labels": ["cat", "dog"], "dataset": "digits", "data": "", "format": 2}
    (folder / "pets").mkdir()
    (folder / "pets" / "probe.json").write_text(json.dumps(about), encoding="utf-8")
    save_file({"weight": torch.zeros(2, 4), "bias": torch.zeros(2)}, folder / "pets" / "probe.safetensors")
    shutil.rmtree(folder / "timm")
    configurations = {
        "wrong-key.toml": 'title = "Homework 2"\nphotograph = ["peppers.jpg"]\n',
        "no-quotes.toml": "title = Homework 2\n",
        "runs-code.toml": 'architecture = "net.py"\n',
        "code-recipe.toml": 'network = "net.py"\nepochs = 1\nbatch = 4\n',
        "wrong-type.toml": 'seed = "0"\n',
        "wrong-part.toml": 'parts = ["atack"]\n',
        "too-fast.toml": 'network = "plain"\nepochs = 1\nbatch = 4\noptimiser = {name = "sgd", learning_rate = 1e30}\n',
    }
    for name, text in configurations.items():
        (folder / name).write_text(text, encoding="utf-8")


def test_every_public_name_has_its_place() -> None:
    reference = (DOCS / "reference" / "python.md").read_text(encoding="utf-8")
    documented = re.findall(r"^::: snellen\.(\w+)$", reference, re.MULTILINE)
    assert sorted(documented) == sorted(snellen.__all__)


def test_the_pictures_are_small_and_shown() -> None:
    pictures = sorted((DOCS / "images").iterdir())
    assert sum(picture.stat().st_size for picture in pictures) < 1_500_000
    pages = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [picture.name for picture in pictures if f"images/{picture.name}" not in pages] == []


def test_the_site_builds_strictly_and_asks_nothing_of_the_network(tmp_path: Path) -> None:
    # Not --quiet: it silences the logger whose warnings --strict counts, so that none would be one.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, timeout=240)
    assert built.returncode == 0, built.stdout + built.stderr
    loads = re.compile(
        r"<(?:script|img|iframe|source)[^>]+src=\"(?:https?:)?//|<link[^>]+(?:stylesheet|icon|preconnect)[^>]+//"
    )
    for page in (tmp_path / "site").rglob("*.html"):
        assert not loads.search(page.read_text(encoding="utf-8")), page
    commands = (tmp_path / "site" / "reference" / "command-line.html").read_text(encoding="utf-8")
    configuration = (tmp_path / "site" / "reference" / "configuration.html").read_text(encoding="utf-8")
    assert "--epsilon" in commands
    assert "training_runs" in configuration
    assert "learning_rate" in configuration
    assert "{{ " not in commands + configuration
