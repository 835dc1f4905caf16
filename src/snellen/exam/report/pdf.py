"""Renders a report as a PDF with Typst."""

from __future__ import annotations

import tempfile
from importlib import resources
from pathlib import Path

from snellen.errors import SnellenError
from snellen.exam.report.document import Report
from snellen.exam.report.pictures import compressed
from snellen.runs.files import atomic_path
from snellen.runs.serialise import to_json, to_plain


def write_pdf(report: Report, path: Path) -> None:
    """Typeset ``report`` as a PDF, whole or not at all; the same report gives the same pages.

    Raises:
        SnellenError: Typst refuses the document, or the file cannot be written.
    """
    import typst

    template = resources.files("snellen.exam.report") / "report.typ"
    with tempfile.TemporaryDirectory(prefix="snellen-") as name:
        folder = Path(name)
        (folder / "report.typ").write_text(template.read_text(encoding="utf-8"), encoding="utf-8")
        (folder / "report.json").write_text(to_json(_with_local_pictures(report, folder)), encoding="utf-8")
        with atomic_path(path) as temporary:
            try:
                typst.compile(folder / "report.typ", output=temporary, root=folder)
            except typst.TypstError as error:
                raise SnellenError(f"{path}: cannot be typeset: {error}") from error


def _with_local_pictures(report: Report, folder: Path) -> object:
    """The report as plain data, its pictures copied into ``folder``, which is all that Typst may read."""
    plain = to_plain(report)
    blocks = [block for section in plain["sections"] for block in section["blocks"]]
    shown = [plain["cover"]] if plain["cover"] else []
    shown += [block for block in blocks if block["kind"] == "picture"]
    shown += [picture for block in blocks if block["kind"] == "beside" for picture in block["pictures"]]
    for number, picture in enumerate(shown, start=1):
        data, ending = compressed(Path(picture["path"]))
        picture["path"] = f"{number}{ending}"
        (folder / picture["path"]).write_bytes(data)
    return plain
