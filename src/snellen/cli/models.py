"""``snellen models``."""

from __future__ import annotations

from typing import Annotated

import typer

from snellen.cli import output


def models(
    pattern: Annotated[
        str | None, typer.Argument(help="A part of the name, or a pattern such as 'resnet*'; without it, what is here.")
    ] = None,
) -> None:
    """The models that can be examined: size, licence, and which work offline right now."""
    from rich.table import Table

    from snellen.errors import InputError, did_you_mean
    from snellen.weights import describe_model, list_models, offline_models

    names = offline_models() if pattern is None else list_models(pattern)
    if not names:
        known = list_models()
        raise InputError(f"no model matches {pattern!r}", did_you_mean(str(pattern), known) or "a part of a timm name")
    table = Table("name", "parameters", "input", "licence", "offline", box=None, pad_edge=False)
    table.columns[0].overflow = "fold"
    table.columns[1].justify = "right"
    with output.progress("Counting parameters", len(names)) as advance:
        for name in names:
            model = describe_model(name)
            height, width = model.input_size
            size = f"{model.parameters / 1e6:.1f} M"
            table.add_row(model.name, size, f"{height} x {width}", model.license, "yes" if model.offline else "no")
            advance()
    output.stdout.print(table, markup=False)
    if pattern is None:
        output.stderr.print(f"{len(list_models())} names in all: snellen models PATTERN", markup=False)
