"""Renders a report as a PDF with Typst."""

from __future__ import annotations

import dataclasses
import itertools
import json
import tempfile
from importlib import resources
from pathlib import Path

from snellen.errors import SnellenError
from snellen.exam.report.document import Report, with_paths
from snellen.exam.report.pictures import compressed
from snellen.runs.files import atomic_path
from snellen.runs.serialise import to_plain


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
        told = json.dumps(to_plain(_with_local_pictures(report, folder)), ensure_ascii=False)
        # Typst reads nothing but UTF-8, which the name of a photograph need not be.
        (folder / "report.json").write_bytes(told.encode(errors="replace"))
        with atomic_path(path) as temporary:
            try:
                typst.compile(folder / "report.typ", output=temporary, root=folder)
            except typst.TypstError as error:
                raise SnellenError(f"{path}: cannot be typeset: {error}") from error


def _with_local_pictures(report: Report, folder: Path) -> Report:
    """The report with its pictures copied into ``folder``, which is all that Typst may read."""
    numbers = itertools.count(1)

    def copied(path: Path) -> Path:
        data, suffix = compressed(path)
        name = f"{next(numbers)}{suffix}"
        (folder / name).write_bytes(data)
        return Path(name)

    return dataclasses.replace(
        report,
        cover=report.cover and dataclasses.replace(report.cover, path=copied(report.cover.path)),
        sections=[
            dataclasses.replace(section, blocks=[with_paths(block, copied) for block in section.blocks])
            for section in report.sections
        ],
    )
