"""What a tab asks a visitor for: each field says how it is shown, and checks what comes back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from snellen.errors import InputError, did_you_mean, shown


@dataclass(frozen=True)
class Number:
    """A whole number from ``low`` to ``high``; ``value`` stands there first."""

    name: str
    label: str
    low: int
    high: int
    value: int
    help: str = ""

    def check(self, given: Any) -> int:
        """The number that was given.

        Raises:
            InputError: it is none, or outside.
        """
        number = isinstance(given, int | float) and not isinstance(given, bool)
        if not number or given != given or abs(given) > 1e9 or int(given) != given:
            raise InputError(f"{self.label}: {shown(given)}", f"a whole number from {self.low} to {self.high}")
        if not self.low <= given <= self.high:
            raise InputError(f"{self.label}: {given:g}", f"a whole number from {self.low} to {self.high}")
        return int(given)


@dataclass(frozen=True)
class Switch:
    """Yes or no."""

    name: str
    label: str
    value: bool = False
    help: str = ""

    def check(self, given: Any) -> bool:
        """What was given.

        Raises:
            InputError: neither true nor false.
        """
        if not isinstance(given, bool):
            raise InputError(f"{self.label}: {shown(given)}", "true or false")
        return given


@dataclass(frozen=True)
class TextLine:
    """A line of text of at most ``most`` characters."""

    name: str
    label: str
    value: str = ""
    most: int = 100
    help: str = ""

    def check(self, given: Any) -> str:
        """The text without the spaces around it.

        Raises:
            InputError: no text, or too long.
        """
        if not isinstance(given, str):
            raise InputError(f"{self.label}: {shown(given)}", "a text")
        text = given.strip()
        if len(text) > self.most:
            raise InputError(f"{self.label}: {len(text)} characters", f"at most {self.most}")
        return text


@dataclass(frozen=True)
class ClassName(TextLine):
    """A class of the model, searched as one types; the tab itself looks it up."""


@dataclass(frozen=True)
class LayerName(TextLine):
    """A layer of the model, by its name; the tab itself looks it up."""


@dataclass(frozen=True)
class Choice:
    """One of several: pairs of a value and what a visitor reads."""

    name: str
    label: str
    value: str
    options: Sequence[tuple[str, str]]
    help: str = ""

    def check(self, given: Any) -> str:
        """The value that was chosen.

        Raises:
            InputError: none of the options.
        """
        known = [value for value, _ in self.options]
        if not known:
            raise InputError(self.help)
        if given not in known:
            hint = did_you_mean(str(given)[:100], known) or f"one of {', '.join(known) or 'none'}"
            raise InputError(f"{self.label}: {shown(given)}", hint)
        return str(given)


@dataclass(frozen=True)
class Choices:
    """Some of several."""

    name: str
    label: str
    value: Sequence[str]
    options: Sequence[tuple[str, str]]
    help: str = ""

    def check(self, given: Any) -> tuple[str, ...]:
        """The values that were chosen, in the order of the options.

        Raises:
            InputError: none at all, or one that is not among the options.
        """
        known = [value for value, _ in self.options]
        if not isinstance(given, list | tuple) or any(value not in known for value in given):
            raise InputError(f"{self.label}: {shown(given)}", f"some of {', '.join(known)}")
        if not given:
            raise InputError(f"{self.label}: none", f"some of {', '.join(known)}")
        return tuple(value for value in known if value in given)


@dataclass(frozen=True)
class PhotographField:
    """A further photograph, by its number in the store; none where empty."""

    name: str
    label: str
    value: str = ""
    help: str = ""

    def check(self, given: Any) -> str:
        """The photograph's number.

        Raises:
            InputError: it is none.
        """
        if not isinstance(given, str) or len(given) > 64:
            raise InputError(f"{self.label}: {shown(given)}", "a photograph of this page")
        return given


@dataclass(frozen=True)
class ClassesField:
    """Classes to learn: a mapping from each name to the numbers of its photographs."""

    name: str
    label: str
    most_classes: int
    most_photographs: int
    value: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    help: str = ""

    def check(self, given: Any) -> Mapping[str, tuple[str, ...]]:
        """Names without the spaces around them, each with its photographs.

        Raises:
            InputError: fewer than two classes, or more than there may be; a class of fewer than two photographs.
        """
        accepted = f"2 to {self.most_classes} classes, each of 2 to {self.most_photographs} photographs"
        if not isinstance(given, Mapping) or not 2 <= len(given) <= self.most_classes:
            seen = f"{len(given)} classes" if isinstance(given, Mapping) else shown(given)
            raise InputError(f"{self.label}: {seen}", accepted)
        checked: dict[str, tuple[str, ...]] = {}
        for name, photographs in given.items():
            text = str(name).strip()
            if not 1 <= len(text) <= 60 or text in checked:
                raise InputError(f"{self.label}: a class called {shown(text)}", "distinct names of 1 to 60 characters")
            sound = isinstance(photographs, list | tuple) and all(isinstance(one, str) for one in photographs)
            if not sound or not 2 <= len(photographs) <= self.most_photographs:
                seen = f"{len(photographs)} photographs" if sound else shown(photographs)
                raise InputError(f"{text}: {seen}", accepted)
            checked[text] = tuple(photographs)
        return checked


Field = Number | Switch | TextLine | Choice | Choices | PhotographField | ClassesField


def plain_field(field: Field) -> dict[str, Any]:
    """A field as what JSON knows, with its kind."""
    return {"kind": type(field).__name__.lower()} | dataclasses.asdict(field)


def check_settings(fields: Sequence[Field], given: Mapping[str, Any]) -> dict[str, Any]:
    """What was given for each field, checked; a field's own value where nothing was.

    Raises:
        InputError: something that no field asks for, or that its field refuses.
    """
    names = [field.name for field in fields]
    for name in given:
        if name not in names:
            raise InputError(
                f"no setting {shown(name)} here", did_you_mean(name, names) or f"one of {', '.join(names)}"
            )
    return {
        field.name: field.check(given[field.name]) if field.name in given else field.value for field in fields
    }  # fmt: skip
