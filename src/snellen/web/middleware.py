"""Stands before the page: lets through what the page needs, from whom it knows, and nothing else."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import json
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from snellen.web.limits import Limits

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "frame-src 'self'; media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors {frames}"
)
"""A browser that obeys it runs the page's own scripts alone, and asks nobody else for anything."""


@dataclass(frozen=True)
class Access:
    """Who may ask.

    Attributes:
        hosts: names under which the page may be asked for; empty allows any. A foreign site whose name is made to point
            at this machine asks under its own.
        credentials: ``user:password`` that everybody must know; empty where nobody must.
        frames: addresses of pages that may show this one in a frame, such as ``https://huggingface.co``.
        root_path: path under which a proxy offers the page, which tells who asks; ``/`` where that is the proxy's root,
            empty where there is none. A proxy may leave it in the path or take it away.
    """

    hosts: frozenset[str] = frozenset()
    credentials: str = ""
    frames: tuple[str, ...] = ()
    root_path: str = ""


class GuardMiddleware:
    """An ASGI application before another one.

    Args:
        application: application behind it.
        limits: limits of the page.
        access: who may ask.
    """

    def __init__(self, application: Application, limits: Limits, access: Access) -> None:
        self._application, self._limits, self._access = application, limits, access
        self._asking: Counter[str] = Counter()
        frames = " ".join(access.frames) or "'none'"
        self._headers = [
            (b"content-security-policy", POLICY.format(frames=frames).encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"cross-origin-resource-policy", b"same-origin"),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"permissions-policy", b"camera=(self), microphone=(), geolocation=()"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.close", "code": 1000})
            return
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self.refusal(scope["method"], headers)
        visitor = scope["visitor"] = self._visitor(scope, headers)
        full = self._asking.total() >= self._limits.requests or self._asking[visitor] >= self._limits.requests_each
        if refusal is None and full:
            refusal = 503, "too many requests at a time (try again in a moment)"
        if refusal is not None:
            await self._refuse(send, *refusal)
            return
        root = self._access.root_path.rstrip("/")
        if root and scope["path"].startswith(f"{root}/"):
            scope["path"] = scope["path"].removeprefix(root)
        # Whole files only: of a part nobody has need, and odd ones are easily misread.
        scope["headers"] = [(n, v) for n, v in scope["headers"] if n.lower() not in (b"range", b"if-range")]

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message.get("headers", ())}
                added = [(name, value) for name, value in self._headers if name not in given]
                message["headers"] = [*message.get("headers", ()), *added]
            # Who does not take an answer does not hold the place for ever.
            await asyncio.wait_for(send(message), self._limits.upload_seconds)

        self._asking[visitor] += 1
        try:
            await self._application(scope, receive, headed)
        finally:
            self._asking[visitor] -= 1
            if not self._asking[visitor]:
                del self._asking[visitor]

    def refusal(self, method: str, headers: MutableMapping[bytes, str]) -> tuple[int, str] | None:
        """The status with which a request is refused, and why; None where it is not."""
        host = headers.get(b"host", "")
        if self._access.hosts and hostname(host) not in self._access.hosts:
            return 421, "this page is not known under that name"
        if method not in ("GET", "HEAD", "POST"):
            return 405, "GET, HEAD or POST"
        if self._access.credentials and not self._knows(headers.get(b"authorization", "")):
            return 401, "user and password"
        origin = headers.get(b"origin")
        if method == "POST" and origin is not None and _site(origin) not in self._own(headers):
            return 403, "another site's page may not ask"
        return None

    def _own(self, headers: MutableMapping[bytes, str]) -> set[str]:
        """The names, with ports, under which this page is asked now."""
        names = [headers.get(b"host", "")]
        if self._access.root_path:
            names.append(headers.get(b"x-forwarded-host", ""))
        return {name.lower() for name in names if name}

    def _knows(self, authorization: str) -> bool:
        kind, _, given = authorization.partition(" ")
        try:
            decoded = base64.b64decode(given, validate=True) if kind.lower() == "basic" else b""
        except (binascii.Error, ValueError):
            return False
        return hmac.compare_digest(decoded, self._access.credentials.encode())

    def _visitor(self, scope: Scope, headers: MutableMapping[bytes, str]) -> str:
        """The address of whoever asks: as the nearest proxy says, where there is one."""
        if self._access.root_path and b"x-forwarded-for" in headers:
            return headers[b"x-forwarded-for"].rpartition(",")[2].strip()[:64]
        client = scope.get("client")
        return str(client[0]) if client else ""

    async def _refuse(self, send: Send, status: int, reason: str) -> None:
        asked = [(b"www-authenticate", b'Basic realm="Snellen", charset="UTF-8"')] if status == 401 else []
        headers = [(b"content-type", b"application/json"), (b"connection", b"close"), *asked, *self._headers]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps({"error": reason}).encode()})


def _site(origin: str) -> str:
    """``localhost:7860`` of ``http://localhost:7860``; empty of what is no address."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:  # such as ``http://[``
        return ""


def hostname(host: str) -> str:
    """``localhost`` of ``localhost:7860``, ``[::1]`` of ``[::1]:7860``."""
    return host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0].lower()
