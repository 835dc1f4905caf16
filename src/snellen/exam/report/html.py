"""Renders a report as one HTML file that needs no other file."""

from __future__ import annotations

import base64
import re
from importlib import resources
from pathlib import Path

from snellen.exam.report.document import PICTURE_TYPES, Report
from snellen.exam.report.numbers import label, numbered, with_labels
from snellen.exam.report.pictures import compressed
from snellen.runs.files import write_text

_NUMBER = re.compile(r"[-+<>\u2212]?[0-9][0-9,.]*( ?%| ?s| ?MB| ± .*)?")


def write_html(report: Report, path: Path) -> None:
    """Write ``report`` as a page with its pictures, style and highlighted code inside, whole or not at all.

    Raises:
        SnellenError: the file cannot be written.
    """
    from jinja2 import Environment, StrictUndefined
    from pygments.formatters import HtmlFormatter

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"data_uri": _data_uri, "anchor": _anchor, "highlighted": _highlighted}
    environment.filters |= {"linked": _linked, "label": label, "unmarked": with_labels}
    environment.tests["numbers"] = _all_numbers
    template = environment.from_string(
        (resources.files("snellen.exam.report") / "report.html").read_text(encoding="utf-8")
    )
    style = HtmlFormatter(style="default").get_style_defs(".highlight")
    write_text(path, template.render(report=numbered(report), code_style=style))


def _data_uri(picture: Path) -> str:
    """The file as a data URI."""
    data, suffix = compressed(picture)
    return f"data:{PICTURE_TYPES[suffix]};base64,{base64.b64encode(data).decode('ascii')}"


def _anchor(section: str, heading: str = "") -> str:
    """The id of a section, or of a heading in it."""
    return re.sub(r"[^a-z0-9]+", "-", f"{section} {heading}".lower()).strip("-")


def _linked(text: str) -> str:
    """Text as HTML in which the label of a figure or table leads to it."""
    from markupsafe import Markup, escape

    # Escaping leaves brackets, letters and digits as they are, of which a label is made.
    escaped = str(escape(text))
    return Markup(with_labels(escaped, lambda named: f'<a href="#{_anchor(named)}">{named}</a>'))  # noqa: S704


def _highlighted(source: str, language: str) -> str:
    """Source as HTML."""
    from markupsafe import Markup
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name

    # What Pygments gives is escaped already.
    return Markup(highlight(source, get_lexer_by_name(language), HtmlFormatter(style="default")))  # noqa: S704


def _all_numbers(cells: list[str]) -> bool:
    """Whether a column is to be aligned to the right."""
    return all(not cell or _NUMBER.fullmatch(cell) for cell in cells)
