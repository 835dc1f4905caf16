"""Numbers the references, and puts each number where the text first uses what it stands for."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from snellen.exam.report.document import Fact, Reference, Report, with_texts


def with_citations(
    report: Report,
    of_section: Mapping[str, Sequence[Reference]],
    tools: Sequence[Reference],
    own: Mapping[str, str] = MappingProxyType({}),
) -> Report:
    """The report with its references, and the number of each behind the first words of a section that use it.

    A reference that no text uses is left out, but for the user's own, whose number takes the place of ``[key]``.

    Args:
        report: report without references.
        of_section: for each section's name what it rests on, in the order of the report.
        tools: what the provenance names.
        own: what the user refers to, by the keys that their texts have in brackets.
    """
    used: list[str] = []

    def noted(entry: str) -> str:
        used.append(entry)
        return ""

    _cited(report, of_section, tools, noted)
    numbers = {entry: number for number, entry in enumerate(dict.fromkeys([*used, *own.values()]), 1)}
    cited = _cited(report, of_section, tools, lambda entry: f" [{numbers[entry]}]")

    def numbered(text: str) -> str:
        for key, entry in own.items():
            text = text.replace(f"[{key}]", f"[{numbers[entry]}]")
        return text

    sections = [
        dataclasses.replace(section, blocks=[with_texts(block, numbered) for block in section.blocks])
        for section in cited.sections
    ]
    return dataclasses.replace(cited, sections=sections, references=tuple(numbers))


def _cited(
    report: Report,
    of_section: Mapping[str, Sequence[Reference]],
    tools: Sequence[Reference],
    mark: Callable[[str], str],
) -> Report:
    """The report with what ``mark`` gives for an entry behind the first words that use it in each section."""
    sections = []
    for section in report.sections:
        cite = _Citations(of_section.get(section.name, ()), mark)
        sections.append(dataclasses.replace(section, blocks=[with_texts(block, cite) for block in section.blocks]))
    cite = _Citations(tools, mark)
    provenance = [Fact(fact.name, cite(fact.value)) for fact in report.provenance]
    return dataclasses.replace(report, sections=sections, provenance=provenance)


class _Citations:
    """Marks the first use of each reference in the texts that it is called with, one after another."""

    def __init__(self, references: Sequence[Reference], mark: Callable[[str], str]) -> None:
        self._waiting = list(references)
        self._mark = mark

    def __call__(self, text: str) -> str:
        """``text`` with its marks."""
        for reference in sorted(self._waiting, key=lambda one: _place(one, text)):
            found = _use(reference, text)
            if found is not None:
                text = text[: found.end()] + self._mark(reference.entry) + text[found.end() :]
                self._waiting.remove(reference)
        return text


def _use(reference: Reference, text: str) -> re.Match[str] | None:
    """The first words that use a reference, with the numbers behind them."""
    return re.search(rf"(?<!\w)(?:{reference.used})(?![-.]?\w)(?: \[\d+\])*", text, re.IGNORECASE)


def _place(reference: Reference, text: str) -> int:
    """Where a text first uses a reference; behind its end where it does not."""
    found = _use(reference, text)
    return len(text) if found is None else found.start()
