"""Requests to the page: each file is one, as it comes over a connection; the page answers it in this process.

A request is drawn from the page's own addresses, methods, headers and fields, sound ones and odd ones, and now and then
its bytes are changed blindly. What uvicorn's HTTP parser (h11) refuses never reaches the page; what reaches it is
answered below 500, within the rules of HTTP, without a word on the machine it runs on.
"""

import asyncio
import contextlib
import hashlib
import json
import multiprocessing.util
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote, unquote

import h11

import snellen
from snellen.data.labels import Labels
from snellen.data.preprocessing import Preprocessing
from snellen.errors import InputError, SnellenError
from snellen.models.classifier import Classifier
from snellen.models.create import create
from snellen.web.app import Page, build_app
from snellen.web.folder import Folder
from snellen.web.jobs import Job
from snellen.web.limits import Limits
from snellen.web.middleware import Access, Application
from snellen.web.server import hosts_of
from snellen.web.state import AppState, OfferedModel
from snellen.web.tabs import TABS

from .mutate import mutated
from .rule import BrokenRuleError
from .seeds import NOISE, RGB, encoded

_HANGS = 500.0
"""Seconds of the clock after which an answer is not coming any more."""
_STEPS = {"report": 1, "evaluate": 1, "features": 2}
"""Steps that are taken of a job that was queued, so that what its plan let through is tried too: 3 unless it is said
otherwise, where the next would start a process or draw figures."""
PHOTOGRAPHS = {"a.png": encoded(RGB, "PNG"), "b.png": encoded(NOISE, "PNG")}
NUMBERS = [hashlib.sha256(name.encode() + b"\0" + data).hexdigest()[:32] for name, data in PHOTOGRAPHS.items()]
DONE, FAILED, WAITING = "done", "failed", "waiting"
MODEL = "toy"

