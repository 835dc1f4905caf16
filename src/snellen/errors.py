"""The errors a user can meet, each one line that says what was seen and what would be accepted."""

from __future__ import annotations

import difflib
import re
import reprlib
from collections.abc import Iterable
from typing import Any


class SnellenError(Exception):
    """A failure that is explained to the user without a traceback.

    Args:
        message: one line: the operation, the input, and what was seen.
        hint: one line: what would be accepted, or what to do next.
    """

    exit_status = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message} ({self.hint})"


class InputError(SnellenError):
    """What the user gave cannot be used: a file, a name, a number, a configuration."""

    exit_status = 2


class ImageError(InputError):
    """One image cannot be read; the other images of a batch are not affected."""


class ModelError(InputError):
    """A model name, its weights or its configuration cannot be used."""


def shown(value: Any) -> str:
    """``value`` as Python writes it, for a message: cut where it is long or nested deeply."""
    return _SHOWN.repr(value)


def shown_names(names: Iterable[str]) -> str:
    """Names between commas, for a message of one line: as they are, but for those that would break it."""
    return ", ".join(name if name.isprintable() else shown(name) for name in names)


class _Shown(reprlib.Repr):
    def repr_int(self, x: int, level: int) -> str:
        try:
            return super().repr_int(x, level)
        except ValueError:  # Python prints no more digits than its limit
            return "a whole number of thousands of digits"


_SHOWN = _Shown()
_SHOWN.maxstring = _SHOWN.maxother = _SHOWN.maxlong = 100


_LONGEST_NAME = 200
"""Letters; what is longer is nobody's slip, and comparing it would take long."""


def nearest(name: str, candidates: Iterable[str], count: int = 3) -> list[str]:
    """The candidates most like ``name``, best first; empty where none is near.

    Case is ignored. A candidate that has ``name`` as a word, as "Eskimo dog" has "dog", comes first; one that contains
    it counts as near even where its length differs too much for the ratio of :mod:`difflib`.
    """
    if len(name) > _LONGEST_NAME:
        return []
    by_folded: dict[str, str] = {}
    for candidate in candidates:
        by_folded.setdefault(candidate.casefold(), candidate)
    folded = name.casefold()
    close = difflib.get_close_matches(folded, by_folded, n=count, cutoff=0.6)
    containing = sorted((c for c in by_folded if folded and folded in c), key=len)
    words = [candidate for candidate in containing if folded in re.split(r"\W+", candidate)]
    ranked = list(dict.fromkeys(words + close + containing))[:count]
    return [by_folded[key] for key in ranked]


def did_you_mean(name: str, candidates: Iterable[str]) -> str | None:
    """A hint that offers the nearest candidates, or None where nothing is near."""
    near = nearest(name, candidates)
    return f"did you mean {' or '.join(near)}?" if near else None
