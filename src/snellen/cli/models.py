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
    from snellen.errors import InputError, did_you_mean
    from snellen.models.listing import describe_model, list_models, offline_models

    names = offline_models() if pattern is None else list_models(pattern)
    if not names:
        known = list_models()
        raise InputError(f"no model matches {pattern!r}", did_you_mean(str(pattern), known) or "a part of a timm name")
    widest = max(len(name) for name in names)
    output.stdout.print(f"{'name':{widest}}  parameters  input      offline  licence")
    for name in names:
        model = describe_model(name)
        size = f"{model.parameters / 1e6:.1f} M"
        shape = "{} x {}".format(*model.input_size)
        offline = "yes" if model.offline else "no"
        line = f"{model.name:{widest}}  {size:>10}  {shape:9}  {offline:7}  {model.license}"
        output.stdout.print(line.rstrip(), soft_wrap=True)
    if pattern is None:
        output.stderr.print(f"{len(list_models())} names in all: snellen models PATTERN")