_ODD: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 1.5, -0.0, 1e308, float("nan"), float("inf"), 2**63, 10**400, "", " ", "\0", "\ud800",
    "a" * 5000, "../../etc/passwd", "/etc/passwd", "<img src=x>", "\x1b[2J", [], {}, [[]], [{}], {"": ""}, {"a": [1]},
    [None], "0", "1e9", "%00", "é" * 40, {"a": {"a": {"a": []}}}, [""] * 300,
)  # fmt: skip
_SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "classify": {"categories": 3},
    "features": {"target": "cat", "layer": "", "channels": "0, 1"},
    "attack": {"target": "dog", "epsilon": 4, "smallest": False, "curve": False, "steps": 3, "method": "apgd",
               "robust": False, "side": "512"},
    "stress": {"original": NUMBERS[0], "side": "512"},
    "evaluate": {"classes": "cat"},
    "learn": {"classes": {"one": NUMBERS, "two": NUMBERS[::-1]}},
    "probe": {"probe": ""},
    "report": {"parts": ["categories"], "title": "A title", "author": "", "side": "512"},
}  # fmt: skip
_HEADERS: Mapping[str, tuple[str, ...]] = {
    "host": ("evil.example", "", "[::1]", "[::1", "127.0.0.1:1:2", "localhost."),
    "origin": ("http://127.0.0.1:7860", "https://evil.example", "null", "http://[", "http://a:b:c", "//"),
    "range": ("bytes=0-0", "bytes=-", "bytes=9-1", "bytes=0-1,2-3", "bytes=99999999999999999999-", "lines=1"),
    "if-range": ("x", '"x"', "Thu, 99 Nov 2026 00:00:00 GMT"),
    "if-modified-since": ("never", "Thu, 26 Nov 2026 00:00:00 GMT"),
    "content-length": ("0", "1", "-1", "99999999999", "1, 1", "0x10", "\N{SUPERSCRIPT TWO}"),
    "content-type": ("application/json", "multipart/form-data; boundary=x", "text/plain; charset=nothing", ";"),
    "transfer-encoding": ("chunked", "gzip, chunked", "identity"),
    "authorization": ("Basic", "Basic =", "Basic w6k6w6k=", "Bearer x", "Basic " + "A" * 999),
    "x-forwarded-for": ("", "1.2.3.4", ",", "a" * 999), "x-forwarded-host": ("evil.example", ""),
    "connection": ("close", "upgrade"), "upgrade": ("websocket", "h2c"), "expect": ("100-continue", "x"),
    "accept-encoding": ("gzip, br",), "cookie": ("a=b", ";" * 999), "x-odd": ("\xff", "\t", "a" * 9000),
}  # fmt: skip
_METHODS = ("GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "get", "X")
_NAMES = (
    "", "x", ".", "..", "../app.py", "..%2f..%2fapp.py", "%00", "%ff", "%", "a" * 300, ".hidden", "%2e%2e", "app.js",
    "result.json", "input.png", "page.css", "%0d%0aset-cookie:a=b", "\\..\\x", "files.zip", "events", "preview",
)  # fmt: skip


@dataclass(frozen=True)
class Route:
    """An address: its path with places for names, the names that fit there, and what makes a sound body for it."""

    method: str
    path: str
    fits: tuple[str, ...] = ("",)
    query: tuple[str, ...] = ()
    body: Callable[[Random], Any] | None = None


def _question(tab: str) -> Callable[[Random], Any]:
    return lambda _: {"model": MODEL, "photographs": NUMBERS[:1], "settings": dict(_SETTINGS[tab])}


def _transform(draw: Random) -> Any:
    return {"photograph": NUMBERS[0], "model": MODEL, "transform": draw.choice(("blur", "rotation", "")), "strength": 1}


def _photograph(draw: Random) -> Any:
    return draw.choice(list(PHOTOGRAPHS.values()))


ROUTES = [
    Route("GET", "/"),
    Route("GET", "/static/{}", ("app.js", "page.css", "icon.svg")),
    Route("GET", "/api/started"),
    Route("GET", "/api/page"),
    Route("GET", "/api/models/{}", (MODEL,)),
    Route("POST", "/api/photographs", query=("name=a.png", "name=%00", "name=" + "a" * 300), body=_photograph),
    Route("POST", "/api/transformed", body=_transform),
    Route("GET", "/api/photographs/{}", tuple(NUMBERS)),
    Route("GET", "/api/photographs/{}/preview", tuple(NUMBERS)),
    Route("GET", "/api/photographs/{}/input", tuple(NUMBERS), (f"model={MODEL}",)),
    Route("POST", "/api/live", body=_transform),
    *(Route("POST", f"/api/forecast/{tab}", body=_question(tab)) for tab in TABS),
    *(Route("POST", f"/api/jobs/{tab}", body=_question(tab)) for tab in TABS),
    Route("GET", "/api/jobs/{}", (DONE, FAILED, WAITING)),
    Route("GET", "/api/jobs/{}/events", (DONE, FAILED, WAITING)),
    Route("POST", "/api/jobs/{}/cancel", (DONE, FAILED, WAITING)),
    Route("GET", "/api/jobs/{}/files.zip", (DONE,)),
    Route("GET", f"/api/jobs/{DONE}/files/{{}}", ("result.json", "categories.png", "input.png"), ("download",)),
]


def request(method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """A request as it comes over a connection."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace") + body


def sound_requests() -> list[bytes]:
    """One request for each address, as the page itself asks it."""
    draw = Random(0)
    # There is no probe on the page that is fuzzed.
    return [_drawn(draw, route, odd=0.0) for route in ROUTES if not route.path.endswith("/probe")]


def drawn_request(draw: Random) -> bytes:
    """One request, sound in most things and odd in some."""
    raw = _drawn(draw, draw.choice(ROUTES), draw.choice((0.0, 0.1, 0.1, 0.3)))
    return mutated(draw, [raw]) if draw.random() < 0.15 else raw


def _drawn(draw: Random, route: Route, odd: float) -> bytes:
    def strange() -> bool:
        return draw.random() < odd

    method = draw.choice(_METHODS) if strange() else route.method
    path = route.path.format(draw.choice(_NAMES) if strange() else quote(draw.choice(route.fits)))
    path = f"/eye{path}" if strange() else path
    query = "&".join(draw.choice(_NAMES) if strange() else one for one in route.query[:1])
    body = b""
    if route.body is not None:
        value = route.body(draw)
        body = value if isinstance(value, bytes) else json.dumps(_changed(draw, value, odd)).encode()
        if strange():
            no_json = (b"", b"{", b"null", b"[]", b"[" * 60000, b"\xff\xfe", b"\0" * 70000)
            body = draw.choice((*no_json, body * 2, body[:-5]))
    headers = {"host": "127.0.0.1:7860"}
    if body or route.method == "POST":
        headers |= {"content-type": "application/json", "content-length": str(len(body))}
    for _ in range(draw.choice((1, 1, 2, 4)) if strange() else 0):
        name = draw.choice(list(_HEADERS))
        headers[name] = draw.choice(_HEADERS[name])
    if headers.get("transfer-encoding") == "chunked":
        if draw.random() < 0.7:
            headers.pop("content-length", None)
        pieces = [piece for piece in (body[:9], body[9:]) if piece]
        body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))
    return request(method, f"{path}?{query}" if query else path, headers, body)


def _changed(draw: Random, value: Any, odd: float) -> Any:
    """JSON in which some values, at any depth, are odd, are missing, or are there besides."""
    if draw.random() < odd / 2:
        return draw.choice(_ODD)
    if isinstance(value, dict):
        made = {key: _changed(draw, one, odd) for key, one in value.items() if draw.random() >= odd / 4}
        return made | ({draw.choice(("epsilom", "", "__class__", "a" * 999)): 1} if draw.random() < odd / 4 else {})
    if isinstance(value, list):
        return [_changed(draw, one, odd) for one in value]
    return value


class _Site:
    """The page with a toy network, two photographs, a job that is done, one that failed and one that waits."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="snellen-fuzz-page-"))
        # A process that multiprocessing made runs these, and no other, as it ends.
        multiprocessing.util.Finalize(None, shutil.rmtree, (self.folder, True), exitpriority=1)
        limits = Limits(body_seconds=_HANGS, upload_seconds=_HANGS)
        self.page = Page(self.folder, limits)
        preprocessing = Preprocessing((32, 32), 1.0, "bilinear", (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
        network = create("deep", 3, {"widths": [2, 2, 2], "members": 1}).eval()
        toy = Classifier(network, preprocessing, Labels(("cat", "dog", "cup")), name=MODEL, device="cpu")
        state = AppState(Folder(self.folder, limits), {MODEL: OfferedModel(MODEL, toy)}, device="cpu")
        self.page.opened(state)
        for (name, data), number in zip(PHOTOGRAPHS.items(), NUMBERS, strict=True):
            assert state.photographs.add(data, name).number == number
        for number, model in ((DONE, MODEL), (FAILED, "nobody")):
            self._answer(state, number, model)
        self.page.jobs.close()
        access = Access(hosts_of("127.0.0.1"))
        proxied = Access(credentials="anna:é", root_path="/eye")
        self.plain, self.proxied = (build_app(self.page, one) for one in (access, proxied))

    def _answer(self, state: AppState, number: str, model: str) -> None:
        from snellen.web.tabs import Asked

        folder = self.folder / "jobs" / number
        folder.mkdir(parents=True)
        photograph = state.photographs.find(NUMBERS[0])
        asked = Asked(state, folder, [photograph], model, {"categories": 3})

        def work() -> Any:
            yield from TABS["classify"].plan(asked).work

        echo = {"photographs": [], "model": model, "settings": {"categories": 3}}
        job = Job("classify", "", echo, folder, 1.0, work(), number=number)
        self.page.jobs.put(job)
        while not job.over:
            pass

    def renewed(self) -> None:
        """Let there be one job that waits, and nothing of earlier requests."""
        try:
            over = self.page.jobs.find(WAITING).over
        except InputError:
            over = True
        if over:
            folder = self.folder / "jobs" / WAITING
            folder.mkdir(parents=True, exist_ok=True)
            self.page.jobs.put(Job("classify", "somebody", {}, folder, 1.0, None, number=WAITING))

    def take_up(self, number: str) -> None:
        """Take some steps of a job that was queued, then end it."""
        job = self.page.jobs.find(number)
        assert job.work is not None
        try:
            for _ in range(_STEPS.get(job.tab, 3)):
                next(job.work, None)
        except SnellenError:
            pass
        finally:
            job.work.close()
            self.page.jobs.cancel(job)


@cache
def _site(_: int) -> _Site:
    return _Site()


def read_request(path: Path) -> None:
    """Let the page answer the request of a file.

    Raises:
        InputError: the page refuses it, or what parses HTTP does.
        BrokenRuleError: the answer is one that may not be.
    """
    site = _site(os.getpid())
    site.renewed()
    raw = path.read_bytes()
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 14)
    try:
        connection.receive_data(raw)
        asked = connection.next_event()
    except h11.RemoteProtocolError as error:
        raise InputError(f"{path}: not HTTP") from error
    if not isinstance(asked, h11.Request):
        raise InputError(f"{path}: half a request")
    target = bytes(asked.target)
    application = site.proxied if target.startswith(b"/eye") else site.plain
    try:
        status, headers, body, whole = asyncio.run(
            asyncio.wait_for(_answered(application, asked, connection, site), _HANGS)
        )
    except TimeoutError as error:
        raise BrokenRuleError("no answer ever comes") from error
    _check(site, asked, status, headers, body, whole)
    if status == 202:
        site.take_up(json.loads(body)["job"])
    if status >= 400:
        said = json.loads(body)["error"] if body else ""
        raise InputError(f"{path}: {status} {said}")


async def _answered(
    application: Application, asked: h11.Request, connection: h11.Connection, site: _Site
) -> tuple[int, list[tuple[bytes, bytes]], bytes, bool]:
    """Status, headers, body and whether the answer is whole: of a client that is gone it need not be."""
    # Each run has a loop of its own, and an event belongs to one.
    site.page._ready = asyncio.Event()
    site.page.set_ready()
    raw_path, _, query = bytes(asked.target).partition(b"?")
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "scheme": "http",
        "server": ("127.0.0.1", 7860), "client": ("127.0.0.1", 1), "root_path": "", "method": asked.method.decode(),
        "path": unquote(raw_path.decode("ascii")), "raw_path": raw_path, "query_string": query,
        "headers": [(name.lower(), value) for name, value in asked.headers],
    }  # fmt: skip
    sent: list[Mapping[str, Any]] = []
    incoming = _messages(connection)

    async def receive() -> Mapping[str, Any]:
        return await anext(incoming)

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    await application(scope, receive, send)
    await incoming.aclose()
    starts = [one for one in sent if one["type"] == "http.response.start"]
    if len(starts) != 1 or sent[0] is not starts[0]:
        raise BrokenRuleError(f"{len(starts)} answers to one request")
    body = b"".join(one.get("body", b"") for one in sent[1:])
    whole = len(sent) > 1 and not sent[-1].get("more_body", False)
    return starts[0]["status"], list(starts[0].get("headers", ())), body, whole


async def _messages(connection: h11.Connection) -> AsyncIterator[Mapping[str, Any]]:
    """What a server hands on of a request: its body in pieces, then, in a moment, that the client is gone."""
    with contextlib.suppress(h11.RemoteProtocolError):
        while isinstance(event := connection.next_event(), h11.Data):
            yield {"type": "http.request", "body": bytes(event.data), "more_body": True}
        if isinstance(event, h11.EndOfMessage):
            yield {"type": "http.request", "body": b"", "more_body": False}
            await asyncio.sleep(0.05)
    while True:
        yield {"type": "http.disconnect"}


def _check(
    site: _Site, asked: h11.Request, status: int, headers: list[tuple[bytes, bytes]], body: bytes, whole: bool
) -> None:  # fmt: skip
    """Whether an answer may be.

    Raises:
        BrokenRuleError: it may not.
    """
    names = {name.lower() for name, _ in headers}
    if status >= 500 and not (status == 503 and b"too many" in body):
        raise BrokenRuleError(f"status {status}: {body[:200]!r}")
    if not {b"content-security-policy", b"x-content-type-options"} <= names:
        raise BrokenRuleError(f"status {status} without the page's own headers")
    secrets = [str(site.folder), str(Path(snellen.__file__).parents[1]), "Traceback", str(Path.home()) + "/"]
    everything = body + b"".join(value for _, value in headers)
    if found := [one for one in secrets if one.encode() in everything]:
        raise BrokenRuleError(f"the answer says {found[0]!r}")
    if status >= 400 and body and len(str(json.loads(body)["error"]).splitlines()) > 1:
        raise BrokenRuleError(f"a refusal of several lines: {body[:200]!r}")
    # What h11 does not send is no HTTP.
    server = h11.Connection(h11.SERVER)
    head = b"HEAD" if asked.method == b"HEAD" else b"GET"
    server.receive_data(head + b" / HTTP/1.1\r\nhost: x\r\n\r\n")
    server.next_event()
    try:
        server.send(h11.Response(status_code=status, headers=headers))
        server.send(h11.Data(data=b"" if head == b"HEAD" else body))
        if whole and head != b"HEAD":
            server.send(h11.EndOfMessage())
    except h11.LocalProtocolError as error:
        raise BrokenRuleError(f"no HTTP: {error}") from error
