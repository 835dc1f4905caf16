"""The exam runs, fails in parts, and ends in a PDF that says what it was made of."""

import dataclasses
import glob
import json
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image

from snellen.errors import InputError, SnellenError
from snellen.exam import parts as parts_module
from snellen.exam import run as run_module
from snellen.exam.config import ExamConfig, read_config
from snellen.exam.document import Heading, Paragraph, Picture, Points, Report, Section, Table
from snellen.exam.parts import PARTS
from snellen.exam.run import run_exam
from snellen.exam.typeset import write_pdf


def text_of(pdf: Path) -> str:
    document = pypdfium2.PdfDocument(pdf)
    text = " ".join(page.get_textpage().get_text_range() for page in document)
    document.close()
    return " ".join(text.split())


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_config(tmp_path: Path) -> None:
    text = """
        # my exam
        title = "Homework 2"
        author = "A. Student"
        collaborators = ["B. Student", "C. Student"]
        photographs = ["a.jpg", "more"]
        parts = ["categories"]
        seed = 7
        paper = "us-letter"
    """
    config = read_config(write(tmp_path / "exam.toml", text), PARTS)
    escaped = glob.escape(str(tmp_path))
    assert config == ExamConfig(
        title="Homework 2",
        author="A. Student",
        collaborators=("B. Student", "C. Student"),
        photographs=(f"{escaped}/a.jpg", f"{escaped}/more"),
        parts=("categories",),
        seed=7,
        paper="us-letter",
    )
    assert read_config(write(tmp_path / "empty.toml", ""), PARTS) == ExamConfig()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('title = "x"\n\nmodle = "y"', r"exam.toml, line 3: unknown key 'modle' \(did you mean model\? valid: title,"),
        ('parts = [\n  "categories",\n  "catgories"]', "line 3: unknown part 'catgories' .*did you mean categories"),
        ("seed = 'x'", "line 1: seed is 'x' .*a whole number"),
        ("seed = true", "line 1: seed is True"),
        ("title = 3", "line 1: title is 3 .*a text in quotes"),
        ("\nparts = 'categories'", "line 2: parts is 'categories' .*a list of texts"),
        ("photographs = [1]", r"photographs is \[1\]"),
        ("paper = 'a5'", 'paper is \'a5\' .*"a4" or "us-letter"'),
        ("title = \nseed = 1", "not TOML: .*line 1"),
        ("[table]\nx = 1", "unknown key 'table'"),
        ('title = "my parts"\nparts = "x"', "line 2: parts is"),
        ('title = "catgories"\nparts = ["catgories"]', "line 2: unknown part"),
        ('title = """\n x modle = 3\n"""\nmodle = 3', "line 4: unknown key"),
        ("a = " + "[" * 10000, "not TOML"),
    ],
)
def test_config_mistakes(tmp_path: Path, text, message) -> None:
    with pytest.raises(InputError, match=message):
        read_config(write(tmp_path / "exam.toml", text), PARTS)


def test_config_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gone.toml: cannot be read: No such file"):
        read_config(tmp_path / "gone.toml", PARTS)
    (tmp_path / "latin.toml").write_bytes(b'title = "\xe9"')
    with pytest.raises(InputError, match="not a text file in UTF-8"):
        read_config(tmp_path / "latin.toml", PARTS)


def test_exam_on_the_command_line(snellen_command, tmp_path: Path) -> None:
    Image.new("RGB", (60, 40), "red").save(tmp_path / "red.png")
    (tmp_path / "broken.jpg").write_bytes(b"")
    exam = write(
        tmp_path / "exam.toml",
        'title = "The title"\nauthor = "The author"\ncollaborators = ["Ada", "Bob"]\n'
        'photographs = ["red.png", "broken.jpg"]\nparts = ["categories"]\n',
    )
    out = tmp_path / "run"
    done = snellen_command("exam", exam, "--out", out)
    assert done.returncode == 2, done.stderr
    assert "broken.jpg: empty" in done.stderr
    assert done.stdout == f"The report is {out / 'report.pdf'}\n"
    text = text_of(out / "report.pdf")
    for expected in (
        "The title",
        "The author",
        "Worked with Ada and Bob",
        "tf_efficientnet_lite0",
        "shorter side to 256 pixels (bicubic, antialiased)",
        "red.png",
        "Problem 1, part 1",
        "References",
        "def classify(",
        "Provenance",
    ):
        assert expected in text, expected
    result = json.loads((out / "categories" / "result.json").read_text())
    (entry,) = result["results"]
    assert len(entry["predictions"]) == 3
    assert f"{entry['predictions'][0]['probability']:.4f}" in text
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["provenance"]["weights"] == result["provenance"]["weights"]


