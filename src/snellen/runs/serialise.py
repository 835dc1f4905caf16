"""Results as JSON and TOML, and back again: each value checked against its field's type."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import re
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from snellen.errors import InputError, did_you_mean, shown
from snellen.runs.text import read_text

T = TypeVar("T")

NOT_SERIALISED: Mapping[str, bool] = {"serialise": False}
"""As a dataclass field's metadata: the field is not written, such as the photograph that a result draws itself over."""

LARGEST_INTEGER = 10**4300
"""Python prints no digits of this one and those beyond it, which TOML can write in base 16."""

_BARE = re.compile("[A-Za-z0-9_-]+")
"""A key that TOML takes without quotes."""

_ACCEPTED = {
    int: "a whole number",
    float: "a number",
    str: "a text in quotes",
    bool: "true or false",
}


def to_json(value: Any) -> str:
    """``value`` as indented JSON text; see :func:`to_plain`."""
    return json.dumps(to_plain(value), indent=2, allow_nan=False) + "\n"


def to_toml(value: Any) -> str:
    """``value``, a dataclass or a mapping of values, lists and further mappings, as TOML; what is None is left out."""
    return _table(to_plain(value), "") + "\n"


def _table(values: Mapping[str, Any], name: str) -> str:
    """A table of TOML: its own values, then the tables in it."""
    known = {_key(key): value for key, value in values.items() if value is not None}
    own = [f"{key} = {_toml_value(value)}" for key, value in known.items() if not isinstance(value, Mapping)]
    tables = [(key, value) for key, value in known.items() if isinstance(value, Mapping)]
    inner = [_table(value, f"{name}.{key}" if name else key) for key, value in tables]
    return "\n\n".join(text for text in ["\n".join([*([f"[{name}]"] if name else []), *own]), *inner] if text)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _toml_value(name)


def _toml_value(value: Any) -> str:
    # JSON's spelling is TOML's, but that TOML knows no pairs of surrogates and wants DEL escaped.
    return json.dumps(value, ensure_ascii=False, allow_nan=False).replace("\x7f", "\\u007f")


def to_plain(value: Any) -> Any:
    """Dataclasses, arrays, tensors and paths as what JSON knows; NaN and infinities become null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in serialised_fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return to_plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    return value


def serialised_fields(kind: Any) -> list[dataclasses.Field[Any]]:
    """The fields of a dataclass that are written; see :data:`NOT_SERIALISED`."""
    return [field for field in dataclasses.fields(kind) if field.metadata.get("serialise", True)]


def read_dataclass(kind: type[T], path: Path, accepted: str = "") -> T:
    """The dataclass ``kind`` that the file at ``path`` holds as JSON.

    Raises:
        InputError: :func:`read_json` or :func:`from_plain` refuses it; names the file.
    """
    return from_plain(kind, read_json(path, accepted), str(path))


def from_plain(kind: type[T], value: Any, where: str) -> T:
    """The dataclass ``kind`` that :func:`to_plain` made ``value`` of, or that a person wrote as TOML.

    Every value is checked against its field's type: null is NaN where a number belongs, a whole number passes for
    a fraction, a list becomes a tuple.

    Args:
        kind: a dataclass.
        value: what JSON or TOML holds.
        where: name of the file, which begins each message.

    Raises:
        InputError: an unknown or a missing key, or a value of another type; says which and what would be accepted.
    """
    result: T = _from_plain(kind, value, where, "")
    return result


def read_json(path: Path, accepted: str = "") -> Any:
    """What a JSON file holds.

    Raises:
        InputError: as :func:`snellen.runs.text.read_text`, or no JSON; ``accepted`` says what would be read.
    """
    return parse_json(read_text(path, accepted=accepted or None), str(path), accepted)


def parse_json(text: str | bytes, where: str, accepted: str) -> Any:
    """What a JSON text holds.

    Raises:
        InputError: no JSON; ``where`` begins the message, and ``accepted`` says what would be read.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not JSON", accepted) from error


