"""The exam runs, fails in parts, and ends in a PDF that says what it was made of."""

import ast
import base64
import dataclasses
import glob
import importlib.util
import inspect
import json
import os
import re
import time
import tomllib
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pypdfium2
import pytest
import torch
import typst
from PIL import Image

import forked
import snellen
from blank_bands import blank_bands
from conftest import ROOT
from snellen.data.photographs import bundled_photographs
from snellen.errors import InputError, SnellenError
from snellen.exam.cache import CachedAnswer, cache_key, load_cached, save_cached
from snellen.exam.compare import compare_exams, read_exam
from snellen.exam.compose import RAN, FinishedPart, checklist, compose
from snellen.exam.config import ExamConfig, first_look, read_exam_config
from snellen.exam.context import Context, content_of_files
from snellen.exam.own_words import notes_on_own_words, own_words
from snellen.exam.parts import PARTS, Part, training
from snellen.exam.parts.drivers import setup
from snellen.exam.photographs import choose_photographs
from snellen.exam.report.code import method_listing, settings_listing
from snellen.exam.report.document import (
    Answer,
    Discussion,
    Fact,
    Failed,
    FigureRow,
    Heading,
    Item,
    Listing,
    Paragraph,
    Picture,
    Points,
    Reference,
    Report,
    Section,
    Table,
)
from snellen.exam.report.html import write_html
from snellen.exam.report.notebook import write_notebook
from snellen.exam.report.numbers import numbered
from snellen.exam.report.pdf import write_pdf, write_source
from snellen.exam.report.pictures import compressed
from snellen.exam.report.references import with_citations
from snellen.exam.run import Shared, run_exam
from snellen.runs.files import write_text
from snellen.runs.progress import Progress
from snellen.runs.provenance import Provenance
from snellen.runs.serialise import from_plain
from snellen.training.ablations import ABLATIONS
from snellen.training.files import read_results
from snellen.training.recipe import RECIPES, Recipe, read_recipe, without_effect
from test_images import bomb
from toys import MeanColours, classifier_of


def text_of(pdf: Path) -> str:
    document = pypdfium2.PdfDocument(pdf)
    text = " ".join(page.get_textpage().get_text_range() for page in document)
    document.close()
    return " ".join(text.split())


def report_of(*blocks, title: str = "t", paper: str = "a4", **others) -> Report:
    """A report of one section."""
    values = {
        "author": "", "collaborators": [], "summary": [], "cover": None, "highlights": [], "checklist": [],
        "findings": [], "references": [], "words": "", "listings": [], "provenance": [], "made": "2026-11-26",
    }  # fmt: skip
    return Report(title=title, sections=[Section("s", title, "", blocks)], paper=paper, **(values | others))


class Recorder(Progress):
    """Records what it is told."""

    def __init__(self) -> None:
        self.begun, self.notes = [], []

    def begin(self, stage, total=None) -> None:  # noqa: ARG002
        self.begun.append(stage)

    def note(self, line) -> None:
        self.notes.append(line)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_config(tmp_path: Path) -> None:
    text = """
        # my exam
        title = "Homework 2"
        author = "A. Student"
        collaborators = ["B. Student", "C. Student"]
        photographs = ["a.jpg", "more"]
        parts = ["categories"]
        dataset = "timm/oxford-iiit-pet"
        epsilon = "8/255"
        target = "goldfish"
        seed = 7
        paper = "us-letter"
        [labels]
        "a.jpg" = "espresso"
    """
    config = read_exam_config(write(tmp_path / "exam.toml", text))
    escaped = glob.escape(str(tmp_path))
    assert config == ExamConfig(
        title="Homework 2",
        author="A. Student",
        collaborators=("B. Student", "C. Student"),
        photographs=(f"{escaped}/a.jpg", f"{escaped}/more"),
        parts=("categories",),
        dataset=("timm/oxford-iiit-pet",),
        epsilon="8/255",
        target="goldfish",
        labels={"a.jpg": "espresso"},
        seed=7,
        paper="us-letter",
    )
    own = read_exam_config(write(tmp_path / "own.toml", 'photographs = ["a.jpg", "chelsea.png"]')).photographs
    assert own == (f"{escaped}/a.jpg", str(bundled_photographs()[1].path))
    Image.new("RGB", (8, 8)).save(tmp_path / "chelsea.png")
    assert read_exam_config(tmp_path / "own.toml").photographs[1] == f"{escaped}/chelsea.png"
    (tmp_path / "mine").mkdir()
    several = read_exam_config(write(tmp_path / "several.toml", 'dataset = ["mine", "digits"]'))
    assert several.dataset == (str(tmp_path / "mine"), "digits")
    assert read_exam_config(write(tmp_path / "empty.toml", "")) == ExamConfig()


@pytest.mark.parametrize("name", ["x" * 5000, "a\\u0000b"])
def test_names_that_can_be_no_path(tmp_path: Path, name: str) -> None:
    """They are left to whoever is to find them."""
    text = "".join(f'{key} = "{name}"\n' for key in ("model", "dataset", "training"))
    config = read_exam_config(write(tmp_path / "exam.toml", text))
    assert config.model == config.training == config.dataset[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('title = "x"\n\nmodle = "y"', r"exam.toml, line 3: unknown key 'modle' \(did you mean model\?\)"),
        ('parts = [\n  "categories",\n  "catgories"]', "line 3: unknown part 'catgories' .*did you mean categories"),
        (
            'corruptions = 0\nparts = ["corruptions"]',
            "line 2: part 'corruptions': nobody says .*such as corruptions = 50",
        ),
        ("\nepsilon = 'min'", "line 2: epsilon is min, and an exam has one bound for all .such as 4/255"),
        ("seed = 'x'", "line 1: seed is 'x' .*a whole number"),
        ("seed = true", "line 1: seed is True"),
        ("title = 3", "line 1: title is 3 .*a text in quotes"),
        ("\nparts = 'categories'", "line 2: parts is 'categories' .*a list of texts"),
        ("photographs = [1]", r"line 1: photographs\[0\] is 1 .*a text in quotes"),
        ("paper = 'a5'", "paper is 'a5' .*a4 or us-letter"),
        ("appendix = 'all'", "appendix is 'all' .*methods or full or none"),
        ("[discussion]\nprobes = 'x'", "line 1: discussion: unknown part 'probes' .did you mean probe"),
        ("[discussion]\nprobes-2 = 'x'", "line 1: discussion: unknown part 'probes' .did you mean probe"),
        (f"[discussion]\nprobe-{'9' * 5000} = 'x'", "line 1: discussion: unknown part 'probe-9"),
        ("[discussion]\nprobe = 'x'\nprobe-2 = 'y'", "discussion: both probe and probe-2 .one or the other"),
        ("title = \nseed = 1", "not TOML: .*line 1"),
        ("\nepsilon = '4'", "line 2: epsilon is 4 .*did you mean 4/255"),
        ("labels = ['a']", r"labels is \['a'\] .*a table"),
        ("quick = 1", "quick is 1 .*true or false"),
        ("dataset = 3", "dataset is 3 .*a list of texts"),
        ("[table]\nx = 1", "unknown key 'table'"),
        ('title = "my parts"\nparts = "x"', "line 2: parts is"),
        ('title = "catgories"\nparts = ["catgories"]', "line 2: unknown part"),
        ('title = """\n x modle = 3\n"""\nmodle = 3', "line 4: unknown key"),
        ("a = " + "[" * 10000, "not TOML"),
        ("seed = " + "9" * 5000, "not TOML: Exceeds the limit"),
        ('epsilon = "1e999999999"', "line 1: epsilon '1e999999999' is not a number"),
    ],
)
def test_config_mistakes(tmp_path: Path, text, message) -> None:
    with pytest.raises(InputError, match=message):
        read_exam_config(write(tmp_path / "exam.toml", text))


def test_tables_of_single_parts(tmp_path: Path) -> None:
    text = """
        [training]
        dataset = "digits"
        epochs = 2
        [attack]
        method = "gradient_ascent"
        [probe]
        classifier = "ridge"
        [features]
        layers = ["blocks.1"]
        channels = [3, 4]
    """
    config = read_exam_config(write(tmp_path / "exam.toml", text))
    assert (config.trained.dataset, config.trained.epochs) == ("digits", 2)
    assert {recipe.epochs for recipe in training.recipes("digits", 2)} == {2}
    assert {recipe.epochs for recipe in training.recipes("elsewhere", 3)} == {3}
    assert (config.attack.method, config.probe.classifier) == ("gradient_ascent", "ridge")
    assert (config.features.layers, config.features.channels) == (("blocks.1",), (3, 4))
    for wrong, message in (
        ("[attack]\nrobust = true\nmethod = 'gradient_ascent'", "line 1, attack: a robust attack has its own method"),
        ("[attack]\nmethod = 'fgsm'", "method is 'fgsm' .apgd or gradient_ascent"),
        ("[training]\nepochs = 0", "epochs is 0"),
        ("[probe]\nkind = 'svm'", "unknown key 'kind'"),
    ):
        with pytest.raises(InputError, match=message):
            read_exam_config(write(tmp_path / "exam.toml", wrong))


def test_config_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gone.toml: cannot be read: No such file"):
        read_exam_config(tmp_path / "gone.toml")
    (tmp_path / "latin.toml").write_bytes(b'title = "\xe9"')
    with pytest.raises(InputError, match="not a text file in UTF-8"):
        read_exam_config(tmp_path / "latin.toml")


def test_exam_on_the_command_line(snellen_command, tmp_path: Path) -> None:
    Image.new("RGB", (60, 40), "red").save(tmp_path / "red.png")
    (tmp_path / "broken.jpg").write_bytes(b"")
    exam = write(
        tmp_path / "exam.toml",
        'title = "The title"\nauthor = "The author"\ncollaborators = ["Ada", "Bob"]\n'
        'photographs = ["red.png", "broken.jpg"]\nparts = ["categories"]\n',
    )
    out = tmp_path / "run"
    done = snellen_command("exam", exam, "--out", out, "--keep-source")
    assert done.returncode == 2, done.stderr
    assert "broken.jpg: empty" in done.stderr
    assert (out / "source" / "discussion" / "categories-1.txt").read_text(encoding="utf-8")
    again = snellen_command("exam", exam, "--out", out, "--summary")
    assert again.stdout.startswith("What it sees: It sees red as ")
    assert again.stdout.endswith(f"The same on one page is {out / 'summary.pdf'}\n")
    summary = pypdfium2.PdfDocument(out / "summary.pdf")
    assert len(summary) == 1
    summary.close()
    assert done.stdout == f"The report is {out / 'report.pdf'}, and as a page {out / 'report.html'}\n"
    assert "The exam takes about" in done.stderr
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
        "def top_predictions(",
        "Provenance",
    ):
        assert expected in text, expected
    result = json.loads((out / "categories" / "result.json").read_text(encoding="utf-8"))
    (entry,) = result["results"]
    assert len(entry["predictions"]) == 3
    assert f"{entry['predictions'][0]['probability']:.1%}" in text
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["provenance"]["weights"] == result["provenance"]["weights"]


