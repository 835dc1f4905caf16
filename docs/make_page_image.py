"""Makes the README's picture of the page: python docs/make_page_image.py"""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from browser import chromium, serving, visit  # noqa: E402

MOST_COLOURS = 160

with (
    tempfile.TemporaryDirectory() as home,
    serving(Path(home), "--model", "tf_efficientnet_lite0") as server,
    chromium() as browser,
    visit(browser, server.url, 1280, 1180) as visitor,
):
    visitor.click_example(0)
    visitor.look_at("Attack")
    visitor.press("attack")
    visitor.wait_for_answer("attack")
    visitor.wait_for_pictures("attack")
    picture = Image.open(io.BytesIO(visitor.page.screenshot())).convert("RGB")
picture.quantize(MOST_COLOURS).save(ROOT / "docs" / "images" / "page.png", optimize=True)
