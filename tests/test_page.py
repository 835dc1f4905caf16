"""The page in a real Chromium, driven as a person would."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("gradio")
pytest.importorskip("playwright")

from playwright.sync_api import Browser, expect

from browser import SLOW, Visitor, chromium, find_chromium, serving, visit
from test_images import bomb
from test_web import COFFEE, MODEL, write_probe

pytestmark = [
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium: `make chromium` installs it"),
    pytest.mark.timeout(900),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, lite0):
    home = tmp_path_factory.mktemp("page")
    probe = write_probe(home / "toys", lite0)
    with serving(home, "--model", MODEL, "--probe", probe, "--device", "cpu") as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def visitor(browser: Browser, server) -> Iterator[Visitor]:
    with visit(browser, server.url) as somebody:
        yield somebody
    # Whatever was done, nothing was asked of anybody else.
    assert [url for url in somebody.asked if not url.startswith((server.url, "data:", "blob:"))] == []


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A photograph that little work is done for."""
    path = tmp_path / "small.png"
    Image.open(COFFEE).convert("RGB").resize((240, 160)).save(path)
    return path


def test_classify(visitor: Visitor) -> None:
    visitor.click_example(0)
    visitor.press("classify")
    assert "espresso" in visitor.wait_for_answer("classify")
    assert visitor.wait_for_pictures("classify") == 1
    assert visitor.status("classify").startswith("coffee.png: espresso")


def test_features(visitor: Visitor, small: Path) -> None:
    visitor.choose(small)
    visitor.look_at("Features")
    visitor.press("features")
    visitor.wait_for_answer("features")
    assert visitor.wait_for_pictures("features") == 3


def test_attack_and_download(visitor: Visitor, server, small: Path, tmp_path: Path) -> None:
    visitor.choose(small)
    visitor.look_at("Attack")
    visitor.press("attack")
    assert "space shuttle" in visitor.wait_for_answer("attack")
    assert visitor.wait_for_pictures("attack") == 1
    with visitor.page.expect_download(timeout=SLOW) as started:
        visitor.page.locator("#attack-files a[download='adversarial.png']").first.click()
    file = tmp_path / "adversarial.png"
    started.value.save_as(file)
    assert file.read_bytes() in [path.read_bytes() for path in server.folder.rglob("adversarial.png")]


def test_stress(visitor: Visitor, small: Path) -> None:
    visitor.choose(small)
    visitor.look_at("Stress")
    visitor.press("stress")
    visitor.wait_for_answer("stress")
    assert visitor.wait_for_pictures("stress") == 2
    assert re.search(r"\d+ of \d+ transforms", visitor.status("stress"))


def test_probe(visitor: Visitor, small: Path) -> None:
    visitor.choose(small)
    visitor.look_at("Probe")
    visitor.press("probe")
    assert "rocket" in visitor.wait_for_answer("probe")
    assert visitor.wait_for_pictures("probe") == 2


def test_report(visitor: Visitor, small: Path, tmp_path: Path) -> None:
    visitor.choose(small)
    visitor.look_at("Report")
    for part in ("How it sees", "Fooling it", "A turn of the head"):
        visitor.page.get_by_label(part, exact=True).uncheck()
    visitor.press("report")
    visitor.wait_for_answer("report")
    assert visitor.status("report") == "The report is ready."
    with visitor.page.expect_download(timeout=SLOW) as started:
        visitor.page.locator("#report-files a[download='report.pdf']").first.click()
    started.value.save_as(tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
    written = visitor.page.frame_locator("iframe.snellen-report").locator("body")
    assert "small.png" in written.inner_text()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b"no image", "photo.png: not an image"), (bomb(), "photo.png: 60000 x 60000 pixels (at most 50 million")],
    ids=["no image", "bomb"],
)
def test_a_bad_file_and_a_bomb_are_one_sentence(
    visitor: Visitor, tmp_path: Path, content: bytes, complaint: str
) -> None:
    (tmp_path / "photo.png").write_bytes(content)
    visitor.choose(tmp_path / "photo.png")
    visitor.press("classify")
    said = visitor.complaint()
    assert complaint in said
    assert "Traceback" not in said
    assert str(tmp_path) not in said


def test_without_a_photograph_the_page_asks_for_one(visitor: Visitor) -> None:
    visitor.press("classify")
    assert "drop one on the page" in visitor.complaint()


def test_two_visitors_wait_for_each_other_and_a_cancelled_attack_makes_room(
    browser: Browser, server, visitor: Visitor, small: Path
) -> None:
    visitor.choose(small)
    visitor.look_at("Attack")
    # Too little noise for that class, so that it goes on until it is cancelled.
    visitor.page.get_by_label("To be seen as").fill("abacus")
    visitor.page.get_by_role("spinbutton", name=re.compile("Epsilon")).fill("1")
    visitor.page.get_by_label("Made to survive").check()
    visitor.press("attack")
    expect(visitor.page.locator("#attack-status")).to_contain_text("Step", timeout=SLOW)
    with visit(browser, server.url) as second:
        second.click_example(0)
        second.press("classify")
        expect(second.page.locator("#classify-status")).to_contain_text(re.compile(r"queue: \d/\d"), timeout=SLOW)
        assert "Step" in visitor.status("attack")
        visitor.cancel("attack")
        expect(visitor.page.locator("#attack-status")).to_contain_text("Cancelled.", timeout=SLOW)
        assert "espresso" in second.wait_for_answer("classify")
    assert visitor.status("attack") == "Cancelled."
    assert not visitor.page.locator("#attack-answer .snellen-answer").count()


def test_results_of_a_program_are_those_of_a_person(visitor: Visitor, small: Path, tmp_path: Path) -> None:
    visitor.choose(small)
    visitor.press("classify")
    shown = visitor.wait_for_answer("classify")
    with visitor.page.expect_download(timeout=SLOW) as started:
        visitor.page.locator("#classify-files a[download='result.json']").first.click()
    started.value.save_as(tmp_path / "result.json")
    (result,) = json.loads((tmp_path / "result.json").read_text())["results"]
    assert result["predictions"][0]["label"] in shown