def test_many_photographs_fill_several_figures(tmp_path: Path) -> None:
    (tmp_path / "photographs").mkdir()
    for number in range(8):
        Image.new("RGB", (8, 8), (30 * number, 0, 0)).save(tmp_path / "photographs" / f"{number}.png")
    photographs = (str(tmp_path / "photographs"),)
    result = run_exam(ExamConfig(photographs=photographs, parts=("categories",)), tmp_path / "run")
    assert "Figure 2" in text_of(result.report)
    files = json.loads((tmp_path / "run" / "manifest.json").read_text(encoding="utf-8"))["files"]
    assert {"categories/categories-1.png", "categories/categories-2.png", "report.pdf"} <= set(files)


def test_a_failed_part_is_shown_and_the_rest_is_there(tmp_path: Path) -> None:
    def fail(_):
        raise SnellenError("the lamp went out")

    failing = dataclasses.replace(PARTS["categories"], title="Dark", run=fail)
    table = {"dark": failing, "categories": PARTS["categories"]}
    progress = Recorder()
    config = ExamConfig(credits={"chelsea.png": "a cat of ours, CC0"})
    result = run_exam(config, str(tmp_path), parts=table, progress=progress)
    assert progress.begun == ["Dark", "What it sees"]
    assert result.failed == ("part dark: the lamp went out",)
    assert result.unreadable == ()
    text = text_of(result.report)
    assert "This part failed. the lamp went out" in text
    assert "espresso" in text
    assert "chelsea.png (a cat of ours, CC0)" in text
    assert "coffee.png (scikit-image, by Rachel Michetti, CC0)" in text


def test_what_photographs_show_is_tabulated_with_who_says_so(tmp_path: Path, lite0) -> None:
    (tmp_path / "goldfish").mkdir()
    names = ("goldfish/a.png", "b.png", "c.png", "d.png")
    for name in names[:3]:
        Image.new("RGB", (64, 64)).save(tmp_path / name)
    (tmp_path / "d.png").write_bytes(
        next(p for p in bundled_photographs() if p.path.stem == "coffee").path.read_bytes()
    )
    config = ExamConfig(
        photographs=tuple(str(tmp_path / name) for name in names), labels={"b": "space shuttle"}, credits={"c": "Ada"}
    )
    chosen = choose_photographs(config, lite0)
    assert chosen.credits == ("", "", "Ada", "")
    shown = [None if one is None else lite0.labels[one] for one in chosen.classes]
    assert shown == ["goldfish", "space shuttle", None, "espresso"]
    assert chosen.said_by == ("its folder", "the author", "", 'Snellen; scikit-image calls it "Coffee cup"')
    context = context_of(tmp_path, classifier=lite0, photographs=chosen.paths, expected=shown, said_by=chosen.said_by)
    (table,) = [block for block in PARTS["categories"].run(context).blocks if isinstance(block, Table)]
    assert table.columns[-2:] == ("true label", "who gave it")
    assert [row[-2:] for row in table.rows[::3]] == [
        (label or "", by) for label, by in zip(shown, chosen.said_by, strict=True)
    ]
    assert {row[-2:] for row in table.rows[1::3]} == {("", "")}
    first, *_ = PARTS["categories"].run(context).blocks
    assert "for 1,000 classes, trained on ImageNet-1k, run in PyTorch. " in first.text
    context = dataclasses.replace(context, expected=[None] * 4)
    (table,) = [block for block in PARTS["categories"].run(context).blocks if isinstance(block, Table)]
    assert table.columns[-1] == "probability"


def test_where_objects_lie_is_said_of_photographs_and_checked(tmp_path: Path, lite0) -> None:
    names = [str(tmp_path / name) for name in ("a.png", "b.png")]
    for name in names:
        Image.new("RGB", (64, 48)).save(name)
    text = 'photographs = ["a.png", "b.png"]\n[objects]\n"b.png" = '
    file = tmp_path / "exam.toml"
    file.write_text(f"{text}[4, 8, 64, 48]", encoding="utf-8")
    config = read_exam_config(file)
    assert choose_photographs(config, lite0).objects == (None, (4, 8, 64, 48))
    # What it says of its own photographs it does not say of others.
    assert config.with_photographs(names, None, None, None, None).objects == {}
    file.write_text(f"{text}[4, 8, 65, 48]", encoding="utf-8")
    with pytest.raises(InputError, match=r"objects: 'b\.png' is \[4, 8, 65, 48\] .*whole pixels of its 64 x 48"):
        choose_photographs(read_exam_config(file), lite0)
    file.write_text(f"{text}[4, 8.5, 64, 48]", encoding="utf-8")
    with pytest.raises(InputError, match=r"exam\.toml, line 2: objects\.b\.png\[1\] is 8\.5 \(a whole number"):
        read_exam_config(file)


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
        Discussion([nasty, nasty]),
        Heading(nasty),
        Points([nasty]),
        Table((nasty,), [[nasty]], nasty),
        Picture(picture, nasty),
        FigureRow([Picture(picture, ""), Picture(picture, "")], [nasty, nasty], nasty),
        Failed(nasty),
    )
    report = report_of(
        *blocks,
        title=nasty,
        author=nasty,
        collaborators=[nasty],
        summary=[Fact(nasty, nasty)],
        cover=Picture(picture, nasty),
        highlights=[(nasty, Picture(picture, nasty))],
        checklist=[Item(nasty, nasty, "s", nasty, nasty), Item(nasty, nasty, "gone", "", nasty, answered=False)],
        findings=[(nasty, nasty)],
        references=[nasty],
        words=nasty,
        listings=[Listing(nasty, nasty, nasty)],
        provenance=[Fact(nasty, nasty)],
        paper=paper,
    )
    remark = write_pdf(report, tmp_path / "report.pdf")
    text = text_of(tmp_path / "report.pdf").replace(" ", "")
    assert text.count("#panic()*a*_b_$x$`c`<d>@e\\f[g]//h/*i*/=j-k") >= 30
    assert ("漢" in text) is (remark == "")
    assert remark == "" or (remark == "no font here has 漢: printed as numbers, [U+6F22]" and "[U+6F22]" in text)
    width, _ = pypdfium2.PdfDocument(tmp_path / "report.pdf")[0].get_size()
    assert width == pytest.approx({"a4": 595.3, "us-letter": 612}[paper], abs=0.5)


