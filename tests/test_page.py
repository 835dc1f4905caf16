"""The page in a real Chromium, driven as a person would."""

import functools
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("uvicorn")
pytest.importorskip("playwright")

from playwright.sync_api import Browser, Page, expect

import shorter
from browser import SLOW, Visitor, chromium, find_chromium, serving, visit
from forked import Forked
from snellen.data.photographs import bundled_photographs
from snellen.exam.config import read_exam_config
from test_images import bomb
from test_web import COFFEE, MODEL, write_probe

pytestmark = [
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium: `make chromium` installs it"),
    pytest.mark.timeout(600),
]
SECOND = "tf_efficientnet_lite1"
# On a busy machine what comes in a moment takes its time.
expect.set_options(timeout=SLOW)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, lite0):
    home = tmp_path_factory.mktemp("page")
    probe = write_probe(home / "toys", lite0)
    options = ("--model", MODEL, "--model", SECOND, "--probe", probe, "--device", "cpu")
    with serving(home, *options, start=functools.partial(Forked, program=shorter.PAGE)) as running:
        yield running
    assert (home / "errors.txt").read_text(encoding="utf-8") == ""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def visitor(browser: Browser, server) -> Iterator[Visitor]:
    with visit(browser, server.url) as somebody:
        yield somebody
    # Whatever was done, nothing was asked of anybody else, and no script failed or was refused.
    assert [url for url in somebody.asked if not url.startswith((server.url, "data:", "blob:"))] == []
    assert [said for said in somebody.complaints if not re.search("status of 4(22|04)", said)] == []


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A photograph that little work is done for."""
    path = tmp_path / "small.png"
    Image.open(COFFEE).convert("RGB").resize((240, 160)).save(path)
    return path


def set_slow_attack(visitor: Visitor) -> None:
    """An attack that goes on until it is cancelled: too little noise for that class."""
    visitor.look_at("Attack")
    visitor.page.get_by_label("To be seen as").fill("abacus")
    visitor.page.get_by_role("spinbutton", name="Epsilon").fill("1")
    visitor.page.get_by_label("Survives mirror").check()


# Broken before: each of these was


def test_the_reports_own_table_of_contents_leads_into_the_report(visitor: Visitor, small: Path, tmp_path: Path) -> None:
    visitor.choose(small)
    visitor.look_at("Report")
    for part in ("How it sees", "Fooling it", "A turn of the head"):
        visitor.page.get_by_label(part, exact=True).uncheck()
    visitor.page.get_by_label("Title", exact=True).fill("All \N{EYES} on it")
    visitor.press("report")
    assert visitor.wait_for_answer("report").startswith("The report is ready.")
    configuration = visitor.download("report", "exam.toml", tmp_path / "exam.toml")
    assert read_exam_config(configuration).title == "All \N{EYES} on it"
    report = visitor.page.frame_locator("iframe.document")
    for link in ("Provenance", "Problem 1, part 1"):
        report.get_by_role("link", name=link).first.click()
        expect(report.locator("body")).to_contain_text("small.png")
    assert visitor.download("report", "report.pdf", tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
    shown = report.locator("body").inner_text()
    assert str(tmp_path) not in shown
    assert "snellen-page" not in shown
    assert "snellen exam exam.toml" in shown


def test_a_press_after_a_cancel_is_never_swallowed(visitor: Visitor, small: Path) -> None:
    visitor.choose(small)
    set_slow_attack(visitor)
    run, cancel = visitor.page.locator("#attack-run"), visitor.page.locator("#attack-cancel")
    expect(cancel).to_be_hidden()
    for _ in range(4):
        with visitor.page.expect_response("**/api/jobs/attack") as answer:
            visitor.press("attack")
        assert answer.value.status == 202
        expect(run).to_have_attribute("aria-busy", "true")
        visitor.cancel("attack")
        expect(visitor.answer("attack")).to_contain_text("Cancelled.")
        expect(run).to_have_attribute("aria-busy", "false")
        expect(cancel).to_be_hidden()


def test_answers_say_what_they_are_of_and_survive_a_reload(visitor: Visitor, small: Path) -> None:
    visitor.choose(small)
    visitor.press("classify")
    visitor.wait_for_answer("classify")
    answer = visitor.answer("classify")
    expect(answer.locator(".of")).to_contain_text(f"Classify: small.png{MODEL}categories 5")
    expect(answer.locator(".old")).to_be_hidden()
    visitor.click_example(2)
    expect(answer.locator(".old")).to_have_text("Of earlier inputs")
    visitor.press("classify")
    expect(answer.locator(".of")).to_contain_text("china.jpg")
    visitor.wait_for_answer("classify")
    visitor.page.reload()
    expect(visitor.answer("classify").locator(".of")).to_contain_text("china.jpg")
    visitor.wait_for_pictures("classify")
    visitor.page.get_by_text("Earlier answers").click()
    visitor.page.locator(".history button", has_text="small.png").click()
    expect(visitor.answer("classify").locator(".of")).to_contain_text("small.png")
    expect(visitor.answer("classify").locator(".old")).to_be_visible()


def test_one_error_stands_where_the_answer_belongs_and_goes(visitor: Visitor, small: Path) -> None:
    visitor.choose(small)
    visitor.look_at("Attack")
    for target in ("<img src=x onerror=alert(1)>", "space shutle"):
        visitor.page.get_by_label("To be seen as").fill(target)
        visitor.press("attack")
        alert = visitor.answer("attack").get_by_role("alert")
        expect(alert).to_contain_text("did you mean space shuttle" if "shutle" in target else target)
        expect(visitor.answer("attack").locator("progress")).to_have_count(0)
        # Nor does the forecast, which comes a moment later, say it once more.
        visitor.page.wait_for_timeout(600)
        expect(visitor.page.locator("#attack-forecast")).to_have_text("")
    assert visitor.page.get_by_role("alert").count() == 1
    assert visitor.page.locator("img[src=x]").count() == 0
    visitor.page.get_by_label("To be seen as").fill("space shuttle")
    visitor.press("attack")
    expect(visitor.page.get_by_role("alert")).to_have_count(0)
    assert "space shuttle" in visitor.wait_for_answer("attack")


def test_bad_input_does_not_wait_and_the_queue_tells_true(
    browser: Browser, server, visitor: Visitor, small: Path
) -> None:  # fmt: skip
    visitor.choose(small)
    set_slow_attack(visitor)
    visitor.press("attack")
    expect(visitor.answer("attack")).to_contain_text("Step")
    with visit(browser, server.url) as second:
        second.click_example(0)
        second.look_at("Attack")
        second.page.get_by_label("To be seen as").fill("space shutle")
        second.press("attack")
        expect(second.answer("attack").get_by_role("alert")).to_contain_text("did you mean space shuttle")
        second.look_at("Classify")
        second.press("classify")
        waiting = second.answer("classify")
        expect(waiting).to_contain_text(
            re.compile(r"In the queue: one job is before this, about \d+ (s|min); then (a second|\d+ s)")
        )
        visitor.cancel("attack")
        assert "espresso" in second.wait_for_answer("classify")
    expect(visitor.answer("attack")).to_contain_text("Cancelled.")
    assert not visitor.answer("attack").locator(".headline").count()


def test_its_own_product_and_phones_photographs_are_taken(visitor: Visitor, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3000, 4000, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "attacked.png", compress_level=1)
    assert (tmp_path / "attacked.png").stat().st_size > 30 << 20
    Image.new("RGB", (8064, 6048), "teal").save(tmp_path / "phone.jpg")
    visitor.choose(tmp_path / "attacked.png", tmp_path / "phone.jpg")
    expect(visitor.page.locator(".side .about")).to_contain_text("8,064 \N{MULTIPLICATION SIGN} 6,048 pixels")
    assert visitor.page.locator(".side [role=alert]").is_hidden()


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("photo.png", b"no image", "photo.png: not an image"),
        ("photo.png", bomb(), "photo.png: 60000 x 60000 pixels (at most 64 million"),
        ("photo.heic", b"\0\0\0\x18ftypheic" + b"\0" * 200, "photo.heic: "),
        ("empty.jpg", b"", "empty.jpg: empty"),
    ],
    ids=["no image", "bomb", "heic", "empty"],
)
def test_what_cannot_be_read_is_refused_at_the_drop(
    visitor: Visitor, tmp_path: Path, name: str, content: bytes, complaint: str
) -> None:
    (tmp_path / name).write_bytes(content)
    visitor.page.locator("#photograph-file").set_input_files(tmp_path / name)
    alert = visitor.page.locator(".side [role=alert]")
    expect(alert).to_contain_text(complaint)
    assert str(tmp_path) not in alert.inner_text()


def test_the_cost_is_said_before_with_the_way_out_beside_it(visitor: Visitor, tmp_path: Path) -> None:
    Image.new("RGB", (2600, 2200), "teal").save(tmp_path / "large.jpg")
    visitor.choose(tmp_path / "large.jpg")
    visitor.look_at("Stress")
    work_at = visitor.page.get_by_role("tabpanel").get_by_label("Work at")
    work_at.select_option("0")
    forecast = visitor.page.locator("#stress-forecast")
    expect(forecast).to_contain_text(re.compile(r"At most about \d+ (s|min), \d\.\d GB of memory\."))
    forecast.get_by_role("button").click()
    expect(work_at).not_to_have_value("0")
    Image.new("RGB", (4000, 3000), "teal").save(tmp_path / "larger.jpg")
    visitor.choose(tmp_path / "larger.jpg")
    work_at.select_option("0")
    expect(forecast).to_contain_text("choose 2,048 pixels under 'Work at'")


def test_without_a_photograph_the_page_asks_for_one(visitor: Visitor) -> None:
    visitor.press("classify")
    expect(visitor.answer("classify").get_by_role("alert")).to_contain_text("drop one on the page")


# What people do


def test_an_attack_goes_on_to_the_next_part_as_the_file_it_is(
    visitor: Visitor, server, small: Path, tmp_path: Path
) -> None:  # fmt: skip
    visitor.choose(small)
    visitor.look_at("Attack")
    visitor.page.get_by_role("spinbutton", name="Steps").fill("12")
    visitor.page.get_by_label("Draw the curve over epsilon").check()
    visitor.press("attack")
    assert "space shuttle" in visitor.wait_for_answer("attack")
    curve = visitor.answer("attack").locator(".curves").get_by_role("img")
    expect(curve).to_have_attribute("aria-label", re.compile("epsilon. attacked: .* at 1, .* at 16; uniform noise: "))
    expect(curve.locator("circle")).to_have_count(10)
    visitor.wait_for_pictures("attack")
    look_everywhere(visitor, "Attack, answered")
    compare = visitor.answer("attack").locator(".comparison")
    slider = compare.get_by_role("slider")
    slider.focus()
    visitor.page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "51% before, 49% after")
    compare.get_by_label("Zoom", exact=True).select_option("8")
    assert compare.locator(".stage").evaluate("stage => stage.clientWidth / stage.parentElement.clientWidth") > 7.5
    compare.get_by_role("button", name="Noise").click()
    assert visitor.wait_for_pictures("attack") == 3
    file = visitor.download("attack", "adversarial.png", tmp_path / "adversarial.png")
    assert file.read_bytes() in [path.read_bytes() for path in server.folder.rglob("adversarial.png")]
    visitor.answer("attack").get_by_role("button", name="Classify it").click()
    assert visitor.wait_for_answer("classify").startswith("space shuttle")
    visitor.look_at("Attack")
    visitor.answer("attack").get_by_role("button", name="Stress it, with its original").click()
    assert re.match(r"space shuttle: \d+ of \d+ transforms", visitor.wait_for_answer("stress"))
    assert visitor.answer("stress").locator("table.acuity").count() == 2
    visitor.wait_for_pictures("stress")
    look_everywhere(visitor, "Stress, answered")
    said = visitor.answer("stress").inner_text()
    assert "Of 1 photographs" not in said
    assert "-0%" not in said
    # A letter is a picture: it opens, and can be taken on.
    visitor.answer("stress").get_by_role("button", name=re.compile("rotation by 30°")).first.click()
    expect(visitor.page.locator(".live-bars")).to_have_attribute("data-strength", "30")
    visitor.page.get_by_role("button", name="Keep this picture").click()
    expect(visitor.page.locator(".side .about")).to_contain_text("small-attacked-rotation-30.png")


def test_a_strength_is_dragged_and_the_answer_follows(visitor: Visitor) -> None:
    visitor.click_example(1)
    visitor.look_at("Stress")
    visitor.page.get_by_text("Drag one transform").click()
    visitor.page.get_by_label("Transform", exact=True).select_option("blur")
    bars = visitor.page.locator(".live-bars")
    expect(bars.locator("li")).to_have_count(5)
    asked = len(visitor.asked)
    slider = visitor.page.get_by_label("Strength", exact=True)
    slider.focus()
    for _ in range(30):
        visitor.page.keyboard.press("ArrowRight")
    expect(bars).to_have_attribute("data-strength", "0.9")
    # Of thirty questions those alone were asked that were not stale.
    assert 1 <= len([url for url in visitor.asked[asked:] if url.endswith("api/live")]) <= 30


def test_features_show_the_heat_map_first(visitor: Visitor, small: Path) -> None:
    visitor.choose(small)
    visitor.look_at("Features")
    visitor.page.get_by_label("What supports").fill("espresso")
    visitor.press("features")
    visitor.wait_for_answer("features")
    assert visitor.wait_for_pictures("features") == 17
    assert visitor.answer("features").locator("h3").all_inner_texts()[0].startswith("What supports espresso")


def test_a_class_is_found_as_one_types(visitor: Visitor) -> None:
    visitor.click_example(1)
    visitor.look_at("Attack")
    field = visitor.page.get_by_role("combobox", name="To be seen as")
    for typed, wanted in (("n02123045", "tabby"), ("tabby cat", "tabby"), ("cat", "Egyptian cat")):
        field.fill(typed)
        expect(visitor.page.get_by_role("option", name=wanted).first).to_be_visible()
    found = visitor.page.get_by_role("option").all_inner_texts()
    assert sum("cat" in re.split(r"\W+", one.lower()) for one in found) >= 5
    visitor.page.keyboard.press("ArrowDown")
    visitor.page.keyboard.press("Enter")
    assert "cat" in field.input_value().lower()
    expect(field).to_have_attribute("aria-expanded", "false")
    visitor.page.get_by_role("button", name="Second most likely").click()
    expect(field).to_have_value("Egyptian cat")


def test_two_models_side_by_side(visitor: Visitor) -> None:
    visitor.click_example(0)
    visitor.page.get_by_label("Beside it").select_option(SECOND)
    visitor.press("classify")
    headlines = visitor.answer("classify").locator(".headline")
    expect(headlines).to_have_count(2)
    assert visitor.answer("classify").locator(".by").all_inner_texts() == [MODEL, SECOND]


def test_the_probe_answers(visitor: Visitor, small: Path) -> None:
    visitor.choose(small)
    visitor.look_at("Probe")
    visitor.press("probe")
    assert "rocket" in visitor.wait_for_answer("probe")
    assert visitor.wait_for_pictures("probe") == 1


def test_learning_on_the_page(visitor: Visitor, tmp_path: Path) -> None:
    visitor.look_at("Learn")
    Image.new("RGB", (40, 30), "teal").save(tmp_path / "third.png")
    for place, source in enumerate(bundled_photographs()[:2]):
        files = []
        for number in range(2):
            files.append(tmp_path / f"{place}-{number}.png")
            Image.open(source.path).convert("RGB").crop((20 * number, 0, 240 + 20 * number, 240)).save(files[-1])
        card = visitor.page.locator(f".class-card[data-class='{place}']")
        card.locator("input[type=file]").set_input_files([*files, files[0].with_name("third.png")] if place else files)
        expect(card.locator("img")).to_have_count(3 if place else 2)
    # One that does not belong there is taken away.
    visitor.page.get_by_role("button", name="Photograph 3 of class 2: take it away").click()
    expect(card.locator("img")).to_have_count(2)
    visitor.press("learn")
    assert visitor.wait_for_answer("learn").startswith("Learned class 1, class 2 from 4 photographs")
    visitor.answer("learn").get_by_role("button", name="Classify with it").click()
    assert visitor.wait_for_answer("classify").startswith("class 1")
    expect(visitor.page.get_by_label("Model", exact=True)).to_contain_text("learned: class 1, class 2")
    visitor.look_at("Learn")
    look_everywhere(visitor, "learned")


def test_the_camera_and_the_clipboard_give_photographs(visitor: Visitor) -> None:
    visitor.page.get_by_role("button", name="Camera").first.click()
    camera = visitor.page.get_by_role("dialog", name="Camera")
    expect(camera.get_by_role("status")).to_have_text("")
    camera.get_by_role("button", name="Take").click()
    expect(visitor.page.locator(".side .about")).to_contain_text("camera-1.jpg")
    camera.get_by_role("button", name="Done").click()
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(file, format="PNG")
    visitor.page.evaluate(
        """bytes => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "pasted.png", { type: "image/png" }));
            document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data }));
        }""",
        list(file.getvalue()),
    )
    expect(visitor.page.locator(".side .about")).to_contain_text("pasted.png, 40 \N{MULTIPLICATION SIGN} 30 pixels")


def test_numbers_command_link_and_files_are_taken_along(visitor: Visitor, tmp_path: Path) -> None:
    visitor.click_example(0)
    visitor.page.get_by_role("spinbutton", name="Categories").fill("2")
    visitor.press("classify")
    shown = visitor.wait_for_answer("classify")
    answer = visitor.answer("classify")

    def copied(button: str) -> str:
        answer.get_by_role("button", name=button).click()
        expect(visitor.page.locator("#announce")).to_contain_text("copied")
        visitor.page.evaluate("document.querySelector('#announce').textContent = ''")
        text: str = visitor.page.evaluate("navigator.clipboard.readText()")
        return text

    assert json.loads(copied("Copy the numbers"))["results"][0]["predictions"][0]["label"] in shown
    assert copied("Copy the command") == f"snellen classify coffee.png -k 2 --model {MODEL}"
    link = copied("Copy a link")
    with visitor.page.expect_download() as started:
        answer.get_by_role("link", name="Download all").click()
    started.value.save_as(tmp_path / "all.zip")
    assert (tmp_path / "all.zip").read_bytes().startswith(b"PK")
    visitor.page.evaluate("localStorage.clear()")
    visitor.page.goto("about:blank")
    visitor.page.goto(link)
    expect(visitor.page.get_by_role("spinbutton", name="Categories")).to_have_value("2")


# For everybody


def test_the_keyboard_does_it_all(visitor: Visitor, small: Path) -> None:
    visitor.choose(small)
    visitor.page.get_by_role("tab", name="Classify").focus()
    for name in ("Features", "Attack"):
        visitor.page.keyboard.press("ArrowRight")
        expect(visitor.page.get_by_role("tab", name=name)).to_be_focused()
        expect(visitor.page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")
    visitor.page.keyboard.press("End")
    expect(visitor.page.get_by_role("tab", name="Report")).to_be_focused()
    set_slow_attack(visitor)
    visitor.page.locator("#attack-run").focus()
    visitor.page.keyboard.press("Enter")
    expect(visitor.answer("attack")).to_contain_text("Step")
    visitor.page.keyboard.press("Escape")
    expect(visitor.answer("attack")).to_contain_text("Cancelled.")
    expect(visitor.page.locator("#attack-run")).to_be_focused()
    outline = visitor.page.locator("#attack-run").evaluate("button => getComputedStyle(button).outlineStyle")
    assert outline == "solid"


def findings(page: Page) -> list[str]:
    """What axe-core has against the page as it is now; serious and critical alone."""
    axe_core_python = pytest.importorskip("axe_core_python")
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate((Path(axe_core_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
    # Of what passes nothing is told, so axe need not describe it.
    found = page.evaluate("axe.run(document, { iframes: false, resultTypes: ['violations'] })")
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]


def look_everywhere(visitor: Visitor, what: str) -> None:
    """Nothing serious is found and nothing sticks out: on a phone and on a screen, by day and by night."""
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    for width, scheme in ((390, "dark"), (1280, "light")):
        visitor.page.set_viewport_size({"width": width, "height": 844})
        visitor.page.emulate_media(color_scheme=scheme)
        assert findings(visitor.page) == [], f"{what}, {width} pixels, {scheme}"
        assert visitor.page.evaluate(wide) <= 0, f"{what}, {width} pixels"


def test_axe_finds_nothing_serious_on_any_tab(visitor: Visitor, small: Path) -> None:
    look_everywhere(visitor, "empty")
    visitor.choose(small)
    for tab in ("Classify", "Features", "Attack", "Stress", "Evaluate", "Learn", "Probe", "Report"):
        visitor.look_at(tab)
        assert visitor.page.get_by_role("tab", name=tab, exact=True).is_visible()
        look_everywhere(visitor, tab)
        if tab == "Probe":
            visitor.press("probe")
            visitor.wait_for_answer("probe")
            visitor.wait_for_pictures("probe")
            look_everywhere(visitor, "Probe, answered")
    visitor.look_at("Attack")
    visitor.page.get_by_label("To be seen as").fill("nonsense")
    visitor.press("attack")
    visitor.answer("attack").get_by_role("alert").wait_for()
    visitor.page.get_by_text("Earlier answers").click()
    look_everywhere(visitor, "refused, with earlier answers")
