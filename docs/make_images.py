"""Makes the pictures of the README and the site from a finished exam: python docs/make_images.py exam"""

import sys
from pathlib import Path

import pypdfium2
from PIL import Image

PICTURES = {
    "categories/categories-1.png": "categories.jpg",
    "features/heatmap.png": "heatmap.jpg",
    "probe/confusion.png": "confusion.png",
    "training/plain/filters.png": "filters.jpg",
    "training/curves-3.png": "curves.png",
    "training/rates.png": "rates.png",
    "attack/attacks.png": "attacks.jpg",
    "stress/acuity.png": "acuity.png",
    "features/features.png": "features.jpg",
}
WIDTH = 900
COLOURS = 64
"""Of a PNG picture; charts have few."""

exam = Path(sys.argv[1])
for source, name in PICTURES.items():
    picture = Image.open(exam / source).convert("RGB")
    picture.thumbnail((WIDTH, 10 * WIDTH), Image.Resampling.LANCZOS)
    if name.endswith(".png"):
        picture = picture.quantize(COLOURS)
    picture.save(Path(__file__).parent / "images" / name, quality=88, optimize=True)
cover = pypdfium2.PdfDocument(exam / "report.pdf")[0].render(scale=1.2).to_pil()
cover.quantize(COLOURS).save(Path(__file__).parent / "images" / "cover.png", optimize=True)