class Page(HTMLParser):
    """What a browser would make of a page: its text, what it points at, its anchors."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text, self.sources, self.links, self.ids, self.open = "", [], [], [], []
        self.feed(path.read_text(encoding="utf-8"))
        assert not self.open

    def handle_starttag(self, tag, attrs) -> None:
        values = dict(attrs)
        self.sources += [values["src"]] if "src" in values else []
        self.links += [values["href"]] if "href" in values else []
        self.ids += [values["id"]] if "id" in values else []
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data


def test_figures_and_tables_are_named_by_number(tmp_path: Path) -> None:
    """A mark becomes the number, which leads to the figure, in each rendering; no mark is left."""
    Image.new("RGB", (20, 10)).save(tmp_path / "a.png")
    picture = Picture(tmp_path / "a.png", "A map, as [[s/rows]] lists.", name="map")
    report = report_of(
        Table(("a",), [["of [[s/map]]"]], "First.", name="first"),
        Paragraph("See [[s/map]] ([[s/rows]]), [[s/gone]], [[Figure 9]]."),
        picture,
        Discussion(["Then [[s/side]]."]),
        Points(["On [[s/first]]."]),
        Table(("a",), [["b"]], "Second.", name="rows"),
        FigureRow([picture, picture], ["1", "2"], "Beside.", name="side"),
    )
    assert numbered(numbered(report)) == numbered(report)
    write_pdf(report, tmp_path / "r.pdf")
    write_html(report, tmp_path / "r.html")
    write_notebook(report, [], "", lambda *_: "", tmp_path / "r.ipynb")
    cells = json.loads((tmp_path / "r.ipynb").read_text(encoding="utf-8"))["cells"]
    page = Page(tmp_path / "r.html")
    shown = (text_of(tmp_path / "r.pdf"), page.text, " ".join("".join(cell["source"]) for cell in cells))
    for text in (" ".join(one.split()) for one in shown):
        assert "See Figure 1 (Table 2), a figure that is not in this report, Figure 9." in text
        assert "Then Figure 2." in text
        assert "On Table 1." in text
        assert "A map, as Table 2 lists." in text
        assert "of Figure 1" in text
        assert "[[" not in text
    assert {"#figure-1", "#table-2", "#figure-2", "#table-1"} <= set(page.links)
    assert {"figure-1", "table-2", "figure-2", "table-1"} <= set(page.ids)
    assert b"/Dest" in (tmp_path / "r.pdf").read_bytes() or b"/GoTo" in (tmp_path / "r.pdf").read_bytes()


def test_a_text_of_ones_own_is_told_which_figures_there_are(tmp_path: Path) -> None:
    own = write(tmp_path / "mine.txt", "See [[one/map]], not [[one/mop]] or [[other]].")
    sections = [Section("one", "", "", (Paragraph("mine"), Picture(tmp_path / "a.png", "c", name="map")))]
    (note,) = notes_on_own_words(ExamConfig(discussion={"one": str(own)}), {"one": 1}, sections)
    assert note.startswith(f"discussion: {own}: [[one/mop]] names no figure or table; ")
    assert "one/map" in note


def test_pictures_and_tables_stand_with_the_item_that_they_answer(tmp_path: Path) -> None:
    """Each lies on its item's pages, from that of its heading to that of the next item's."""
    Image.new("RGB", (900, 700), "red").save(tmp_path / "a.png")
    blocks, rows = [], [["1", "2"]] * 15
    for number in range(1, 9):
        blocks += [Heading(f"item{number}", "of many"), Paragraph("word " * 60 * number)]
        blocks += [Picture(tmp_path / "a.png", f"picture{number}."), Table(("a", "b"), rows, f"table{number}.")]
        blocks.append(Paragraph("word " * (300 - 35 * number)))
    write_pdf(report_of(*blocks), tmp_path / "r.pdf")
    begins = [page_of(tmp_path / "r.pdf", f"item{number}, of") for number in range(1, 9)]
    for what in ("picture", "table"):
        shown = [page_of(tmp_path / "r.pdf", f"{what}{number}.") for number in range(1, 9)]
        for begin, one, end in zip(begins, shown, [*begins[1:], 99], strict=True):
            assert begin <= one <= end


def page_of(pdf: Path, words: str) -> int:
    """The last page of a PDF, behind the contents, that has ``words``."""
    texts = [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf)]
    return max(number for number, text in enumerate(texts) if words in text)


def test_text_flows_around_pictures(tmp_path: Path) -> None:
    """Pictures and tables that do not fit where they are named leave no white: no band above a fifth of a page."""
    Image.new("RGB", (900, 700), "red").save(tmp_path / "a.png")
    blocks = []
    for number in range(12):
        words = "word " * (60 + 25 * (number % 4))
        blocks += [Heading(f"h{number}"), Paragraph(words), Picture(tmp_path / "a.png", "c"), Paragraph(words)]
        blocks.append(Table(("a", "b"), [["1", "2"]] * (3 + 4 * (number % 4)), "t"))
    write_pdf(report_of(Paragraph("p"), Paragraph("p"), *blocks), tmp_path / "r.pdf")
    bands = blank_bands(tmp_path / "r.pdf")
    assert len(bands) > 8
    assert max(bands[1:-2]) < 0.2, bands


def test_the_page_prints_any_text_and_needs_nothing_beside_it(tmp_path: Path) -> None:
    nasty = "<script>x()</script> & \" ' {{ 1 }} {% if %} “ü” 漢 </table>"
    picture = tmp_path / "a.png"
    Image.new("RGB", (20, 10)).save(picture)
    report = report_of(
        Paragraph(nasty),
        Heading("What, then?"),
        Discussion([nasty]),
        Points([nasty]),
        Table((nasty, "n"), [[nasty, "1,000"], [nasty, "2"]], nasty),
        Picture(picture, nasty, 0.5),
        FigureRow([Picture(picture, ""), Picture(picture, "")], [nasty, nasty], nasty),
        Failed(nasty),
        title=nasty,
        cover=Picture(picture, nasty),
        checklist=[Item("1", nasty, "s", "What, then?", nasty), Item("2", nasty, "", "", nasty)],
        highlights=[(nasty, Picture(picture, nasty))],
        findings=[(nasty, nasty)],
        listings=[Listing(nasty, "x = '<b>'", nasty)],
        references=[nasty],
        words=nasty,
    )
    write_html(report, tmp_path / "report.html")
    page = Page(tmp_path / "report.html")
    assert page.text.count(nasty) >= 22
    assert "x = '<b>'" in page.text
    assert len(page.sources) == 5
    for source in page.sources:
        kind, _, data = source.partition(";base64,")
        assert kind == "data:image/png"
        assert base64.b64decode(data) == picture.read_bytes()
    assert set(page.links) <= {f"#{name}" for name in page.ids}
    assert "#s-what-then" in page.links
    markup = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert '<td class="right">1,000</td>' in markup
    assert "<script" not in markup
    assert "@import" not in markup


def test_the_pdf_is_held_to_archival_and_accessible_standards(tmp_path: Path, monkeypatch) -> None:
    """The typesetter validates: told to check, it refuses a picture without a text and a document without a title."""
    asked = []
    monkeypatch.setattr(typst, "compile", lambda *_, pdf_standards, **__: asked.append(pdf_standards))
    write_pdf(report_of(Paragraph("p")), tmp_path / "report.pdf")
    assert asked == [["a-2a", "ua-1"]]
    monkeypatch.undo()
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    write_pdf(report_of(Picture(tmp_path / "a.png", "")), tmp_path / "report.pdf")
    raw = (tmp_path / "report.pdf").read_bytes()
    assert b"pdfuaid" in raw
    assert b"pdfaid" in raw
    write_source(report_of(Picture(tmp_path / "a.png", "c")), tmp_path / "source")
    template = tmp_path / "source" / "report.typ"
    template.write_text(re.sub(r", alt: alt\b", "", template.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(typst.TypstError, match="PDF/UA-1 error: missing alt text"):
        typst.compile(template, pdf_standards=["a-2a", "ua-1"])


def test_the_source_is_typeset_as_the_report_and_can_be_rewritten(tmp_path: Path) -> None:
    report = report_of(Paragraph("p"), Discussion(["The first.", "The #second_."]), Discussion(["More."]))
    write_pdf(report, tmp_path / "report.pdf")
    write_source(report, tmp_path / "source")
    text = tmp_path / "source" / "discussion" / "s-1.txt"
    assert text.read_text(encoding="utf-8") == "The first.\n\nThe #second_.\n"
    assert (tmp_path / "source" / "discussion" / "s-2.txt").read_text(encoding="utf-8") == "More.\n"
    document = tmp_path / "source" / "report.typ"
    assert typst.compile(document, pdf_standards=["a-2a", "ua-1"]) == (tmp_path / "report.pdf").read_bytes()
    text.write_text("In my\nown words.\n\nAnd more.\n", encoding="utf-8")
    typst.compile(document, output=tmp_path / "own.pdf")
    assert "In my own words. And more. More." in text_of(tmp_path / "own.pdf")


def test_short_paragraphs_stay_whole_and_no_line_begins_like_an_item_of_a_list(tmp_path: Path) -> None:
    words = [f"Begin {'word ' * (number + 40)}takes four to 14. It ends." for number in range(45)]
    write_pdf(report_of(Discussion(words), Paragraph("By ‖X\u2032 \u2212 X‖∞ of P(y_fool).")), tmp_path / "report.pdf")
    document = pypdfium2.PdfDocument(tmp_path / "report.pdf")
    pages = [page.get_textpage().get_text_range().splitlines() for page in document]
    full = [lines for lines in pages if sum(line.startswith("Begin") for line in lines) > 2]
    assert len(full) > 1
    assert all(lines[0].startswith("Begin") for lines in full[1:])
    assert not any(line.startswith("14.") for lines in pages for line in lines)
    said = text_of(tmp_path / "report.pdf")
    assert "y_fool" not in said
    assert "‖X\u2032\u2212X‖∞" in said.replace(" ", "")


def test_references_are_numbered_where_the_text_first_uses_them() -> None:
    muon, he, unused = (
        Reference("Muon.", "Muon"),
        Reference("He.", r"He et al\. 2015|He start"),
        Reference("X.", "x-ray"),
    )
    report = report_of(
        Paragraph("Muons are none, muon-2.tar neither; muon (He et al. 2015) is, and Muon again."),
        Table(("a",), [["He start"]], "Muon"),
        provenance=[Fact("Versions", "torch 2.1, timm 1")],
    )
    tools = [Reference("Torch.", r"torch [\d.]+"), Reference("Ray.", "ray")]
    cited = with_citations(report, {"s": [unused, he, muon], "gone": [unused]}, tools)
    assert cited.references == ("Muon.", "He.", "Torch.")
    paragraph, table = cited.sections[0].blocks
    assert paragraph.text == "Muons are none, muon-2.tar neither; muon [1] (He et al. 2015 [2]) is, and Muon again."
    assert (table.rows[0][0], table.caption) == ("He start", "Muon")
    assert cited.provenance == [Fact("Versions", "torch 2.1 [3], timm 1")]
    # The user's own come last, whether a text has their key or not.
    own = with_citations(
        report_of(Paragraph("As in [a], He start; [a] again, [b].")), {"s": [he]}, [], {"a": "A.", "c": "C."}
    )
    assert own.references == ("He.", "A.", "C.")
    assert own.sections[0].blocks[0].text == "As in [2], He start [1]; [2] again, [b]."


def test_figures_among_ones_own_words(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    Image.new("RGB", (2, 2)).save(tmp_path / "a (1).png")
    file.write_text("![A [b](c) there]( a (1).png )\n\n![]\n\n![a]()\n\n![a](b) c\n", encoding="utf-8")
    figure, *others = own_words(file)
    assert (figure.caption, figure.path) == ("A [b](c) there", tmp_path / "a (1).png")
    assert [one.text for one in others] == ["![]", "![a]()", "![a](b) c"]
    file.write_text("![" + "](" * 200_000, encoding="utf-8")
    started = time.perf_counter()
    (plain,) = own_words(file)
    assert isinstance(plain, Paragraph)
    file.write_text("![](b.png)", encoding="utf-8")
    with pytest.raises(InputError, match=r"the figure b\.png has no caption"):
        own_words(file)
    config = tmp_path / "exam.toml"
    config.write_text("parts = [\n" + '"attack",\n' * 20_000 + "]\n", encoding="utf-8")
    assert read_exam_config(config).parts == ("attack",)
    config.write_text("parts = [\n" + '"attack",\n' * 20_000 + '"atack",\n]\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"exam\.toml, line 20002: unknown part 'atack'"):
        read_exam_config(config)
    assert time.perf_counter() - started < 10  # in the square of their length these took minutes


@pytest.mark.parametrize("kind", ["pipe", "cut", "bomb", "text"])
def test_a_damaged_picture_of_a_report_is_a_line(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "figure.png"
    Image.effect_noise((60, 60), 50).save(path)
    data, suffix = compressed(path)
    assert (data, suffix) == (path.read_bytes(), ".png")
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.write_bytes({"cut": data[:-200], "bomb": bomb(), "text": b"secret"}[kind])
    with pytest.raises(InputError, match=r"figure\.png"):
        compressed(path)


def test_own_words_take_the_place_of_computed_ones(tmp_path: Path) -> None:
    _, parts = counted()
    own = tmp_path / "mine.txt"
    own.write_text("Written by\nhand.\n\n  \nTwice.\n", encoding="utf-8")
    computed = Answer(
        "d", (), (Paragraph("before"), Discussion(("computed",)), Heading("h"), Discussion(("computed too",)))
    )
    parts["one"] = dataclasses.replace(parts["one"], run=lambda _: computed)
    plain = text_of(run_exam(ExamConfig(parts=("one",)), tmp_path / "a", parts=parts).report)
    assert "made by Snellen, a program that examines image classifiers: it composed the sentences from" in plain
    assert "before computed h computed too" in plain
    config = ExamConfig(parts=("one",), discussion={"one": str(own)})
    text = text_of(run_exam(config, tmp_path / "a", parts=parts).report)
    assert "before Written by hand. Twice. h" in text
    assert "computed too" not in text
    assert "The discussion of “one” was written by the author; Snellen composed the other sentences" in text
    assert "Checklist" in text
    second = dataclasses.replace(config, discussion={"one-2": str(own)})
    text = text_of(run_exam(second, tmp_path / "a", parts=parts).report)
    assert "before computed h Written by hand. Twice." in text
    assert "The discussion of “one”, or part of it, was written by the author" in text
    with pytest.raises(InputError, match=r"discussion: one-3: one has two discussions \(one-1 to one-2\)"):
        run_exam(dataclasses.replace(config, discussion={"one-3": str(own)}), tmp_path / "a", parts=parts)
    said = Recorder()
    run_exam(config, tmp_path / "a", parts=parts, progress=said)
    assert "discussion: one takes the place of two discussions; one-1 would of the first" in said.notes
    # A copy of a computed discussion has the numbers of that report.
    own.write_text("Made [12] by [chen].", encoding="utf-8")
    cited = dataclasses.replace(second, references={"chen": "Chen. A paper."})
    text = text_of(run_exam(cited, tmp_path / "a", parts=parts, progress=said).report)
    number = re.search(r"Made by \[(\d+)\]\.", text)
    assert f"[{number[1]}] Chen. A paper." in text
    assert f"discussion: {own}: numbers of references, such as [12], are given anew" in said.notes
    own.write_text("Written by\nhand.\n\n  \nTwice.\n", encoding="utf-8")
    audit = text_of(run_exam(dataclasses.replace(config, checklist=False), tmp_path / "a", parts=parts).report)
    assert "Checklist" not in audit
    assert "Problem 1" not in audit
    for content, message in ((None, "cannot be read: No such file"), (b"\xff", "UTF-8"), (b" \n", "is empty")):
        own.unlink(missing_ok=True)
        if content is not None:
            own.write_bytes(content)
        with pytest.raises(InputError, match=rf"discussion: .*mine\.txt: .*{message}"):
            run_exam(config, tmp_path / "new", parts=parts)
        assert not (tmp_path / "new").exists()  # before anything is examined
    runs = (str(tmp_path / "nosuch"),)
    with pytest.raises(InputError, match=r"training_runs: .*nosuch: no finished training run: no metrics\.json"):
        run_exam(ExamConfig(training_runs=runs, parts=("training", "categories")), tmp_path / "new")
    assert run_exam(ExamConfig(training_runs=runs, parts=("one",)), tmp_path / "b", parts=parts).failed == ()


@pytest.mark.parametrize("name", ["my-curve.png", "my-curve.JPEG"])
def test_figures_of_ones_own(tmp_path: Path, monkeypatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    _, parts = counted()
    computed = Answer("d", (), (Picture(Path("computed.png"), "Computed"), Discussion(("computed",))))
    parts["one"] = dataclasses.replace(parts["one"], run=lambda _: computed)
    Image.new("RGB", (40, 30), "red").save("computed.png")
    Path("mine").mkdir()
    Image.new("RGB", (40, 30), "blue").save(Path("mine", name))
    own = write(
        Path("mine", "mine.txt"), f"As [[one/my-curve]] shows.\n\n![Loss\nby hand]({name})\n\nEnd [[one/other]].\n"
    )
    config = ExamConfig(parts=("one",), discussion={"one": str(own)})
    said = Recorder()
    result = run_exam(config, "out", parts=parts, notebook=True, keep_source=True, progress=said)
    text = text_of(result.report)
    assert "As Figure 2 shows." in text
    assert "Figure 2: Loss by hand" in text
    assert len(re.findall("data:image/(png|jpeg)", Path("out/report.html").read_text(encoding="utf-8"))) == 2
    (note,) = [note for note in said.notes if note.startswith("discussion")]
    assert (
        note.startswith(f"discussion: {own}: [[one/other]] names no figure or table; did you mean")
        or "one/my-curve" in note
    )
    cells = json.loads(Path("out/report.ipynb").read_text(encoding="utf-8"))["cells"]
    assert f"snellen.read_image('../mine/{name}')" in ["".join(cell["source"]) for cell in cells]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("![](a.png)", r"the figure a\.png has no caption .!\[What is to be seen\]\(a\.png\)"),
        ("![c](a.svg)", r"the figure a\.svg is no PNG or JPEG file"),
        ("![c](webp.jpg)", r"the figure webp\.jpg is no PNG or JPEG file .WEBP saved as one"),
        ("![c](../b.png)", r"the figure \.\./b\.png is elsewhere .a file beside the text, or below"),
        ("![c](/etc/b.png)", r"the figure /etc/b\.png is elsewhere"),
        ("![c](nosuch.png)", r"the figure .*nosuch\.png: no such file"),
        ("![c](text.png)", r"the figure .*text\.png: "),
    ],
)  # fmt: skip
def test_figures_of_ones_own_that_cannot_be(tmp_path: Path, words: str, message: str) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    write(folder / "text.png", "no image")
    Image.new("RGB", (4, 4)).save(tmp_path / "b.png")
    Image.new("RGB", (4, 4)).save(folder / "webp.jpg", "WEBP")
    own = write(folder / "mine.txt", words)
    with pytest.raises(InputError, match=rf"discussion: .*mine\.txt: {message}"):
        run_exam(ExamConfig(parts=("one",), discussion={"one": str(own)}), tmp_path / "new", parts=counted()[1])
    assert not (tmp_path / "new").exists()


def test_the_appendix_holds_methods_modules_or_nothing(tmp_path: Path) -> None:
    finished = [FinishedPart("stress", PARTS["stress"], CachedAnswer(Answer("", (), ()), "", "", 1.0))]
    context = context_of(tmp_path, classifier=classifier_of(MeanColours(torch.eye(3)), 8, 3))
    methods, full, none = (
        compose(ExamConfig(appendix=appendix), context, finished, PARTS).listings
        for appendix in ("methods", "full", "none")
    )
    assert none == []
    assert {listing.section for listing in (*methods, *full)} == {
        "Problem 4, part 2: transforms of the attacked photographs"
    }
    transforms = next(listing for listing in methods if listing.name == "snellen.data.transforms")
    assert transforms.text.startswith("_LUMA = (0.299, 0.587, 0.114)\n\ndef _mirror(")
    assert "import" not in transforms.text
    ran = next(listing for listing in methods if listing.name == RAN)
    assert methods.index(ran) == 0
    assert ran.text.startswith("import snellen\n\nclassifier = snellen.load('toy')\nphotographs = [")
    assert "snellen.stress(classifier, one.saved, one.source, label=one.label.index)" in ran.text
    assert next(one for one in full if one.name == transforms.name).text.startswith('"""')
    # How photographs are cropped by their objects: of what was drawn, and of what nobody drew around.
    crops = [
        next(one.text for one in compose(ExamConfig(), some, finished, PARTS).listings if "object_crop" in one.name)
        for objects in ((), ((0, 0, 4, 4),))
        for some in [dataclasses.replace(context, photographs=("a.png",), objects=objects)]
    ]
    assert [("def shrunk" in text, "def box_with" in text) for text in crops] == [(False, True), (True, False)]
    every = [names for part in PARTS.values() for names in part.methods]
    lines = sum(len(method_listing(names).text.splitlines()) + 4 for names in every)
    assert lines < 2000  # a page holds about 200 in its two columns


