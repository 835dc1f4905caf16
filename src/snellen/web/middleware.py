"""Stands before the page: lets through what the page needs, and nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_API = "/gradio_api"
_READ = (
    "/", "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt", "/static/", "/assets/", "/svelte/",
    f"{_API}/info", f"{_API}/theme.css", f"{_API}/startup-events", f"{_API}/app_id", f"{_API}/heartbeat/",
    f"{_API}/queue/data", f"{_API}/queue/status", f"{_API}/call/", f"{_API}/file=", f"{_API}/upload_progress",
)  # fmt: skip
_WRITTEN = (f"{_API}/queue/join", f"{_API}/run/", f"{_API}/call/", f"{_API}/upload", f"{_API}/cancel", f"{_API}/reset")
_UPLOAD = f"{_API}/upload"
_QUESTION_BYTES = 1 << 20
"""The largest question: some names and numbers. Photographs come as uploads."""

# A browser that obeys these asks nobody else for anything. The page's library makes functions of its templates.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; frame-src 'self'; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)


class GuardMiddleware:
    """An ASGI application before another one.

    Args:
        application: application behind it.
        upload_bytes: size of the largest upload.
        hosts: names under which the page may be asked for; empty allows any. A foreign site whose name is made to
            point at this machine asks under its own.
    """

    def __init__(self, application: Application, upload_bytes: int, hosts: frozenset[str] = frozenset()) -> None:
        self._application = application
        self._upload_bytes = upload_bytes
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
            return
        status, reason = self.refusal(scope)
        if status:
            await _refuse(send, status, reason)
            return

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        await self._application(scope, receive, headed)

    def refusal(self, scope: Scope) -> tuple[int, str]:
        """The status with which a request is refused, and why; 0 where it is not."""
        if scope["type"] != "http":
            return 404, "Not found."
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if self._hosts and _hostname(headers.get(b"host", "")) not in self._hosts:
            return 421, "This page is not known under that name."
        path, method = scope["path"], scope["method"]
        if method in ("GET", "HEAD", "OPTIONS"):
            known = path == "/" or any(_under(path, allowed) for allowed in _READ)
            remote = path.startswith(f"{_API}/file=") and "://" in path
            return (0, "") if known and not remote else (404, "Not found.")
        if method != "POST" or not any(_under(path, allowed) for allowed in _WRITTEN):
            return 404, "Not found."
        most = self._upload_bytes + (1 << 16) if _under(path, _UPLOAD) else _QUESTION_BYTES
        length = headers.get(b"content-length", "")
        if not length.isdecimal():
            return 411, "How long is it?"
        return (413, f"Larger than {most >> 20} MiB.") if int(length) > most else (0, "")


def _under(path: str, allowed: str) -> bool:
    if allowed.endswith(("/", "=")) and allowed != "/":
        return path.startswith(allowed)
    return path.rstrip("/") == allowed.rstrip("/")


def _hostname(host: str) -> str:
    """``localhost`` of ``localhost:7860``, ``[::1]`` of ``[::1]:7860``."""
    return host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0].lower()


async def _refuse(send: Send, status: int, reason: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close"), *_HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": reason.encode()})
