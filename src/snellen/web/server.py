"""Opens the page, and closes it without a trace."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import multiprocessing
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from snellen.errors import InputError, SnellenError
from snellen.runs.process import return_freed_memory
from snellen.web.limits import Limits

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
_SWEEP_SECONDS = 60.0
_PREFIX = "snellen-page-"


@dataclass(frozen=True)
class ServeConfig:
    """What a page offers and where it listens.

    Attributes:
        models: names or paths of the models on the page, as :func:`snellen.load` takes them; empty takes the bundled
            ones.
        probes: run folders of probes.
        device: device that the networks run on.
        host: address to listen at.
        port: port to listen at.
        root_path: path under which a proxy offers the page, ``/`` where that is its root; not empty means that a proxy
            stands before it.
        credentials: ``user:password`` that everybody must know; empty where nobody must.
        frames: addresses of pages that may show this one in a frame.
    """

    models: Sequence[str] = ()
    probes: Sequence[Path] = ()
    device: str = "auto"
    host: str = "127.0.0.1"
    port: int = 7860
    root_path: str = ""
    credentials: str = ""
    frames: Sequence[str] = ()


def serve(config: ServeConfig, opened: Callable[[str], None], warned: Callable[[str], None]) -> None:
    """Serve the page until Ctrl-C, SIGTERM or SIGHUP; models load while it listens already.

    Args:
        config: what to offer, and where.
        opened: function that is told the page's address as soon as it listens.
        warned: function that is told what who serves should know.

    Raises:
        SnellenError: what the page needs is not installed, a model cannot be loaded, or the address cannot be listened
            at.
    """
    if any(find_spec(name) is None for name in ("starlette", "uvicorn")):
        raise SnellenError("the page needs starlette and uvicorn, which are not installed", "see docs/page.md")
    _check(config)
    return_freed_memory()
    with _listening(config.host, config.port) as listener, _temporary_folder() as folder:
        if not is_local(config.host) and not config.credentials:
            warned(
                f"whoever reaches {config.host}, port {config.port} can use this page and its processor: there is no "
                "password, and nothing is encrypted; `auth` asks for one"
            )
        opened(address_of(config))
        asyncio.run(_serve(config, listener, folder))


async def _serve(config: ServeConfig, listener: socket.socket, folder: Path) -> None:
    import uvicorn

    from snellen.web.app import Page, build_app
    from snellen.web.middleware import Access
    from snellen.web.protocol import patient

    limits = Limits()
    page = Page(folder, limits)
    access = Access(hosts_of(config.host), config.credentials, tuple(config.frames), config.root_path)

    class Server(uvicorn.Server):
        """Ends when it is told: uvicorn's own handlers do not know SIGHUP, and raise the signal anew at the end."""

        @contextlib.contextmanager
        def capture_signals(self) -> Generator[None]:
            yield

    server = Server(
        uvicorn.Config(
            build_app(page, access),
            http=patient(limits),
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=2,
            h11_max_incomplete_event_size=1 << 14,
        )
    )
    loop = asyncio.get_running_loop()
    failed: list[BaseException] = []

    def end() -> None:
        page.closing = server.should_exit = True

    def load() -> None:
        try:
            from snellen.web.state import open_state

            def told(text: str) -> None:
                page.loading = text

            page.opened(open_state(page.folder, config.models, config.probes, config.device, limits, told))
            loop.call_soon_threadsafe(page.set_ready)
        except BaseException as error:
            failed.append(error)
            loop.call_soon_threadsafe(end)

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name) and threading.current_thread() is threading.main_thread():
            loop.add_signal_handler(getattr(signal, name), end)
    threading.Thread(target=load, name="load", daemon=True).start()
    sweeping = loop.create_task(_sweep(page))
    try:
        await server.serve(sockets=[listener])
    finally:
        sweeping.cancel()
        for child in multiprocessing.active_children():
            child.kill()
        await asyncio.to_thread(page.jobs.close)
    if failed:
        raise failed[0]


async def _sweep(page: object) -> None:
    from snellen.web.app import Page

    assert isinstance(page, Page)
    while True:
        await asyncio.sleep(_SWEEP_SECONDS)
        with contextlib.suppress(SnellenError, OSError):
            await asyncio.to_thread(page.folder.make_room)


@contextlib.contextmanager
def _temporary_folder() -> Iterator[Path]:
    """A folder of this server's own, held by a lock that the system lets go of however the server ends."""
    _remove_abandoned(Path(tempfile.gettempdir()))
    with contextlib.ExitStack() as held:
        folder = None
        # Another server, just starting, may take a folder for abandoned before it is held.
        while folder is None or not folder.is_dir():
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
            with contextlib.suppress(FileNotFoundError):
                held.enter_context(_hold(folder))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(parent: Path) -> None:
    """Remove the folders of this user's servers that were killed; those of running ones are held, and left alone."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if not folder.is_symlink() and folder.is_dir() and _is_ours(folder):
                with _hold(folder, wait=False):
                    shutil.rmtree(folder, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    # Windows knows neither users by number nor locks on folders.
    return sys.platform != "win32" and folder.stat().st_uid == os.getuid()


@contextlib.contextmanager
def _hold(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock on a folder itself: a file in it could be swept away.

    Raises:
        OSError: another process holds it, and it is not waited for; or it is gone.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=512)
    except (OSError, UnicodeError) as error:
        raise InputError(f"cannot listen at {host}, port {port}", "another `port` or `host`") from error
    with listener:
        yield listener


def _check(config: ServeConfig) -> None:
    if not 1 <= config.port <= 65535:
        raise InputError(f"port {config.port}", "1 to 65535")
    if config.root_path not in ("", "/") and not re.fullmatch(r"(/[^/?#\s]+)+", config.root_path):
        raise InputError(f"`root_path` is {config.root_path!r}", "such as /snellen, or / for the proxy's root")
    for site in config.frames:
        if not re.fullmatch(r"https?://[A-Za-z0-9.-]{1,200}(:[0-9]{1,5})?", site):
            raise InputError(f"`frame` is {site!r}", "a site such as https://huggingface.co")
    user, colon, password = config.credentials.partition(":")
    if config.credentials and not (user and colon and password):
        raise InputError("`auth` holds no user and password", "user:password")


def is_local(host: str) -> bool:
    """Whether only this machine reaches what listens at ``host``."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def hosts_of(host: str) -> frozenset[str]:
    """The names under which a page that only this machine can reach is asked for; any where others can reach it."""
    if not is_local(host):
        return frozenset()
    return _LOOPBACK | {_bracketed(host.lower())}


def address_of(config: ServeConfig) -> str:
    """What to type into a browser on this machine."""
    host = "127.0.0.1" if config.host in ("0.0.0.0", "::", "") else config.host  # noqa: S104  # compared, not bound
    return f"http://{_bracketed(host)}:{config.port}{config.root_path.rstrip('/')}/"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