def test_each_section_ends_with_the_page_of_its_code(tmp_path: Path) -> None:
    report = report_of(Paragraph("said"), listings=[Listing("m", "pass", "t"), Listing("n", "pass", "other")])
    write_pdf(report, tmp_path / "report.pdf")
    document = pypdfium2.PdfDocument(tmp_path / "report.pdf")
    texts = [page.get_textpage().get_text_range() for page in document]
    document.close()
    (code,) = (number for number, text in enumerate(texts, 1) if "pass" in text)
    assert f"said\r\nCode: page {code}" in "".join(texts)
    assert "Code: page" not in "".join(text for text in texts if "said" not in text)
    write_html(report, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    (leads,) = re.findall(r'<p><a href="#([^"]+)">Code</a></p>', page)
    assert f'<h3 id="{leads}">t</h3>' in page


def test_settings_are_listed_as_toml_and_helpers_that_are_left_out_are_named() -> None:
    recipe = read_recipe("deep")
    listing = settings_listing("deep", recipe)
    assert (listing.name, listing.language) == ("deep", "toml")
    assert from_plain(Recipe, tomllib.loads(listing.text), "deep") == recipe
    plain = read_recipe("plain")
    listing = settings_listing("plain", plain, without_effect(plain))
    assert from_plain(Recipe, tomllib.loads(listing.text), "plain") == plain
    assert not {"momentum", "adamw_learning_rate", "[network_options]", "[adversarial]", "share"} & set(
        listing.text.replace(" =", "").split()
    )
    text = method_listing("snellen.transfer.linear:middle_of_plateau, LinearProbe.predict").text
    assert "# Left out: standard_error, _plateau, decision_function." in text
    constants = method_listing("snellen.attacks.gradient_ascent:searched_gradient_ascent").text
    assert constants.startswith("FIRST_SHARE, GROWTH, SHRINKAGE = 1.0, 1.2, 0.5\n\n")
    assert "raise" not in method_listing("snellen.transfer.linear:train_probe, linear_classifier").text
    assert "\n\nclass LinearProbe:\n    ...\n\n    def predict(self" in text
    assert text.count("class LinearProbe:") == 1
    networks = method_listing("snellen.models.networks:deep, _deep_member").text
    assert networks.splitlines()[-2] == (
        "# From snellen.models.flip_equivariant: FlipEquivariantBatchNorm2d, FlipEquivariantConv2d, PairedMaxPool2d."
    )
    assert "# Left out" not in method_listing("snellen.models.predictions:softmax").text
    # What a constant names is left out as well, what stands for a class's function is none; other packages are named.
    resize = method_listing("snellen.data.preprocessing:resize_matrix, _triangle, Preprocessing._filtered").text
    assert "_resize_axis: Callable[[Tensor, Tensor, Tensor], Tensor] = _ResizeAxis.apply" in resize
    assert "# Left out: _cubic, _lanczos, " in resize
    assert resize.splitlines()[-1].startswith("# With ")
    assert "numpy as np" in resize.splitlines()[-1]


def test_what_an_exam_ran_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """The calls that are printed, on a network as small as may be: all but those that need data sets."""
    torch.manual_seed(0)
    layers: list[torch.nn.Module] = []
    for before, after in ((3, 8), (8, 8), (8, 8)):
        layers += [torch.nn.Conv2d(before, after, 3, padding=1), torch.nn.ReLU()]
    network = torch.nn.Sequential(*layers, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(8, 3))
    classifier = classifier_of(network, 16, 3)
    for number in range(2):
        Image.effect_noise((20, 20), 90).convert("RGB").save(tmp_path / f"{number}.png")
    photographs = [str(tmp_path / f"{number}.png") for number in range(2)]
    context = context_of(tmp_path, classifier=classifier, photographs=photographs, target=1, homework=True)
    monkeypatch.setattr(snellen, "load", lambda _: classifier)
    monkeypatch.chdir(tmp_path)
    names = ("categories", "features", "attack", "stress")
    exec("\n".join([setup(context), *(PARTS[name].driver(context) for name in names)]), {})
    printed = capsys.readouterr().out.splitlines()
    # Both photographs, by the attack and by the assignment's rule.
    assert sum("Verdict(" in line for line in printed) == 4


def test_what_an_exam_ran_is_python_that_names_what_there_is(tmp_path: Path) -> None:
    """Each part's calls parse, after those before them, and name functions and parameters that there are."""
    context = context_of(tmp_path, classifier=classifier_of(MeanColours(torch.eye(3)), 8, 3))
    names = ("plain", "batchnorm", "batchnorm-own-rate", "deep")
    runs = [str(ROOT / "results" / "cifar10" / name) for name in names]
    context = dataclasses.replace(context, training_runs=runs, datasets=["/somewhere/pets7"], homework=True)
    texts = [setup(context), *(part.driver(context) for part in PARTS.values() if part.driver is not None)]
    assert len(texts) == 1 + sum(part.assignment != "" for part in PARTS.values())
    tree = ast.parse("\n".join(texts))
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "snellen":
            function = getattr(snellen, call.func.attr)
            inspect.signature(function).bind(*call.args, **{one.arg: one.value for one in call.keywords})
    whole = "\n".join(texts)
    called = "snellen.train_seeds(\n        'cifar10', '{0}.toml', out='{0}', seeds="
    assert f"{called.format('deep')}[0, 1, 2], tta=True\n    )," in whole
    # Two runs of one network are two, each by its own recipe.
    for rate in ("0.005", "0.02"):
        assert whole.count(f"{called.format(f'batchnorm-rate-{rate}')}[0]\n    ),") == 1
    assert "for dataset in ['pets7']:" in whole
    # The attack, and the assignment's own update beside it.
    assert whole.count("method='apgd'") == whole.count("method='gradient_ascent', steps=100,") == 1
    assert "/somewhere" not in whole
    exec("\n".join([texts[1].replace("results[0].plot()", "")]), {
        "snellen": snellen, "classifier": context.classifier, "photographs": context.photographs,
    })  # fmt: skip


def test_no_line_of_code_leaves_its_column(tmp_path: Path) -> None:
    long = "x" * 20
    lines = [f"    return {long}({long}.{long}({long}={long}_{long}))", f"{long}, " * 9, "        " + f"{long}_" * 5]
    write_pdf(report_of(listings=[Listing("m", "\n".join(lines * 20), "t")]), tmp_path / "report.pdf")
    document = pypdfium2.PdfDocument(tmp_path / "report.pdf")
    page = document[len(document) - 1]
    text, middle, margin = page.get_textpage(), page.get_size()[0] / 2, 14 * 72 / 25.4
    boxes = [text.get_charbox(at) for at in range(text.count_chars()) if text.get_text_range(at, 1) == "x"]
    document.close()
    assert {right < middle for _, _, right, _ in boxes} == {True, False}
    assert all(right < middle - 8 or left > middle + 8 for left, _, right, _ in boxes)
    assert max(right for _, _, right, _ in boxes) < 2 * middle - margin + 0.5


def test_a_method_is_shown_below_its_class_s_name_and_with_its_first_paragraph() -> None:
    listing = method_listing("snellen.attacks.search:Ball.project, probability")
    begins = 'class Ball:\n    ...\n\n    def project(self, point: Tensor) -> Tensor:\n        """The point of the ball'
    assert listing.text.startswith(begins)
    assert "\n\ndef probability(" in listing.text
    long = method_listing("snellen.models.predictions:top_predictions").text
    assert 'all K where k is larger."""\n' in long
    assert "Raises" not in long
    for names, message in (("snellen.figures:gone", "has no gone"), ("snellen.gone:x", "not installed")):
        with pytest.raises(SnellenError, match=message):
            method_listing(names)


@pytest.mark.timeout(300)
def test_axe_finds_nothing_serious_in_the_report(tmp_path: Path) -> None:
    axe = pytest.importorskip("axe_core_python")
    browser_module = pytest.importorskip("browser")
    Image.new("RGB", (900, 20)).save(tmp_path / "a.png")
    wide = Table(tuple(f"column {n}" for n in range(12)), [tuple("1,000" for _ in range(12))] * 2, "wide")
    report = report_of(
        Paragraph("p"), Discussion(["d" * 200]), Heading("h"), Points(["i"]), wide, Picture(tmp_path / "a.png", "c"),
        FigureRow([Picture(tmp_path / "a.png", "")] * 2, ["1", "2"], "c"), Failed("why"),
        title="t" * 60,
        summary=[Fact("n", "v" * 90)],
        cover=Picture(tmp_path / "a.png", "c"),
        highlights=[("s", Picture(tmp_path / "a.png", "c"))],
        checklist=[Item("1", "a", "s", "h", "d"), Item("2", "b", "", "", "not", answered=False)],
        findings=[("s", "found")],
        references=["r"],
        words="w",
        listings=[Listing("snellen.x", 'def f(x: int) -> str:\n    """d"""\n    return f"{x}"  # why\n', "s")],
        provenance=[Fact("n", "v")],
    )  # fmt: skip
    write_html(report, tmp_path / "report.html")
    with browser_module.chromium() as browser:
        page = browser.new_page()
        page.goto((tmp_path / "report.html").as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
        for width, scheme in ((1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")):
            page.set_viewport_size({"width": width, "height": 844})
            page.emulate_media(color_scheme=scheme)
            violations = page.evaluate("axe.run()")["violations"]
            serious = [one["id"] for one in violations if one["impact"] in ("serious", "critical")]
            assert serious == [], (width, scheme, [one["nodes"][0]["html"] for one in violations])
            out = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert out <= 0, (width, scheme)


def test_the_same_report_is_the_same_file(tmp_path: Path) -> None:
    report = report_of(Paragraph("p"))
    for name in ("1.pdf", "2.pdf"):
        write_pdf(report, tmp_path / name)
    assert (tmp_path / "1.pdf").read_bytes() == (tmp_path / "2.pdf").read_bytes()


def test_a_report_that_typst_refuses(tmp_path: Path) -> None:
    picture = tmp_path / "broken.svg"
    picture.write_bytes(b"not a drawing")
    with pytest.raises(SnellenError, match=r"report\.pdf: cannot be typeset"):
        write_pdf(report_of(Picture(picture, "c")), tmp_path / "report.pdf")
    assert not (tmp_path / "report.pdf").exists()


def test_an_answer_is_cached_whole(tmp_path: Path) -> None:
    picture = tmp_path / "run" / "part" / "a.png"
    elsewhere = tmp_path / "b.png"
    picture.parent.mkdir(parents=True)
    for path in (picture, elsewhere):
        Image.new("RGB", (2, 2)).save(path)
    blocks = (
        Paragraph("p"),
        Heading("h"),
        Discussion(("i",)),
        Table(("a",), (("1",),), "c"),
        Picture(picture, "c", 0.5),
        FigureRow((Picture(picture, "1"), Picture(elsewhere, "2")), ("x", "y"), "c"),
    )
    answer = Answer("data", (Fact("n", "v"),), blocks, "h", Picture(picture, "c"), (("h", "why"),))
    cached = CachedAnswer(answer, "key", "now", 1.5)
    save_cached(cached, "part", tmp_path / "run")
    loaded = load_cached("part", tmp_path / "run")
    assert loaded is not None
    # A picture from elsewhere is brought in, so that the run can be moved, and shows nothing but its own.
    brought_in = loaded.answer.blocks[5].pictures[1].path
    assert brought_in.parent == tmp_path / "run" / "part"
    assert brought_in.read_bytes() == elsewhere.read_bytes()
    row = FigureRow((Picture(picture, "1"), Picture(brought_in, "2")), ("x", "y"), "c")
    assert loaded == dataclasses.replace(cached, answer=dataclasses.replace(answer, blocks=(*blocks[:5], row)))
    moved = (tmp_path / "run").rename(tmp_path / "moved")
    found = load_cached("part", moved)
    assert found is not None
    assert found.answer.blocks[4] == Picture(moved / "part" / "a.png", "c", 0.5)
    (moved / "part" / "a.png").unlink()
    assert load_cached("part", moved) is None
    assert load_cached("other", moved) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda plain: plain["answer"].pop("facts"),
        lambda plain: plain["answer"]["blocks"][0].update(kind="poem"),
        lambda plain: plain["answer"]["blocks"][0].update(text=1),
        lambda plain: plain["answer"].update(blocks="none"),
        lambda plain: plain.update(seconds="long"),
        lambda plain: plain.update(more=1),
    ],
)
def test_a_damaged_answer_is_as_good_as_none(tmp_path: Path, damage) -> None:
    save_cached(CachedAnswer(Answer("data", (), (Paragraph("p"),)), "key", "now", 1.0), "one", tmp_path)
    file = tmp_path / "one" / "answer.json"
    plain = json.loads(file.read_text(encoding="utf-8"))
    damage(plain)
    for text in (json.dumps(plain), json.dumps(plain)[:-9], "[]", "[" * 100_000):
        file.write_text(text, encoding="utf-8")
        assert load_cached("one", tmp_path) is None


def test_a_part_whose_answer_is_damaged_is_run_again(tmp_path: Path) -> None:
    ran, parts = counted()
    run_exam(ExamConfig(parts=("one",)), tmp_path, parts=parts)
    (tmp_path / "one" / "answer.json").write_text('{"answer": {"data": "d"}}', encoding="utf-8")
    assert run_exam(ExamConfig(parts=("one",)), tmp_path, parts=parts).failed == ()
    assert ran == ["one", "one"]


def context_of(folder: Path, **others) -> Context:
    """What a part is given that examines a toy."""
    values = {
        "photographs": (), "expected": (), "provenance": Provenance.collect(), "target": 1, "epsilon": "4/255",
        "datasets": ("digits",), "training": "digits", "training_runs": (), "folder": folder, "seed": 0,
    }  # fmt: skip
    return Context(**(values | others))


def test_an_answer_of_one_network_is_none_of_another_with_the_same_name(tmp_path: Path) -> None:
    """Of networks in memory the name says little: their weights decide, as they are now."""
    one, other = (classifier_of(MeanColours(weight * torch.eye(3)), 8, 3) for weight in (1.0, 2.0))
    assert one.name == other.name
    first, second = (cache_key("probe", context_of(tmp_path, classifier=toy), PARTS) for toy in (one, other))
    save_cached(CachedAnswer(Answer("data", (), ()), first, "now", 1.0), "probe", tmp_path)
    assert load_cached("probe", tmp_path).cache_key == first != second
    other.network.load_state_dict(one.network.state_dict())
    assert cache_key("probe", context_of(tmp_path, classifier=other), PARTS) == first


def test_what_a_part_needs_decides_its_answer_too(tmp_path: Path) -> None:
    classifier = classifier_of(MeanColours(torch.eye(3)), 8, 3)
    keys = {
        name: {
            cache_key(name, context_of(tmp_path, classifier=classifier, epsilon=epsilon), PARTS)
            for epsilon in ("4/255", "8/255")
        }
        for name in ("categories", "attack", "stress")
    }
    assert {name: len(different) for name, different in keys.items()} == {"categories": 1, "attack": 2, "stress": 2}
    for name in ("categories", "attack"):  # whose answers say how the photographs were chosen
        chosen = [
            context_of(tmp_path, classifier=classifier, chosen=rule) for rule in ("All 2 photographs.", "2 of 3.")
        ]
        assert len({cache_key(name, context, PARTS) for context in chosen}) == 2


def counted() -> tuple[list[str], dict[str, Part]]:
    """Two parts that note that they ran: one depends on all photographs, one on the target."""
    ran: list[str] = []

    def part(name: str, inputs):
        def run(context):
            ran.append(name)
            context.folder.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (4, 4)).save(context.folder.parent / f"{name}.png")
            blocks = (Paragraph(name), Picture(context.folder.parent / f"{name}.png", name))
            return Answer("on this", (Fact(name, str(len(ran))),), blocks)

        asked = ((f"Problem {name}", f"to do {name}", "", ""),)
        return dataclasses.replace(PARTS["categories"], title=name, topic="", asked=asked, inputs=inputs, run=run)

    return ran, {"one": part("one", lambda c: list(c.photographs)), "two": part("two", lambda c: c.target)}


def test_parts_are_not_run_again_unless_their_inputs_changed(tmp_path: Path) -> None:
    ran, parts = counted()
    progress = Recorder()

    def examine(**config) -> None:
        run_exam(ExamConfig(**config), tmp_path, parts=parts, progress=progress)

    examine()
    assert ran == progress.begun == ["one", "two"]
    (estimate,) = progress.notes
    assert re.fullmatch(r"The exam takes about \d+ seconds\.", estimate)
    first = text_of(tmp_path / "report.pdf")
    examine()
    assert ran == ["one", "two"]
    assert progress.notes == [estimate]
    assert text_of(tmp_path / "report.pdf") == first
    examine(target="goldfish")
    assert ran == progress.begun == ["one", "two", "two"]
    assert progress.notes[1] == "one: cached, nothing that decides it has changed"
    examine(target="goldfish", seed=1)
    assert ran[3:] == ["one", "two"]
    (tmp_path / "one.png").unlink()
    examine(target="goldfish", seed=1)
    assert ran[5:] == ["one"]


def test_an_exam_replaces_no_input_and_no_file_of_the_users(tmp_path: Path, monkeypatch) -> None:
    """Its photographs are copied to ``photographs``, where its own inputs, or somebody's files, may lie."""
    ran, parts = counted()
    monkeypatch.chdir(tmp_path)

    def examine(photographs: Sequence[str], out: str, **others) -> None:
        run_exam(ExamConfig(photographs=tuple(photographs), **others), out, parts=parts)

    (tmp_path / "photographs" / "empty").mkdir(parents=True)
    for name in ("a.png", "photographs/b.png"):
        Image.new("RGB", (8, 8)).save(name)
    for given in (["photographs"], ["a.png"]):
        with pytest.raises(InputError, match=r"photographs/b\.png: no exam made it"):
            examine(given, ".")
    assert ran == []
    assert sorted(path.name for path in Path("photographs").iterdir()) == ["b.png", "empty"]
    examine(["a.png", "photographs/b.png"], "exam")
    before = sorted(Path("exam").rglob("*"))
    for given in (["exam/photographs"], ["exam/photographs/*.png"], ["exam/photographs/b.png"], ["exam/report.pdf"]):
        with pytest.raises(InputError, match=r"exam/.*\.(png|pdf): was made by an earlier exam"):
            examine(given, "exam")
    with pytest.raises(InputError, match="exam/photographs: was made by an earlier exam"):
        examine(["a.png"], "exam", evaluate=("exam/photographs",))
    assert sorted(Path("exam").rglob("*")) == before
    examine(["a.png"], "exam")
    assert [path.name for path in Path("exam/photographs").iterdir()] == ["a.png"]


def test_a_part_that_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown part 'ones' .did you mean one"):
        run_exam(ExamConfig(parts=("ones",)), tmp_path, parts=counted()[1])
    with pytest.raises(InputError, match="part 'robust_accuracy': nobody says of how many photographs"):
        run_exam(ExamConfig(parts=("robust_accuracy",)), tmp_path)


def test_the_forecast_counts_what_a_part_needs(tmp_path: Path) -> None:
    """Once, whether it was asked for or not; a data set that cannot be opened takes no time."""
    _, parts = counted()
    parts["one"] = dataclasses.replace(parts["one"], seconds=lambda *_: 600.0)
    parts["two"] = dataclasses.replace(parts["two"], seconds=lambda *_: 1200.0, needs=("one",))
    for number, names in enumerate((("two",), ("one", "two"))):
        progress = Recorder()
        run_exam(ExamConfig(parts=names), tmp_path / str(number), parts=parts, progress=progress)
        assert progress.notes[0] == "The exam takes about 30 minutes."
        # What is left is said anew, by how the parts so far went: these took no time, so half of it.
        assert progress.notes[1:] == ["About 10 minutes are left."] * number

    def refuse(*_) -> float:
        raise InputError("no such set")

    progress = Recorder()
    parts["one"] = dataclasses.replace(parts["one"], seconds=refuse)
    run_exam(ExamConfig(parts=("one",)), tmp_path / "refused", parts=parts, progress=progress)
    assert progress.notes == ["The exam takes about 3 seconds."]


def test_the_forecast_goes_by_the_exam_before(tmp_path: Path) -> None:
    _, parts = counted()
    parts["two"] = dataclasses.replace(parts["two"], seconds=lambda *_: 1200.0)
    shared, progress = Shared(), Recorder()
    shared.took("two", 300.0, 1200.0)
    shared.took("two", 0.0, 1200.0)  # a part that failed says nothing
    run_exam(ExamConfig(parts=("two",)), tmp_path, parts=parts, progress=progress, shared=shared)
    assert progress.notes == ["The exam takes about 5 minutes."]


def test_of_another_exam_only_what_it_made_is_brought(tmp_path: Path) -> None:
    """Not what was laid beside it: a link, as of a folder that was handed in, would bring anybody's file."""
    ran, parts = counted()
    take = parts["one"].run

    def run(context):
        for name in ("found.csv", "deeper/found.csv"):
            write_text(context.folder / name, "1")
        return dataclasses.replace(take(context), blocks=(Paragraph("one"),))

    parts["one"] = dataclasses.replace(parts["one"], run=run)
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    config, shared = ExamConfig(parts=("one",)), Shared()
    run_exam(config, tmp_path / "alice", parts=parts, shared=shared)
    (tmp_path / "alice" / "one" / "link.txt").symlink_to(tmp_path / "secret.txt")
    (tmp_path / "alice" / "one" / "notes.txt").write_text("mine", encoding="utf-8")
    manifest = tmp_path / "alice" / "manifest.json"
    said = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps({**said, "files": [*said["files"], "one/link.txt"]}), encoding="utf-8")
    run_exam(config, tmp_path / "bob", parts=parts, shared=shared)
    assert ran == ["one"]
    brought = sorted(
        path.relative_to(tmp_path / "bob" / "one").as_posix() for path in (tmp_path / "bob/one").rglob("*")
    )
    assert brought == ["answer.json", "deeper", "deeper/found.csv", "found.csv"]


