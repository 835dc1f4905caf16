"""How a discussion writes what was measured: numbers as a person rounds them, lists, articles, names."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from snellen.intervals import Estimate, Rate

_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def share(value: float) -> str:
    """A share as a person says it: ``77%``, with a decimal beyond 2% and 98%, and never a rounded 0% or 100%."""
    if math.isnan(value):
        return "an unknown share"
    if value == 0 or value >= 1:
        return f"{value:.0%}"
    return with_decimal(value) if _needs_decimal(value) else f"{value:.0%}"


def _needs_decimal(value: float) -> bool:
    return 0 < value < 0.02 or 0.98 < value < 1


def with_decimal(value: float) -> str:
    """A share with one decimal whatever it is, as accuracies are written: ``87.0%``; never a rounded 0% or 100%."""
    if math.isnan(value):
        return "an unknown share"
    if 0 < value < 0.0005:
        return "less than 0.1%"
    if 0.9995 < value < 1:
        return "more than 99.9%"
    return f"{value:.0%}" if value in (0, 1) else f"{value:.1%}"


def at_least(value: float) -> str:
    """A share that none of some is below, rounded down, so that "at least" holds: ``90%`` of 0.9083."""
    return _rounded_share(value, rounded_down)


def at_most(value: float) -> str:
    """A share that none of some is above, rounded up, so that "at most" holds: ``91%`` of 0.9012."""
    return _rounded_share(value, rounded_up)


def _rounded_share(value: float, rounded: Callable[[float, int], float]) -> str:
    if math.isnan(value):
        return "an unknown share"
    digits = 1 if _needs_decimal(value) else 0
    bound = rounded(100 * value, digits)
    return f"{bound:.{0 if bound in (0, 100) else digits}f}%"


def rounded_down(value: float, digits: int = 0) -> float:
    """``value`` to so many decimals, never above it but for what floating point cannot hold."""
    return math.floor(round(value * 10.0**digits, _EXACT)) / 10.0**digits


def rounded_up(value: float, digits: int = 0) -> float:
    """``value`` to so many decimals, never below it but for what floating point cannot hold."""
    return math.ceil(round(value * 10.0**digits, _EXACT)) / 10.0**digits


_EXACT = 9
"""Decimals beyond which a difference is floating point's: 100 times 0.29 is no less than 29."""


def share_range(shares: Sequence[float]) -> str:
    """The least and the greatest of some shares, both with a decimal where one needs it; one where they read alike."""
    ends = (min(shares), max(shares))
    return from_to(*map(with_decimal if any(map(_needs_decimal, ends)) else share, ends))


def in_percent(value: float) -> str:
    """A share as tables and titles of figures write it: ``90.2%``; with a second decimal near 0 and 1: ``99.98%``.

    Never a rounded 0% or 100%: ``<0.01%`` and ``>99.99%``.
    """
    if value in (0, 1):
        return f"{value:.0%}"
    if value < 0.00005:
        return "<0.01%"
    if value > 0.99995:
        return ">99.99%"
    return f"{100 * value:.{1 if 0.0005 <= value < 0.9995 else 2}f}%"


def estimated(value: Rate | Estimate, before: str = "", after: str = "") -> str:
    """An accuracy and the ends of its 95% interval: ``97.6% (96.4% to 98.6%)``.

    Args:
        value: the accuracy.
        before: what stands before the interval within the parentheses.
        after: what stands behind it.
    """
    three = (value.value if isinstance(value, Estimate) else value.share, value.low, value.high)
    if math.isnan(value.low):
        return f"{with_decimal(three[0])} ({before}interval unknown{after})"
    middle, low, high = map(with_decimal, three)
    return f"{middle} ({before}{low} to {high}{after})"


def apart(one: Rate | Estimate, other: Rate | Estimate) -> bool:
    """Whether two 95% intervals lie apart, so that a sentence may say that one is above the other."""
    return one.low > other.high or other.low > one.high


def word(count: int) -> str:
    """A whole number: a word up to twelve, digits beyond."""
    return _WORDS[count] if 0 <= count < len(_WORDS) else f"{count:,}"


