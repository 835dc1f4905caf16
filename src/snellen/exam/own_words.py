"""A person's own words in place of computed ones: the paragraphs and figures of a text file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from snellen.data.images import read_image
from snellen.errors import ImageError, InputError, did_you_mean
from snellen.exam.config import ExamConfig
from snellen.exam.paths import leads_out
from snellen.exam.report.document import PICTURE_TYPES, FigureRow, Paragraph, Picture, Section, Table
from snellen.exam.report.numbers import marks, names
from snellen.prose import counted
from snellen.runs.text import as_on_disk, read_text

_CITATION = re.compile(r"\s\[\d{1,3}\]")
_FORMATS = ("PNG", "JPEG", "MPO")
"""Pillow's names of what a figure may be; telephones write JPEG files of the third."""
_NAME = re.compile("[a-z0-9-]+")


def own_words(file: Path) -> list[Paragraph | Picture]:
    """What a text file holds: paragraphs, with a blank line between two, and figures.

    A paragraph ``![What is to be seen](curve.png)`` is a figure of a PNG or JPEG file beside the text or below;
    sentences name it by the file's name: ``[[attack/curve]]``. Numbers of references, such as ``[3]``, are left out:
    they were those of an earlier report.

    Raises:
        InputError: it cannot be read, or is empty; or a figure has no caption, is elsewhere, or is no such file.
    """
    text = _CITATION.sub("", read_text(file))
    paragraphs = [" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", text)]
    if not any(paragraphs):
        raise InputError(f"{file}: is empty", "paragraphs with a blank line between them")
    return [_block(file, paragraph) for paragraph in paragraphs if paragraph]


def _block(file: Path, paragraph: str) -> Paragraph | Picture:
    # By hand: a regular expression's steps would grow with the square of the paragraph.
    if not (paragraph.startswith("![") and paragraph.endswith(")")):
        return Paragraph(paragraph)
    caption, between, name = paragraph[2:-1].rpartition("](")
    return _figure(file, caption.strip(), name.strip()) if between and name else Paragraph(paragraph)


def _figure(file: Path, caption: str, name: str) -> Picture:
    path = Path(as_on_disk(str(file.parent / name)))
    if not caption:
        raise InputError(f"{file}: the figure {name} has no caption", f"![What is to be seen]({name})")
    if path.suffix.lower() not in PICTURE_TYPES.keys() - {".svg"}:
        raise InputError(f"{file}: the figure {name} is no PNG or JPEG file", "a figure saved as one")
    if leads_out(path, [file.parent], below=False):
        raise InputError(f"{file}: the figure {name} is elsewhere", "a file beside the text, or below")
    try:
        read_image(path)
    except ImageError as error:
        raise InputError(f"{file}: the figure {error.message}", error.hint) from error
    with Image.open(path) as opened:
        if opened.format not in _FORMATS:
            raise InputError(f"{file}: the figure {name} is no PNG or JPEG file", f"{opened.format} saved as one")
    return Picture(path, caption, name=path.stem if _NAME.fullmatch(path.stem) else "")


def own_blocks(config: ExamConfig, key: str) -> list[Paragraph | Picture]:
    """What stands in place of the discussion that ``key`` of the configuration's ``discussion`` names.

    Raises:
        InputError: see :func:`own_words`.
    """
    try:
        return own_words(Path(config.discussion[key]))
    except InputError as error:
        raise InputError(f"discussion: {error.message}", error.hint) from error


def check_own_words(config: ExamConfig) -> None:
    """Refuse, before anything is examined, a text of the configuration's discussion that cannot be read.

    Raises:
        InputError: names the file.
    """
    for key in config.discussion:
        own_blocks(config, key)


def notes_on_own_words(config: ExamConfig, computed: Mapping[str, int], report: Sequence[Section]) -> list[str]:
    """Lines on what became of the configuration's texts that their writer may not expect.

    Args:
        config: configuration with the texts.
        computed: number of discussions that were computed of each part.
        report: sections of the report, with the texts in their place.
    """
    figures = names(report)
    notes = []
    for key, file in config.discussion.items():
        if computed.get(key, 0) > 1:
            notes.append(f"{key} takes the place of {counted(computed[key], 'discussion')}; {key}-1 would of the first")
        text = read_text(Path(file))
        if number := _CITATION.search(text):
            notes.append(f"{file}: numbers of references, such as{number[0]}, are given anew")
        unknown = [mark for mark in marks([text]) if mark not in figures]
        if unknown:
            hint = did_you_mean(unknown[0], figures) or f"the report has {', '.join(figures)}"
            notes.append(f"{file}: [[{unknown[0]}]] names no figure or table; {hint}")
    return [f"discussion: {note}" for note in [*notes, *_namesakes(report)]]


def _namesakes(report: Sequence[Section]) -> list[str]:
    """Names that two figures of one section share, of which a mark leads to the last."""
    notes = []
    for section in report:
        known = [one.name for one in section.blocks if isinstance(one, Picture | FigureRow | Table) and one.name]
        notes += [
            f"two figures of {section.name} are called {name}: call the file otherwise"
            for name in dict.fromkeys(known)
            if known.count(name) > 1
        ]
    return notes