def test_the_first_page_shows_the_first_cover(tmp_path: Path) -> None:
    _, parts = counted()
    parts["two"] = dataclasses.replace(parts["two"], cover=lambda folder: Picture(folder.parent / "two.png", "A cover"))
    assert "A cover" in text_of(run_exam(ExamConfig(), tmp_path, parts=parts).report)


def test_what_a_kill_left_half_written_goes_when_its_part_is_taken(tmp_path: Path) -> None:
    _, parts = counted()
    left = [tmp_path / "one" / ".unfinished-a.png", tmp_path / "one" / "deeper" / ".unfinished-b.json"]
    theirs = tmp_path / "theirs" / ".unfinished-c.png"
    for path in (*left, theirs):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "one" / "link").symlink_to(theirs.parent)
    run_exam(ExamConfig(parts=("one",)), tmp_path, parts=parts)
    assert [path for path in left if path.exists()] == []
    assert theirs.exists()


def test_a_part_that_failed_is_run_again(tmp_path: Path) -> None:
    ran, parts = counted()
    config = ExamConfig(parts=("one",), dataset=("gone",))

    def fail(_):
        raise InputError("no such set")

    failing = {"one": dataclasses.replace(parts["one"], inputs=fail)}
    assert run_exam(config, tmp_path, parts=failing).failed == ("part one: no such set",)
    assert ran == []
    assert run_exam(config, tmp_path, parts=parts).failed == ()
    assert ran == ["one"]