def test_many_photographs_fill_several_figures(tmp_path: Path) -> None:
    for number in range(8):
        Image.new("RGB", (8, 8), (30 * number, 0, 0)).save(tmp_path / f"{number}.png")
    result = run_exam(ExamConfig(photographs=(str(tmp_path),), parts=("categories",)), tmp_path / "run")
    assert "Figure 2" in text_of(result.report)
    files = json.loads((tmp_path / "run" / "manifest.json").read_text())["files"]
    assert {"categories/categories-1.png", "categories/categories-2.png", "report.pdf"} <= set(files)


def test_a_failed_part_is_shown_and_the_rest_is_there(tmp_path: Path, monkeypatch) -> None:
    def fail(_):
        raise SnellenError("the lamp went out")

    failing = dataclasses.replace(PARTS["categories"], title="Dark", run=fail)
    table = {"dark": failing, "categories": PARTS["categories"]}
    monkeypatch.setattr(run_module, "PARTS", table)
    started = []
    result = run_exam(ExamConfig(parts=tuple(table)), tmp_path, started.append)
    assert started == ["dark", "categories"]
    assert result.failed == ("part dark: the lamp went out",)
    assert result.unreadable == ()
    text = text_of(result.report)
    assert "This part failed. the lamp went out" in text
    assert "espresso" in text


def test_no_readable_photograph(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no photograph can be read: .*gone\.jpg: no such file"):
        run_exam(ExamConfig(photographs=("gone.jpg",)), tmp_path)


@pytest.mark.parametrize("paper", ["a4", "us-letter"])
def test_typeset_prints_any_text(tmp_path: Path, paper: str) -> None:
    """Markup of every kind must come out as it went in."""
    nasty = "#panic() *a* _b_ $x$ `c` <d> @e \\f [g] // h /* i */ = j - k “ü” 漢 1e-3"
    picture = tmp_path / "a.png"
    Image.new("RGB", (20, 10)).save(picture)
    blocks = (
        Paragraph(nasty),
        Heading(nasty),
        Points([nasty]),
        Table((nasty,), [[nasty]], nasty),
        Picture(picture, nasty),
    )
    report = Report(
        nasty, nasty, [nasty], [(nasty, nasty)], [Section(nasty, nasty, blocks)], [nasty], [], [(nasty, nasty)], paper
    )
    write_pdf(report, tmp_path / "report.pdf")
    assert text_of(tmp_path / "report.pdf").replace(" ", "").count("#panic()*a*_b_$x$`c`<d>@e\\f[g]//h/*i*/=j-k") >= 10
    width, _ = pypdfium2.PdfDocument(tmp_path / "report.pdf")[0].get_size()
    assert width == pytest.approx({"a4": 595.3, "us-letter": 612}[paper], abs=0.5)


def test_the_same_report_is_the_same_file(tmp_path: Path) -> None:
    report = Report("t", "", [], [], [Section("s", "", (Paragraph("p"),))], [], [], [], "a4")
    for name in ("1.pdf", "2.pdf"):
        write_pdf(report, tmp_path / name)
    assert (tmp_path / "1.pdf").read_bytes() == (tmp_path / "2.pdf").read_bytes()


def test_a_report_that_typst_refuses(tmp_path: Path) -> None:
    picture = tmp_path / "broken.png"
    picture.write_bytes(b"not a png")
    report = Report("t", "", [], [], [Section("s", "", (Picture(picture, "c"),))], [], [], [], "a4")
    with pytest.raises(SnellenError, match=r"report\.pdf: cannot be typeset"):
        write_pdf(report, tmp_path / "report.pdf")
    assert not (tmp_path / "report.pdf").exists()


def test_every_part_is_complete() -> None:
    for name, part in parts_module.PARTS.items():
        assert part.title, name
        assert part.assignment.startswith("Problem "), name
        assert part.sources, name
        assert part.references, name
