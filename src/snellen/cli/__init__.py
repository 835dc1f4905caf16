"""The command line: one module a command, each of which parses, calls and prints.

Commands import what they need when they run, so that ``snellen --help`` answers without PyTorch.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from snellen.cli import output
from snellen.cli.attack import attack
from snellen.cli.classify import classify
from snellen.cli.compare import compare
from snellen.cli.embed import embed
from snellen.cli.evaluate import evaluate
from snellen.cli.exam import exam
from snellen.cli.features import features
from snellen.cli.layers import layers
from snellen.cli.models import models
from snellen.cli.probe import probe
from snellen.cli.serve import serve
from snellen.cli.stress import stress
from snellen.cli.train import train
from snellen.cli.verify import verify
from snellen.data.reading import ignore_profiles as without_profiles
from snellen.data.reading import reading_log
from snellen.errors import SnellenError
from snellen.runs.process import quiet_libraries, share_cores, start_and_end_quickly

_INTERRUPTED = 130
_IGNORE_PROFILES = "--ignore-profiles"

app = typer.Typer(
    name="snellen",
    help="An eye exam for image classifiers.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
# The order in which help lists them.
for command in (
    classify, evaluate, features, layers, embed, probe, train, compare, attack, stress, exam, verify, serve, models,
):  # fmt: skip
    app.command()(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("snellen"))
        raise typer.Exit


@contextlib.contextmanager
def _reading(ignored: bool) -> Iterator[None]:
    """With or without colour profiles; says at the end what was done to photographs while they were read."""
    with without_profiles() if ignored else contextlib.nullcontext(), reading_log() as log:
        try:
            yield
        finally:
            for sentence in log.sentences():
                output.stderr.print(sentence, soft_wrap=True)


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001  # an eager option acts by itself
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
    ignore_profiles: Annotated[
        bool, typer.Option(_IGNORE_PROFILES, help="Take all photographs for sRGB, whatever their colour profile.")
    ] = False,
    debug: Annotated[  # noqa: ARG001  # for help; `main` acts on it
        bool, typer.Option("--debug", help="Show a traceback on failure.")
    ] = False,
) -> None:
    """The options that stand before any command, or anywhere; ``main`` acts on ``--debug``."""
    if context.invoked_subcommand == "serve":
        # What was done to visitors' photographs stands in their answers.
        context.with_resource(without_profiles() if ignore_profiles else contextlib.nullcontext())
    else:
        context.with_resource(_reading(ignore_profiles))


def main() -> NoReturn:
    """Run the command line: status 0, 2 for bad input, 1 for failure, 130 for Ctrl-C; failures are one line."""
    _use_any_encoding()
    start_and_end_quickly()
    share_cores()
    quiet_libraries()
    arguments = sys.argv[1:]
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    debug = "--debug" in options
    everywhere = [option for option in (_IGNORE_PROFILES,) if option in options]
    own = [option for option in options if option not in ("--debug", _IGNORE_PROFILES)]
    arguments = everywhere + own + arguments[len(options) :] or ["--help"]
    try:
        status = app(arguments, standalone_mode=False)
    except typer.TyperException as error:
        _fail(error.format_message().replace("Value error, ", ""), error.exit_code, debug)
    except (KeyboardInterrupt, typer.Abort):
        _fail("interrupted", _INTERRUPTED, debug)
    except SnellenError as error:
        _fail(str(error), error.exit_status, debug)
    except BrokenPipeError:
        # The reader of our output has gone; nothing is left to say, not even at exit.
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        _fail(f"{error.filename or 'system'}: {error.strerror or error}", 1, debug)
    except Exception as error:
        reason = " ".join(str(error).split()) or "no reason given"
        _fail(f"{type(error).__name__}: {reason} (--debug shows where)", 1, debug)
    if status == _INTERRUPTED:
        # Typer turns Ctrl-C into this status of its own accord.
        _fail("interrupted", _INTERRUPTED, debug)
    sys.exit(status if isinstance(status, int) else 0)


def _use_any_encoding() -> None:
    """Let what the terminal's encoding does not know be shown as an escape, rather than lose a result over it."""
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # open as long as the process runs
    if sys.stdout is None:
        _fail("standard output is closed", 1, debug=False)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _fail(message: str, status: int, debug: bool) -> NoReturn:
    if debug:
        traceback.print_exc()
    output.complain(message)
    sys.exit(status)