def test_training_again_by_other_settings_takes_the_earlier_runs_place(tmp_path: Path, monkeypatch) -> None:
    tiny = dataclasses.replace(read_recipe("plain"), epochs=1, size=8, batch=500)
    monkeypatch.setattr("snellen.exam.parts.training.recipes", lambda *_: [tiny])

    def trained(seed: int, runs: Sequence[str] = ()) -> str:
        surroundings = SimpleNamespace(
            training="digits",
            epochs=None,
            training_runs=runs,
            folder=tmp_path,
            seed=seed,
            classifier=SimpleNamespace(device="cpu"),
        )
        answer = training.run(surroundings)
        return " ".join(block.text for block in answer.blocks if isinstance(block, Paragraph))

    assert "so a tiny set stands in" in trained(0)
    run = tmp_path / "plain"
    trained(1)
    assert read_results(run)[0].seed == 1
    said = trained(1, [str(run)])
    assert "the runs that were named (training_runs) are of a tiny set" in said
    assert "cut to" not in said


def test_what_another_version_trained_is_no_result_of_this_one(tmp_path: Path, monkeypatch) -> None:
    """An exam after an upgrade trains again; the same versions go on with what is there."""
    tiny = dataclasses.replace(read_recipe("plain"), epochs=1, size=8, batch=500)
    monkeypatch.setattr("snellen.exam.parts.training.recipes", lambda *_: [tiny])
    surroundings = SimpleNamespace(
        training="digits",
        epochs=None,
        training_runs=(),
        folder=tmp_path,
        seed=0,
        classifier=SimpleNamespace(device="cpu"),
    )
    training.run(surroundings)
    checkpoint = tmp_path / "plain" / "checkpoint.safetensors"
    first = checkpoint.stat().st_mtime_ns
    training.run(surroundings)
    assert checkpoint.stat().st_mtime_ns == first
    metrics = tmp_path / "plain" / "metrics.json"
    values = json.loads(metrics.read_text(encoding="utf-8"))
    values["provenance"]["versions"]["torch"] = "1.0"
    metrics.write_text(json.dumps(values), encoding="utf-8")
    # On the command line whoever resumes is not said to have trained.
    resumed = snellen.train("digits", tiny, out=tmp_path / "plain", device="cpu", resume=True).result
    assert resumed.provenance.versions["torch"] == "1.0"
    training.run(surroundings)
    assert checkpoint.stat().st_mtime_ns > first
    assert read_results(tmp_path / "plain")[0].provenance.versions["torch"] == torch.__version__


