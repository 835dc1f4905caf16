"""Numbers a report's figures and tables, and puts the numbers where its sentences name them.

A sentence names a figure or a table by a mark: part and name of the block in double brackets, ``[[attack/details]]``.
Only the exam's own sentences, and a person's in place of them, hold marks: what is printed elsewhere has no numbers.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Sequence

from snellen.exam.report.document import Block, FigureRow, Picture, Report, Section, Table, with_texts

_MARK = re.compile(r"\[\[([a-z_]+/[a-z0-9-]+)\]\]")
_NUMBER = re.compile(r"\[\[((?:Figure|Table) [0-9]+)\]\]")
_ABSENT = "a figure that is not in this report"


def numbered(report: Report) -> Report:
    """The report with a number for each figure and each table, and its label in place of each mark: ``[[Figure 3]]``.

    A mark of what the report does not have, as a part that was not asked for, becomes words that say so. A report that
    is numbered stays as it is.
    """
    sections = _with_numbers(report.sections)
    labels = names(sections)
    every = {label(block) for section in sections for block in section.blocks}

    def resolved(text: str) -> str:
        own = _MARK.sub(lambda found: f"[[{labels[found[1]]}]]" if found[1] in labels else _ABSENT, text)
        # Words of anybody's, such as a file's name, may look like a label.
        return _NUMBER.sub(lambda found: found[0] if found[1] in every else found[1], own)

    resolved_sections = [
        dataclasses.replace(section, blocks=[with_texts(block, resolved) for block in section.blocks])
        for section in sections
    ]
    return dataclasses.replace(report, sections=resolved_sections)


def label(block: Block) -> str:
    """What a figure or a table of a numbered report is called: ``Figure 3``; empty for any other block."""
    if not isinstance(block, Picture | FigureRow | Table):
        return ""
    return f"{'Table' if isinstance(block, Table) else 'Figure'} {block.number}"


def names(sections: Sequence[Section]) -> dict[str, str]:
    """The label of each figure and table of numbered sections that has a name, by section and name."""
    return {
        f"{section.name}/{block.name}": label(block)
        for section in sections
        for block in section.blocks
        if isinstance(block, Picture | FigureRow | Table) and block.name
    }


def marks(texts: Iterable[str]) -> list[str]:
    """What texts name by marks, such as ``attack/details``."""
    return [found[1] for text in texts for found in _MARK.finditer(text)]


def with_labels(text: str, shown: Callable[[str], str] = str) -> str:
    """``text`` with ``shown`` of each label, such as ``Figure 3``, without its brackets."""
    return _NUMBER.sub(lambda found: shown(found[1]), text)


def _with_numbers(sections: Sequence[Section]) -> list[Section]:
    counts = {"Figure": 0, "Table": 0}

    def counted(block: Block) -> Block:
        if not isinstance(block, Picture | FigureRow | Table):
            return block
        kind = "Table" if isinstance(block, Table) else "Figure"
        counts[kind] += 1
        return dataclasses.replace(block, number=counts[kind])

    return [dataclasses.replace(section, blocks=list(map(counted, section.blocks))) for section in sections]
