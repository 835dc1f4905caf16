"""Renders a report as a PDF with Typst."""

from __future__ import annotations

import dataclasses
import itertools
import tempfile
from importlib import resources
from pathlib import Path

from snellen.errors import SnellenError
from snellen.exam.report.document import Report, with_paths
from snellen.exam.report.pictures import compressed
from snellen.runs.files import atomic_path
from snellen.runs.serialise import to_json


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