def test_the_table_of_choices_begins_with_what_all_are_compared_to() -> None:
    first, *undone = training._ablations().rows
    assert first == ("nothing (the baseline)", "85.56%", "")
    assert (len(undone), undone[0][2]) == (len(ABLATIONS) + 1, "\N{MINUS SIGN}6.06")


def test_the_third_network_is_to_beat_every_run_before_it() -> None:
    """The run of 77.27% counts as well, which is a further one of its network."""
    runs = [read_results(ROOT / "results" / "cifar10" / name) for name in ("plain", "batchnorm", "batchnorm-own-rate")]
    (worse,) = runs[0]
    third = [dataclasses.replace(worse, recipe=dataclasses.replace(worse.recipe, network="deep"))]
    said = "no better than batchnorm (rate 0.02), 75.1% and 77.3%"
    assert training._shortfalls([*runs, third]) == [("deep", said)]
    assert training._shortfalls([*runs, read_results(ROOT / "results" / "cifar10" / "deep")]) == []


def test_a_second_rate_of_the_normalised_network_has_no_section_of_its_own(tmp_path: Path) -> None:
    """It is named apart, its filters, its recipe and a paragraph are shown, and of each sentence it is told whose."""
    kept = Path(__file__).parents[1] / "results" / "cifar10"
    before, again, after = (
        [str(kept / "plain"), str(kept / "batchnorm")],
        str(kept / "batchnorm-own-rate"),
        [str(kept / "deep")],
    )

    def shown(*runs: str) -> tuple[Context, Answer]:
        context = context_of(tmp_path, classifier=None, training_runs=runs)
        return context, training.run(context)

    (_, alone), (context, answer) = shown(*before, *after), shown(*before, again, *after)
    captions = [[block.caption for block in one.blocks if isinstance(block, Picture)] for one in (alone, answer)]
    filters = "batchnorm (rate 0.02): its first-layer filters, drawn as those of batchnorm (rate 0.005)."
    named = [caption.replace("batchnorm:", "batchnorm (rate 0.005):") for caption in captions[0]]
    assert [caption for caption in captions[1] if caption != filters] == named
    assert captions[1].count(filters) == 1
    added = answer.listings[2]
    assert [one for one in answer.listings if one != added][2:] == alone.listings[2:]
    assert (added.name, added.text) == (
        "batchnorm-rate-0.02.toml, the recipe of batchnorm (rate 0.02)",
        "# The rest as in batchnorm-rate-0.005.toml.\n[optimiser]\nlearning_rate = 0.02",
    )

    def paragraphs(one: Answer) -> list[str]:
        return [said for block in one.blocks if isinstance(block, Discussion) for said in block.paragraphs]

    final, whose, beside, *_, own_rate = (
        said for said in paragraphs(answer) if "rate 0.0" in said and not said.startswith("The peak")
    )
    assert final == (
        "The final test accuracy of batchnorm is 77.27%, at rate 0.02, the best of the five rates tried on images held "
        "out of training; at rate 0.005 it is 74.92%."
    )
    assert whose.startswith("Of batchnorm (rate 0.005): test accuracy is 74.92% on 10,000 images")
    assert "The training loss falls from 1.69" in whose
    assert beside.startswith("The network batchnorm (rate 0.005) is 0.2 points below plain on")
    assert own_rate.startswith("The network deep is 17.1 points above batchnorm (rate 0.02), 19.3 points above plain")
    told = [said for said in paragraphs(answer) if said.startswith("At the best of the five rates tried (0.02; the")]
    assert len(told) == 1
    described = [block.text for block in answer.blocks if isinstance(block, Paragraph)]
    assert (
        "Another run, batchnorm (rate 0.02), learned as batchnorm did, but for the peak of the learning rate, which is "
        "0.02 in place of 0.005. [[training/filters-2-2]] shows its filters."
    ) in described[2]
    (accuracies,) = [block for block in answer.blocks if isinstance(block, Table) and block.name == "networks"]
    assert [row[0] for row in accuracies.rows] == ["plain", "batchnorm (rate 0.005)", "batchnorm (rate 0.02)", "deep"]
    assert training.code(context, "curves-2.png") == "network = trainings[1]\ndraw_curves(trainings[:3])"
    assert training.code(context, "curves-3.png") == "network = trainings[3]\ndraw_curves(trainings[:6])"


def test_the_checklist_says_what_is_where(tmp_path: Path) -> None:
    def answered(*blocks):
        return CachedAnswer(Answer("peppers.jpg", (), blocks), "", "now", 1.0)

    blocks = (
        Table((), (), "Filters: the 64 first-layer filters"),
        Heading("plain"),
        Table((), (), "first-layer filters"),
    )

    def short(*shortfalls):
        return CachedAnswer(Answer("digits", (), blocks, shortfalls=shortfalls), "", "now", 1.0)

    finished = [
        FinishedPart("features", PARTS["features"], answered(Heading("What the maps show"))),
        FinishedPart("probe", PARTS["probe"], answered(Failed("dark"))),
        FinishedPart("training", PARTS["training"], short(("plain", "they stand in"))),
    ]
    items = checklist(ExamConfig(collaborators=("Ada",)), finished, PARTS)
    assert [item.problem for item in items if item.problem != "Instructions"] == sorted(
        item.problem for item in items if item.problem != "Instructions"
    )
    by_asked = {item.asked: item for item in items}
    assert by_asked["The people worked with"].data == "Ada"
    shown = next(item for item in items if item.heading == "What the maps show")
    assert (shown.section, shown.data) == ("features", "as above")
    assert {item.data for item in items if item.problem == "Problem 2"} == {"this part failed"}
    assert {(item.data, item.short, item.block) for item in items if item.heading == "plain"} == {
        ("digits", "they stand in", 2),
        ("as above", "", None),
    }
    absent = [item for item in items if item.problem == "Problem 3, part 3"]
    assert {(item.section, item.data) for item in absent} == {("", "there is no “deep” in this report")}
    answered_in_full = {item.problem for item in items if item.answered}
    assert answered_in_full == {"Instructions", "Problem 1, part 2", "Problem 3, part 1"}
    context = context_of(tmp_path, classifier=classifier_of(MeanColours(torch.eye(3)), 8, 3))
    sections = compose(ExamConfig(), context, finished, PARTS).sections
    headings = [block for section in sections for block in section.blocks if isinstance(block, Heading)]
    assert {(block.text, block.assignment) for block in headings} == {
        ("What the maps show", ""),
        ("plain", "Problem 3, part 1"),
    }
    assert [section.heading for section in sections] == [
        "Problem 1, part 2: feature maps",
        "Problem 2: a linear classifier on its features",
        "Problem 3: networks trained from scratch",
    ]
    audit = compose(ExamConfig(checklist=False), context, finished, PARTS).sections
    assert not any("Problem" in section.heading for section in audit)
    two = [Heading("a"), Table((), (), "Accuracy"), Heading("The classifier"), Heading("b"), Table((), (), "Accuracy")]
    both = dataclasses.replace(
        PARTS["probe"], asked=(("2", "accuracy", "", "Accuracy"), ("2", "classifier", "The classifier", ""))
    )
    asked = answered(*two, Heading("The classifier of b"))
    accuracy, classifier = checklist(ExamConfig(), [FinishedPart("probe", both, asked)], {"probe": both})[1:3]
    assert (accuracy.heading, accuracy.block, list(accuracy.also)) == ("", 1, [("", 4)])
    assert (classifier.heading, list(classifier.also)) == ("The classifier", [("The classifier of b", None)])
    without = checklist(ExamConfig(appendix="none"), finished, PARTS)[-1]
    assert (without.asked, without.section, without.answered) == ("The code", "", False)
    long = [Paragraph("x " * 3000)] * 2
    picture = tmp_path / "a.png"
    Image.new("RGB", (200, 200)).save(picture)
    report = report_of(
        *long,
        Heading("here"),
        *long,
        Table(("a",), [["b"]], "A table."),
        Paragraph("y " * 1200),
        Picture(picture, "A picture that floats."),
        *long,
        checklist=[
            Item("1", "a", "s", "here", "d"),
            Item("2", "a", "s", "here", "d", short="e", block=5),
            Item("3", "a", "s", "here", "d", block=7, also=[("", 5)]),
            Item("4", "a", "", "", "d", answered=False),
        ],
    )
    write_pdf(report, tmp_path / "report.pdf")
    document = pypdfium2.PdfDocument(tmp_path / "report.pdf")
    pages = [" ".join(page.get_textpage().get_text_range().split()) for page in document]
    document.close()
    (page,) = [number for number, text in enumerate(pages, 1) if "here x" in text]
    (of_table,) = [number for number, text in enumerate(pages, 1) if "Table 1: A table." in text]
    (of_picture,) = [number for number, text in enumerate(pages, 1) if "Figure 1: A picture that floats." in text]
    assert page < of_table < of_picture
    assert "y x" in pages[of_picture - 2]  # what comes after the picture begins on the page before it
    to = "\N{EN DASH}"
    listed = (
        f"1 a {page}{to}{len(pages)} d 2 a {page}{to}{of_table} d; less than asked: e "
        f"3 a {page}{to}{of_picture} d 4 a {to} Not"
    )
    assert any(listed in text for text in pages[:page])


