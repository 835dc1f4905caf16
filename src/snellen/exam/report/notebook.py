"""Renders a report as a Jupyter notebook, whose cells make each figure anew and whose sentences can be rewritten.

It lies in the exam's folder and reads its files from there, so that folder and notebook can be moved together.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from snellen.exam.report.document import (
    Block,
    Discussion,
    Fact,
    Failed,
    FigureRow,
    Heading,
    Item,
    Paragraph,
    Picture,
    Points,
    Report,
    Section,
    Table,
)
from snellen.exam.report.numbers import label, numbered, with_labels
from snellen.prose import as_markdown
from snellen.runs.files import write_text

Code = Callable[[str, str], str]


def write_notebook(report: Report, settings: Sequence[Fact], setup: str, code: Code, path: Path) -> None:
    """Write ``report`` as a notebook in the format 4.5, without outputs; the same report gives the same bytes.

    Args:
        report: what is shown. Its pictures lie in the notebook's folder or below.
        settings: what was examined and how, as names and values.
        setup: Python of the first cell: it binds what the pictures' code uses.
        code: gives, from a section's name and a picture's file name, Python that draws it anew; empty shows the file.
        path: notebook, in the exam's folder.

    Raises:
        SnellenError: the file cannot be written.
    """
    report = numbered(report)
    cells = [_front(report), *_checklist(report.checklist), _code(setup)]
    for section in report.sections:
        cells += _section(section, code, path.parent)
    cells += [_references(report.references), _settings([*report.summary, *settings])]
    named = [{"id": f"cell-{number}", **cell} for number, cell in enumerate(cells, 1)]
    notebook = {
        "cells": named,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "title": report.title,
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    write_text(path, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")


def _markdown(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text.splitlines(keepends=True)}


def _code(text: str) -> dict[str, Any]:
    source = text.splitlines(keepends=True)
    return {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source}


def _plain(text: str) -> str:
    """``text`` on one line, so that Markdown prints it as it stands."""
    return as_markdown(with_labels(text))


def _front(report: Report) -> dict[str, Any]:
    by = [report.author, f"Worked with {', '.join(report.collaborators)}." if report.collaborators else ""]
    found = [f"- **{_plain(title)}.** {_plain(text)}" for title, text in report.findings]
    return _markdown("\n\n".join(
        [f"# {_plain(report.title)}", *(_plain(line) for line in by if line), "\n".join(found), _plain(report.words)]
    ))  # fmt: skip


def _checklist(items: Sequence[Item]) -> Iterator[dict[str, Any]]:
    if items:
        rows = [
            (one.problem, one.asked, one.heading or one.section or "not here", _answered(one)) for one in items
        ]  # fmt: skip
        yield _markdown(f"## Checklist\n\n{_table(('item', 'asked for', 'where', 'answered on'), rows)}")


def _answered(item: Item) -> str:
    if not item.answered:
        return f"Not answered: {item.data}"
    return f"{item.data}; less than asked: {item.short}" if item.short else item.data


def _section(section: Section, code: Code, folder: Path) -> Iterator[dict[str, Any]]:
    """A cell of text up to each picture, and one of code for the picture."""
    text = [f"## {_plain(section.heading)}"]
    for block in section.blocks:
        pictures = _pictures(block)
        if not pictures:
            text.append(_text(block))
            continue
        if text:
            yield _markdown("\n\n".join(text))
        for picture in pictures:
            file = Path(os.path.relpath(picture.path, folder)).as_posix()
            yield _code(code(section.name, picture.path.name) or f"snellen.read_image({file!r})")
        assert isinstance(block, Picture | FigureRow)  # nothing else has pictures
        text = [f"*{label(block)}: {_plain(block.caption)}*"]
    if text:
        yield _markdown("\n\n".join(text))


def _pictures(block: Block) -> Sequence[Picture]:
    if isinstance(block, FigureRow):
        return block.pictures
    return [block] if isinstance(block, Picture) else []


def _text(block: Block) -> str:
    """A block without pictures as Markdown."""
    match block:
        case Paragraph():
            return _plain(block.text)
        case Discussion():
            return "\n\n".join(map(_plain, block.paragraphs))
        case Heading():
            return f"### {_plain(block.line)}"
        case Points():
            return "\n".join(f"- {_plain(item)}" for item in block.items)
        case Table():
            return f"*{label(block)}: {_plain(block.caption)}*\n\n{_table(block.columns, block.rows)}"
        case Failed():
            return f"**This part failed.** {_plain(block.reason)}"
        case _:
            raise AssertionError(block)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [map(_plain, columns), ["---"] * len(columns), *(map(_plain, row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _references(references: Sequence[str]) -> dict[str, Any]:
    listed = "\n".join(f"{number}. {_plain(entry)}" for number, entry in enumerate(references, 1))
    return _markdown(f"## References\n\n{listed}")


def _settings(facts: Sequence[Fact]) -> dict[str, Any]:
    return _markdown(f"## Settings\n\n{_table(('setting', 'value'), [(fact.name, fact.value) for fact in facts])}")