def _from_plain(kind: Any, value: Any, where: str, key: str) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _dataclass_from(kind, value, where, key)
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if origin in (Union, types.UnionType):
        return _one_of(inner, value, where, key)
    if origin is Literal:
        if type(value) in (str, int, bool) and value in inner:
            return value
        raise InputError(f"{where}: {key} is {shown(value)}", " or ".join(str(one) for one in inner))
    if origin is not None and issubclass(origin, Mapping):
        if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
            for name, item in value.items():
                if inner[1] is str and isinstance(item, Mapping) and item:
                    whole = f"{name}.{next(iter(item))}"
                    raise InputError(
                        f"{where}: {key}.{name} is a table of its own", f'a name with a dot is in quotes: "{whole}"'
                    )
            return {name: _from_plain(inner[1], item, where, f"{key}.{name}") for name, item in value.items()}
        raise InputError(f"{where}: {key} is {shown(value)}", f"a table [{key}]")
    if origin is not None:
        return _sequence_from(origin, inner, value, where, key)
    return _number_or_text(kind, value, where, key)


def _dataclass_from(kind: Any, value: Any, where: str, key: str) -> Any:
    if not isinstance(value, Mapping):
        raise InputError(f"{where}: {key or 'it'} is {shown(value)}", f"a table [{key}]" if key else "a table")
    hints = _hints(kind)
    fields = {field.name: field for field in serialised_fields(kind)}
    place = f"{where}, {key}" if key else where
    for name in value:
        if name not in fields:
            hint = did_you_mean(str(name), fields) or f"valid: {', '.join(fields)}"
            raise InputError(f"{place}: unknown key {shown(name)}", hint)
    required = {name for name, field in fields.items() if field.default is field.default_factory is dataclasses.MISSING}
    missing = sorted(name for name in required - set(value) if fields[name].init)
    if missing:
        raise InputError(f"{place}: lacks {missing[0]}", f"it has {', '.join(sorted(required))}")
    read = {name: _from_plain(hints[name], item, place, name) for name, item in value.items()}
    for name in [name for name, field in fields.items() if name in read and not field.init]:
        if read.pop(name) != fields[name].default:
            raise InputError(f"{place}: {name} is {shown(value[name])}", str(fields[name].default))
    try:
        return kind(**read)
    except InputError as error:  # what the class itself refuses
        raise InputError(f"{place}: {error.message}", error.hint) from error


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _one_of(kinds: tuple[Any, ...], value: Any, where: str, key: str) -> Any:
    """``value`` as the first of the types of a union that it fits."""
    if value is None and type(None) in kinds:
        return None
    refusals = []
    for kind in kinds:
        if kind is not type(None):
            try:
                return _from_plain(kind, value, where, key)
            except InputError as error:
                refusals.append(error)
    raise refusals[0]


def _sequence_from(origin: Any, inner: tuple[Any, ...], value: Any, where: str, key: str) -> Any:
    if not isinstance(value, list | tuple):
        raise InputError(f"{where}: {key} is {shown(value)}", "a list of texts" if inner[0] is str else "a list")
    fixed = origin is tuple and inner[-1] is not Ellipsis
    if fixed and len(value) != len(inner):
        raise InputError(f"{where}: {key} has {len(value)} entries", f"{len(inner)}")
    kinds = inner if fixed else [inner[0]] * len(value)
    items = [
        _from_plain(kind, item, where, f"{key}[{number}]")
        for number, (kind, item) in enumerate(zip(kinds, value, strict=True))
    ]
    return tuple(items) if origin is not list else items


def _number_or_text(kind: Any, value: Any, where: str, key: str) -> Any:
    if kind is float and value is None:
        return math.nan
    if kind is Path and isinstance(value, str):
        return Path(value)
    fits = isinstance(value, bool) if kind is bool else not isinstance(value, bool) and isinstance(
        value, int | float if kind is float else kind
    )  # fmt: skip
    if not fits:
        raise InputError(f"{where}: {key} is {shown(value)}", _ACCEPTED.get(kind, kind.__name__))
    if kind is int and abs(value) >= LARGEST_INTEGER:
        raise InputError(f"{where}: {key} is beyond all numbers", "at most 4300 digits")
    try:
        return float(value) if kind is float else value
    except OverflowError as error:
        raise InputError(f"{where}: {key} is beyond all numbers", "at most 1.8e308") from error


def differences(one: Any, other: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Where two plain values differ: the keys that lead there and what stands in each, None where nothing does."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in {**one, **other}:
            yield from differences(one.get(key), other.get(key), (*path, key))
    elif one != other:
        yield path, one, other