def test_headings_of_the_checklist_are_printed() -> None:
    """Each heading that the checklist points at is one that its part's source prints, or a recipe's network."""
    for part in PARTS.values():
        source = Path(importlib.util.find_spec(part.run.__module__).origin).read_text(encoding="utf-8")
        for _, _, heading, caption in part.asked:
            assert not heading or f'Heading("{heading}")' in source or heading in RECIPES
            assert not caption or caption in source


def test_two_exams_side_by_side(tmp_path: Path) -> None:
    _, parts = counted()
    run_exam(ExamConfig(), tmp_path / "a", parts=parts)
    run_exam(ExamConfig(seed=1), tmp_path / "b", parts=parts)
    report, page = compare_exams([str(tmp_path / "a"), tmp_path / "b"], tmp_path / "c", parts=parts)
    text = text_of(report)
    assert "tf_efficientnet_lite0 (a)" in text
    assert "one 1 3" in text
    assert "two 2 4" in text
    assert len(Page(page).sources) == 4
    with pytest.raises(InputError, match="gone: holds no finished exam"):
        compare_exams([tmp_path / "a", tmp_path / "gone"], tmp_path / "c", parts=parts)


def test_answers_of_earlier_exams_are_not_compared(tmp_path: Path) -> None:
    """Of parts that were asked for once and no longer, of one that failed since, of an exam that was cut off."""
    _, parts = counted()

    def fail(_):
        raise SnellenError("dark")

    def stop(_):
        raise KeyboardInterrupt

    def examine(name: str, run=None, **config) -> None:
        taken = parts if run is None else parts | {"two": dataclasses.replace(parts["two"], run=run)}
        run_exam(ExamConfig(appendix="none", **config), tmp_path / name, parts=taken)

    def compared() -> dict[str, object]:
        return read_exam(tmp_path / "a", parts).answers

    examine("a")
    assert list(compared()) == ["one", "two"]
    examine("a", parts=("two",))
    assert list(compared()) == ["two"]
    examine("a", fail, target="goldfish")
    assert list(compared()) == ["one"]
    assert json.loads((tmp_path / "a" / "contents.json").read_text(encoding="utf-8"))["parts"] == ["one"]
    assert not (tmp_path / "a" / "two" / "answer.json").exists()
    with pytest.raises(KeyboardInterrupt):
        examine("a", stop, seed=1)
    with pytest.raises(InputError, match="a: holds no finished exam"):
        compared()


def test_compared_exams_are_told_apart(tmp_path: Path) -> None:
    """Two run folders of one name by the folders they lie in; an exam compared with itself by a number."""
    _, parts = counted()
    folders = [tmp_path / "x" / "exam", tmp_path / "y" / "exam"]
    for folder in folders:
        run_exam(ExamConfig(parts=("one",)), folder, parts=parts)
    report, _ = compare_exams(folders, tmp_path / "c", parts=parts)
    assert "tf_efficientnet_lite0 (x/exam) and tf_efficientnet_lite0 (y/exam)" in text_of(report)
    report, _ = compare_exams([folders[0], folders[0]], tmp_path / "d", parts=parts)
    assert "tf_efficientnet_lite0 (1) and tf_efficientnet_lite0 (2)" in text_of(report)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"data": "on that"}, "Not on the same data, so not to be held against each other"),
        ({"content": "other"}, "Not on the same data, though it is called alike, so not to be held against each other"),
    ],
    ids=["of another name", "of one name"],
)
def test_exams_on_other_data_are_not_held_against_each_other(tmp_path: Path, other, said: str) -> None:
    _, parts = counted()
    for name in "ab":
        run_exam(ExamConfig(), tmp_path / name, parts=parts)
    cached = load_cached("one", tmp_path / "b")
    changed = dataclasses.replace(cached, answer=dataclasses.replace(cached.answer, **other))
    save_cached(changed, "one", tmp_path / "b")
    report, _ = compare_exams([tmp_path / "a", tmp_path / "b"], tmp_path / "c", parts=parts)
    assert said in text_of(report)
    report, _ = compare_exams([tmp_path / "a", tmp_path / "a"], tmp_path / "d", parts=parts)
    assert "Not on the same data" not in text_of(report)


def test_of_files_the_bytes_count_and_not_the_names(tmp_path: Path) -> None:
    for name, colour in (("x", "red"), ("y", "blue"), ("z", "red")):
        (tmp_path / name).mkdir()
        Image.new("RGB", (8, 8), colour).save(tmp_path / name / "1.png")
    one, other, copy = (content_of_files([str(tmp_path / name / "1.png")]) for name in "xyz")
    assert one == copy != other


def test_a_first_look_leaves_out_what_takes_minutes() -> None:
    """Whether a key alone asks for it or its name does too; what is quick stays."""
    long = {"corruptions": 50, "robust_accuracy": 50}
    config = ExamConfig(dataset=("pets",), evaluate=("pets",), sample="all", quick=True, **long)
    look = first_look(config)
    assert (look.dataset, look.evaluate, look.sample) == (("digits",), ("pets",), 4)
    assert (look.corruptions, look.robust_accuracy, look.parts) == (0, 0, ())
    named = dataclasses.replace(config, parts=("corruptions", "categories", "evaluation"))
    assert first_look(named).parts == ("categories", "evaluation")
    with pytest.raises(InputError, match="a first look leaves out corruptions and robust_accuracy"):
        first_look(dataclasses.replace(config, parts=tuple(long)))


# The command, but that there are fewer digits, each network learns for one epoch, the wide one is narrow, and that how
# long it will take is not measured.
ONE_EPOCH = """
import dataclasses
import sys
from snellen.cli import main
from snellen.exam.parts import training
from snellen.training.recipe import read_recipe
def narrow(name, **asked):
    options = {"widths": [16, 32, 32], "members": 2} if name == "deep" else {}
    return dataclasses.replace(read_recipe(name, **asked), network_options=options)
training.read_recipe = narrow
training._EPOCHS_OF_DIGITS = dict.fromkeys(training._EPOCHS_OF_DIGITS, 1)
sys.modules["snellen.data.datasets.digits"].DIGITS_PER_CLASS = 20
training.seconds_per_image = lambda recipe: 0.001
sys.argv[0] = "snellen"
main()
"""


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_first_look(tmp_path: Path) -> None:
    """All parts on what is bundled: every item of the checklist answered, in both renderings."""
    Image.open(bundled_photographs()[0].path).convert("RGB").resize((300, 200)).save(tmp_path / "cup.png")
    exam = write(tmp_path / "exam.toml", 'photographs = ["cup.png"]\n[labels]\n"cup.png" = "espresso"')
    look = ("exam", exam, "--quick", "--out", tmp_path / "look")
    done = forked.run(*look, program=ONE_EPOCH, timeout=900)
    assert done.returncode == 0, done.stderr
    text = text_of(tmp_path / "look" / "report.pdf")
    page = Page(tmp_path / "look" / "report.html")
    for said in (text, " ".join(page.text.split())):
        assert "This is a first look" in said
        assert "in place of CIFAR-10" in said
        assert "this part was not asked for" not in said
        assert "This part failed" not in said
        for part in PARTS.values():
            assert part.wanted_by or f"{part.assignment}: {part.topic}" in said
        # Each figure and table that a sentence names is in the report, and named by its number.
        assert not re.search(r"\[\[[a-z]+/", said)
        assert "not in this report" not in said
    assert set(page.links) <= {f"#{name}" for name in page.ids}
    markup = (tmp_path / "look" / "report.html").read_text(encoding="utf-8")
    numbers = set(re.findall(r'id="((?:figure|table)-\d+)"', markup))
    named = {link.removeprefix("#") for link in page.links}
    assert {one for one in numbers if one.startswith("table")} <= named
    bands = blank_bands(tmp_path / "look" / "report.pdf")
    assert max(bands[1:-1]) < 0.5, bands  # half a page; what an attack finds, and so the text, depends on the processor
    again = forked.run(*look, program=ONE_EPOCH)
    assert again.returncode == 0
    assert again.stderr == ""


def test_every_part_is_complete() -> None:
    for name, part in PARTS.items():
        assert part.title, name
        if part.wanted_by:  # beyond the assignment
            assert hasattr(ExamConfig(), part.wanted_by), name
        else:
            assert part.assignment.startswith("Problem "), name
            assert part.asked, name
        assert part.sources, name
        assert part.methods, name
        assert all(method_listing(names).text for names in part.methods), name
        assert part.references, name
        assert set(part.needs) <= set(PARTS), name
        for module in part.sources:
            assert importlib.util.find_spec(module) is not None, module


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.toml")), ids=lambda path: path.stem)
def test_examples_are_read(example: Path) -> None:
    config = read_exam_config(example)
    assert config != ExamConfig()
    assert set(config.labels) <= {Path(photograph).name for photograph in config.photographs} | {"2024-09-14.jpg"}