def decimal(value: float, digits: int) -> str:
    """A number as people write it: with a true minus sign, which nothing that is rounded to zero has."""
    return f"{value:z.{digits}f}".replace("-", "\N{MINUS SIGN}")


def between(values: Sequence[float], digits: int) -> str:
    """The least and the greatest of some numbers, each as :func:`decimal` writes it: ``12.0 to 40.5``."""
    return from_to(decimal(min(values), digits), decimal(max(values), digits))


def from_to(low: str, high: str) -> str:
    """``3 to 40``, or the one where both read alike."""
    return low if low == high else f"{low} to {high}"


def signed(value: float, digits: int) -> str:
    """A difference as people write it: ``+1.9``, with a true minus sign, which no zero has."""
    return f"{value:+z.{digits}f}".replace("-", "\N{MINUS SIGN}")


def how_many(count: int) -> str:
    """How many of a group: :func:`word`, but ``none`` where there are none."""
    return word(count) if count else "none"


def counted(count: int, noun: str, plural: str = "") -> str:
    """``one photograph``, ``three photographs``."""
    return f"{word(count)} {noun if count == 1 else plural or noun + 's'}"


def listed(parts: Sequence[str]) -> str:
    """``a, b and c``; empty for none."""
    return " and ".join([part for part in (", ".join(parts[:-1]), *parts[-1:]) if part])


def with_article(label: str) -> str:
    """``an espresso``, ``a space shuttle``."""
    return f"{'an' if label[:1].lower() in 'aeiou' else 'a'} {label}"


def sentence(text: str) -> str:
    """``text`` with a capital first letter; nothing else changes."""
    return text[:1].upper() + text[1:]


def clause(text: str) -> str:
    """``text`` with a small first letter, as it stands behind other words; nothing else changes."""
    return text[:1].lower() + text[1:]


def plain(label: str) -> str:
    """A class's name as people write it, without underscores."""
    return label.replace("_", " ")


def class_names(labels: Sequence[str]) -> tuple[str, ...]:
    """The names of a data set's classes as people write them.

    Without underscores; and where some begin with a capital and others do not, as folders' names do that carry more in
    their spelling, each begins with one: ``Maine Coon``, ``German shorthaired``.
    """
    names = tuple(map(plain, labels))
    capitals = {name[:1].isupper() for name in names if name[:1].isalpha()}
    return tuple(map(sentence, names)) if len(capitals) > 1 else names


def stem(path: str) -> str:
    """What a discussion calls a photograph: its file's name without folders, ending and ImageNet's class number."""
    name = Path(path).stem.removesuffix("-adversarial")
    of_imagenet = _CLASS_NUMBER.match(name)
    return plain(name[of_imagenet.end() :]) if of_imagenet else name


_CLASS_NUMBER = re.compile("n[0-9]{8}_(?=[A-Za-z])")


def called(model: str) -> str:
    """What a sentence calls a model: its name, of an absolute path the last part."""
    return Path(model).name if Path(model).is_absolute() else model


_SPECIAL = re.compile(r"[\\`*\[\]<>|$~&]|(?<![^\W_])_|_(?![^\W_])|^[-+#](?=[\s#-]|$)")
"""What Markdown would take for more than a character; an underscore inside a word is none."""
_NUMBER = re.compile(r"^(\d+)([.)])(?=\s|$)")
"""What begins an item of a numbered list."""


def as_markdown(text: str) -> str:
    """``text`` on one line, escaped so that Markdown prints it as it stands, in a cell of a table too."""
    # Two backslashes before a bracket would begin a formula.
    escaped = _SPECIAL.sub(lambda found: "&#92;" if found[0] == "\\" else f"\\{found[0]}", " ".join(text.split()))
    return _NUMBER.sub(r"\1\\\2", escaped)


def code_span(text: str) -> str:
    """``text`` on one line as Markdown's code, whatever backquotes it holds."""
    line = " ".join(text.split())
    fence = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
    space = " " if "`" in line else ""
    return f"{fence}{space}{line}{space}{fence}"


def p_value(value: float) -> str:
    """A p-value to two digits, and a small one as no more than that: ``p = 0.032``, ``p < 0.001``."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.2g}"
