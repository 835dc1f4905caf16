"""Connections that do not wait for ever: half a request, or none, is hung up on."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from snellen.web.limits import Limits


class PatientProtocol(H11Protocol):
    """HTTP/1.1 with a limit on connections without a request, and on the time that a request's headers take."""

    limits: ClassVar[Limits] = Limits()
    _idle: ClassVar[dict[PatientProtocol, None]] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Begin to wait for a request; the connection that has waited longest makes room where too many do."""
        super().connection_made(transport)
        self._headers_due: asyncio.TimerHandle | None = None
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take some bytes of a request."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._headers_due is None and not self.transport.is_closing():
            self._wait()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        if not self.transport.is_closing() and self.conn.their_state is h11.IDLE:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._stop_waiting()
        self._headers_due = self.loop.call_later(self.limits.header_seconds, self._hang_up)
        self._idle[self] = None
        while len(self._idle) > self.limits.connections:
            next(iter(self._idle))._hang_up()

    def _stop_waiting(self) -> None:
        if self._headers_due is not None:
            self._headers_due.cancel()
            self._headers_due = None
        self._idle.pop(self, None)

    def _hang_up(self) -> None:
        self._stop_waiting()
        if not self.transport.is_closing():
            # Nothing is to be said to half a request; nor is what it was going to be waited for.
            self.transport.abort()


def patient(limits: Limits) -> Any:
    """The protocol with these limits."""
    return type("PatientProtocol", (PatientProtocol,), {"limits": limits, "_idle": {}})
