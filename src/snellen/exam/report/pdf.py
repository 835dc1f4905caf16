"""Renders a report as a PDF with Typst: PDF/A-2a to keep, PDF/UA-1 to be read aloud."""

from __future__ import annotations

import dataclasses
import itertools
import json
import tempfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from snellen.errors import SnellenError
from snellen.exam.report.document import Picture, Report, with_paths
from snellen.exam.report.numbers import numbered
from snellen.exam.report.pictures import compressed
from snellen.runs.files import atomic_path, write_bytes, write_text
from snellen.runs.serialise import to_plain

STANDARDS: tuple[Literal["a-2a", "ua-1"], ...] = ("a-2a", "ua-1")
"""What each report is held to by the typesetter, which refuses a document that does not conform."""
_UNDRAWABLE = "could not be displayed with"


def write_pdf(report: Report, path: Path) -> str:
    """Typeset ``report`` as a PDF, whole or not at all; the same report gives the same pages.

    Returns:
        One line naming the characters that no font here can draw, which stand in the PDF as their numbers, such as
        ``[U+6F22]``; empty where all can be drawn.

    Raises:
        SnellenError: Typst refuses the document, or the file cannot be written.
    """
    import typst

    with tempfile.TemporaryDirectory(prefix="snellen-") as name:
        write_source(report, Path(name))
        with atomic_path(path) as temporary:
            try:
                return _compile(Path(name), temporary)
            except typst.TypstError as error:
                raise SnellenError(f"{path}: cannot be typeset: {error}") from error


def write_source(report: Report, folder: Path) -> None:
    """Write what the PDF is typeset from: ``report.typ``, ``report.json``, the pictures, the discussions' text.

    Raises:
        SnellenError: a file cannot be written.
    """
    template = resources.files("snellen.exam.report") / "report.typ"
    write_text(folder / "report.typ", template.read_text(encoding="utf-8"))
    plain = _without_controls(to_plain(_with_local_pictures(numbered(report), folder)))
    for section in plain["sections"]:
        _write_discussions(section, folder)
    _write(folder / "report.json", json.dumps(plain, ensure_ascii=False, indent=1))


def _without_controls(value: Any) -> Any:
    """The same with numbers in place of control characters, which a file's name can hold and no font has."""
    if isinstance(value, Mapping):
        return {key: _without_controls(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_controls(one) for one in value]
    return value.translate(_CONTROLS) if isinstance(value, str) else value


def _write(path: Path, text: str) -> None:
    """Write a text. Typst reads nothing but UTF-8, which the name of a photograph need not be."""
    write_bytes(path, text.encode(errors="replace"))


def _write_discussions(section: dict[str, Any], folder: Path) -> None:
    """Move the paragraphs of each discussion from ``section`` into a text file, which a person can rewrite."""
    discussions = [block for block in section["blocks"] if block["kind"] == "discussion"]
    for number, block in enumerate(discussions, 1):
        block["file"] = f"discussion/{section['name']}-{number}.txt"
        _write(folder / block["file"], "\n\n".join(block.pop("paragraphs")) + "\n")


def _compile(folder: Path, output: Path) -> str:
    """Typeset the source in ``folder``; see :func:`write_pdf`."""
    import typst

    def compiled() -> None:
        typst.compile(folder / "report.typ", output=output, root=folder, pdf_standards=[*STANDARDS])

    try:
        compiled()
    except typst.TypstError as error:
        if _UNDRAWABLE not in str(error):
            raise
        missing = _undrawable(folder)
        if not missing:
            raise
        compiled()
        return f"no font here has {' '.join(missing)}: printed as numbers, {_number_of(missing[0])}"
    return ""


def _undrawable(folder: Path) -> list[str]:
    """Put numbers in place of the characters that no font here has, in all texts of ``folder``; gives them."""
    files = [folder / "report.json", *folder.glob("discussion/*.txt")]
    texts = {file: file.read_text(encoding="utf-8") for file in files}
    missing = [character for character in sorted(set("".join(texts.values()))) if not _is_drawable(character)]
    numbers = str.maketrans({character: _number_of(character) for character in missing})
    for file, text in texts.items():
        _write(file, text.translate(numbers))
    return missing


def _number_of(character: str) -> str:
    return f"[U+{ord(character):04X}]"


_CONTROLS = {code: _number_of(chr(code)) for code in (*range(9), *range(11, 32), *range(127, 160))}


def _is_drawable(character: str) -> bool:
    """Whether some font that the typesetter finds has a character."""
    import typst

    if character.isascii():
        return True
    source = f'#set document(title: "t")\n#set text(font: "Libertinus Serif")\n#"{character}"'
    try:
        typst.compile(source.encode(), pdf_standards=[*STANDARDS])
    except typst.TypstError as error:
        return _UNDRAWABLE not in str(error)
    return True


def _with_local_pictures(report: Report, folder: Path) -> Report:
    """The report with its pictures copied into ``folder``, which is all that Typst may read."""
    numbers = itertools.count(1)

    def copied(path: Path) -> Path:
        data, suffix = compressed(path)
        name = f"{next(numbers)}{suffix}"
        write_bytes(folder / name, data)
        return Path(name)

    def local(picture: Picture) -> Picture:
        return dataclasses.replace(picture, path=copied(picture.path))

    return dataclasses.replace(
        report,
        cover=report.cover and local(report.cover),
        highlights=[(title, local(picture)) for title, picture in report.highlights],
        sections=[
            dataclasses.replace(section, blocks=[with_paths(block, copied) for block in section.blocks])
            for section in report.sections
        ],
    )
