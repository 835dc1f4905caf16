"""Pictures of every tab in every state, to be looked at: python tests/screens.py FOLDER [--only Attack Stress]"""

import argparse
import sys
import tempfile
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))

from browser import Visitor, chromium, serving, visit
from snellen.data.photographs import bundled_photographs

MODELS = ("tf_efficientnet_lite0", "tf_efficientnet_lite1")
LOOKS = [(width, scheme, "none") for width in (390, 1280, 3840) for scheme in ("light", "dark")]
FORCED = [(1280, "dark", "active")]
HEIGHTS = {390: 844, 1280: 900, 3840: 2160}


def picture(visitor: Visitor, folder: Path, name: str) -> None:
    """One state at each width, by day, by night and in forced colours."""
    for width, scheme, forced in [*LOOKS, *FORCED]:
        visitor.page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
        visitor.page.emulate_media(color_scheme=scheme, forced_colors=forced, reduced_motion="reduce")
        visitor.page.evaluate("window.scrollTo(0, 0)")
        visitor.page.wait_for_timeout(150)
        kind = "forced" if forced == "active" else scheme
        visitor.page.screenshot(path=folder / f"{name}-{width}-{kind}.png", full_page=width < 3840)
    visitor.page.emulate_media(color_scheme="light", forced_colors="none")
    visitor.page.set_viewport_size({"width": 1280, "height": 900})
    print(name, flush=True)


def teach(visitor: Visitor, home: Path) -> None:
    """Two classes of two pictures each under Learn."""
    for place, source in enumerate(bundled_photographs()[:2]):
        files = []
        for number in range(3):
            files.append(home / f"{place}-{number}.png")
            crop = Image.open(source.path).convert("RGB").crop((20 * number, 0, 240 + 20 * number, 240))
            crop.save(files[-1])
        visitor.page.locator(f".class-card[data-class='{place}'] input[type=file]").set_input_files(files)
        visitor.page.locator(f".class-card[data-class='{place}'] img").nth(2).wait_for()


def refused(visitor: Visitor, tab: str) -> bool:
    """Ask what cannot be; whether the tab has something that cannot."""
    wrong = {"attack": "To be seen as", "features": "What supports", "evaluate": "What they show"}
    if tab not in wrong:
        return False
    field = visitor.page.get_by_role("tabpanel").get_by_label(wrong[tab], exact=True)
    before = field.input_value()
    field.fill("space shutle")
    visitor.page.locator(f"#{tab}-run").focus()
    visitor.press(tab)
    visitor.answer(tab).get_by_role("alert").wait_for()
    visitor.page.wait_for_timeout(700)
    picture(visitor, FOLDER, f"{tab}-refused")
    field.fill(before or {"evaluate": "espresso"}.get(tab, ""))
    visitor.page.locator(f"#{tab}-run").focus()
    return True


def look_at(visitor: Visitor, home: Path, tab: str) -> None:
    """A tab before its question, refused, at work and answered."""
    name = tab.lower()
    visitor.look_at(tab)
    if tab == "Learn":
        teach(visitor, home)
    visitor.page.wait_for_timeout(700)
    picture(visitor, FOLDER, f"{name}-asked")
    refused(visitor, name)
    visitor.press(name)
    visitor.page.wait_for_timeout(1500)
    if not visitor.answer(name).locator(".headline").count():
        picture(visitor, FOLDER, f"{name}-running")
    visitor.wait_for_answer(name)
    visitor.wait_for_pictures(name)
    visitor.page.wait_for_timeout(500)
    picture(visitor, FOLDER, f"{name}-answered")


parser = argparse.ArgumentParser()
parser.add_argument("folder", type=Path)
parser.add_argument("--only", nargs="+")
options = parser.parse_args()
FOLDER: Path = options.folder
FOLDER.mkdir(parents=True, exist_ok=True)
with tempfile.TemporaryDirectory() as temporary:
    home = Path(temporary)
    named = [word for model in MODELS for word in ("--model", model)]
    with serving(home / "page", *named) as server, chromium() as browser, visit(browser, server.url) as visitor:
        tabs = visitor.page.get_by_role("tab").all_inner_texts()
        if not options.only:
            for tab in tabs:
                visitor.look_at(tab)
                picture(visitor, FOLDER, f"{tab.lower()}-empty")
        visitor.click_example(0)
        for tab in options.only or tabs:
            if tab != "Probe":
                look_at(visitor, home, tab)
        visitor.page.get_by_text("Earlier answers").click()
        picture(visitor, FOLDER, "history")
