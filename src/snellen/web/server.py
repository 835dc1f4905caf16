"""Opens the page, and closes it without a trace."""

from __future__ import annotations

import ipaddress
import multiprocessing
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from snellen.errors import InputError, SnellenError
from snellen.runs.process import return_freed_memory
from snellen.web.folder import swept
from snellen.web.middleware import GuardMiddleware
from snellen.web.state import open_state

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})


def serve(
    models: Sequence[str],
    probes: Sequence[Path],
    host: str,
    port: int,
    device: str,
    opened: Callable[[str], None],
) -> None:
    """Serve the page until Ctrl-C or SIGTERM.

    Args:
        models: names or paths of the models on the page, as :func:`snellen.load` takes them; empty takes the bundled
            ones.
        probes: run folders of probes.
        host: address to listen at.
        port: port to listen at.
        device: device that the networks run on.
        opened: function that is told the page's address.

    Raises:
        SnellenError: Gradio is not installed, a model cannot be loaded, or the address cannot be listened at.
    """
    if find_spec("gradio") is None:
        raise SnellenError("the page needs Gradio, which is not installed", "see docs/page.md")
    if not 1 <= port <= 65535:
        raise InputError(f"port {port}", "1 to 65535")
    return_freed_memory()
    with tempfile.TemporaryDirectory(prefix="snellen-page-", ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        # Read when Gradio is imported: it is to write nowhere else, to ask nobody, to tell nobody.
        os.environ["GRADIO_TEMP_DIR"] = str(folder)
        os.environ["GRADIO_EXAMPLES_CACHE"] = str(folder / "examples")
        os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
        _reach_directly(host)
        state = open_state(folder, models, probes, device)
        from starlette.middleware import Middleware

        from snellen.web.page import CSS, LIGHT, THEME, build_page

        page = build_page(state)

        def forget(paths: set[str]) -> None:
            for known in (*page.temp_file_sets, page.upload_file_set):
                known -= paths

        guard = Middleware(GuardMiddleware, upload_bytes=state.limits.upload_bytes, hosts=_names_of(host))
        with swept(folder, state.limits.kept_seconds, state.limits.kept_bytes, forget):
            try:
                _, address, _ = page.launch(
                    server_name=host,
                    server_port=port,
                    app_kwargs={"middleware": [guard]},
                    max_file_size=state.limits.upload_bytes,
                    state_session_capacity=state.limits.sessions,
                    allowed_paths=[],
                    blocked_paths=[],
                    theme=THEME,
                    css=CSS,
                    js=LIGHT,
                    footer_links=["api"],
                    prevent_thread_lock=True,
                    quiet=True,
                    share=False,
                    show_error=False,
                    enable_monitoring=False,
                    run_history=False,
                    mcp_server=False,
                    pwa=False,
                    ssr_mode=False,
                    num_workers=0,
                    # Else it calls itself and gives up where a busy machine does not answer within seconds.
                    _frontend=False,
                )
            except OSError as error:
                raise InputError(f"cannot listen at {host}, port {port}", "another `port` or `host`") from error
            opened(address)
            try:
                _wait_for_the_end()
            finally:
                for child in multiprocessing.active_children():
                    child.kill()
                page.close(verbose=False)


def _names_of(host: str) -> frozenset[str]:
    """The names under which a page that only this machine can reach is asked for; any where others can reach it."""
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    return _LOOPBACK if local else frozenset()


def _reach_directly(host: str) -> None:
    """Gradio starts by a request to itself, which must not go by way of a proxy."""
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1", "localhost", host)))


def _wait_for_the_end() -> None:
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return
