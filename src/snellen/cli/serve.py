"""``snellen serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from snellen.cli import options, output


def serve(
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", help="A model that the page offers; may be given again. The bundled ones if not."
        ),
    ] = None,
    probe: Annotated[
        list[Path] | None,
        typer.Option("--probe", help="A probe's run folder; may be given again."),
    ] = None,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen at. Only this machine reaches 127.0.0.1.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port to listen at.")] = 7860,
    device: options.Device = "auto",
    root_path: Annotated[
        str,
        typer.Option(
            "--root-path",
            envvar="SNELLEN_ROOT_PATH",
            help="Path under which a proxy offers the page, such as /snellen; / where it offers nothing else.",
        ),
    ] = "",
    auth: Annotated[
        str,
        typer.Option(
            "--auth",
            envvar="SNELLEN_AUTH",
            help="user:password that every visitor must know; better in the environment, where other users do not "
            "see it.",
        ),
    ] = "",
    frame: Annotated[
        list[str] | None,
        typer.Option(
            "--frame",
            envvar="SNELLEN_FRAME",
            help="A site that may show the page in a frame, such as https://huggingface.co.",
        ),
    ] = None,
) -> None:
    """All of it, in a browser: opens a page on this machine."""
    from snellen.web.server import ServeConfig
    from snellen.web.server import serve as serve_page

    def opened(address: str) -> None:
        output.stdout.print(f"The page is {address}\nCtrl-C ends it.", soft_wrap=True)

    config = ServeConfig(
        models=model or [],
        probes=probe or [],
        device=device,
        host=host,
        port=port,
        root_path=root_path,
        credentials=auth,
        frames=frame or [],
    )
    serve_page(config, opened, output.complain)
