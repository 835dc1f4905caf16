"""The addresses at which the page answers: its own files, photographs, jobs. `docs/page.md` lists them for programs."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import json
import mimetypes
import re
import secrets
import shutil
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from snellen.errors import InputError, SnellenError
from snellen.web.content import without_backquotes
from snellen.web.fields import check_settings, plain_field
from snellen.web.folder import Folder
from snellen.web.jobs import BusyError, Job, Jobs, Turns
from snellen.web.limits import Limits
from snellen.web.middleware import Access, Application, GuardMiddleware

if TYPE_CHECKING:
    from snellen.web.live import LiveTransforms
    from snellen.web.photographs import Photograph
    from snellen.web.state import AppState
    from snellen.web.tabs import Plan

STATIC = Path(__file__).parent / "static"
_FILE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,80}")
_PACE, _HEARTBEAT = 0.25, 15.0
_LONG_SECONDS = 30.0
"""From here on the page offers a cheaper way, one that takes this share of the time or less:"""
_CHEAPER = 0.7
_JOB_BYTES = 64 << 20
"""Room that is made for a job's files before it begins."""
# A page of its own: no script runs in it, it may not reach this one, and this one alone may show it in a frame.
_DOCUMENT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; sandbox allow-popups; "
    "frame-ancestors 'self'"
)


class Page:
    """Everything behind the addresses.

    Args:
        folder: folder of all that the page writes.
        limits: limits of the page.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.limits = limits
        self.turns = Turns()
        self.jobs = Jobs(limits, self.turns)
        self._incoming = folder / "incoming"
        self._uploading: Counter[str] = Counter()
        self.folder = Folder(folder, limits, lambda: [*self.jobs.in_use(), self._incoming])
        self.loading = "Starting"
        self.closing = False
        self._state: AppState | None = None
        self._live: LiveTransforms | None = None
        self._examples: list[Photograph] = []
        self._ready = asyncio.Event()

    def opened(self, state: AppState) -> None:
        """Take what was loaded; in the loader's thread."""
        from snellen.web.live import LiveTransforms

        self._examples = state.examples()
        self._live = LiveTransforms(state)
        self._state = state

    def set_ready(self) -> None:
        """Let those in who waited for it; in the thread of the server."""
        self._ready.set()

    async def state(self) -> AppState:
        """What all tabs share, once it is loaded."""
        await self._ready.wait()
        assert self._state is not None  # it is set before the event
        return self._state

    # Its own files

    async def index(self, _: Request) -> Response:
        """The page."""
        return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})

    async def static(self, request: Request) -> Response:
        """A script or a style sheet of the page."""
        name = request.path_params["name"]
        path = STATIC / name
        if not _FILE_NAME.fullmatch(name) or not path.is_file():
            raise HTTPException(404, "not found")
        return FileResponse(path, headers={"cache-control": "no-cache"})

    async def started(self, _: Request) -> Response:
        """Whether the models are loaded, and if not, what is being done."""
        return JSONResponse({"ready": self._ready.is_set(), "text": self.loading})

    async def describe(self, _: Request) -> Response:
        """What the page offers: models, tabs with their fields, transforms, examples, limits."""
        state = await self.state()
        described = await asyncio.to_thread(self._described, state)
        return JSONResponse(described)

    def _described(self, state: AppState) -> dict[str, Any]:
        from snellen.web.live import transforms_on_offer
        from snellen.web.tabs import TABS

        tabs = [
            {"name": name, "fields": [plain_field(field) for field in tab.fields(state)], "most": tab.most(self.limits)}
            | {key: getattr(tab, key) for key in ("title", "lead", "action", "empty", "model")}
            for name, tab in TABS.items()
        ]
        return {
            "models": list(state.models),
            "tabs": tabs,
            "transforms": transforms_on_offer(),
            "examples": [_plain_photograph(one) for one in self._examples],
            "limits": dataclasses.asdict(self.limits),
        }

    async def model(self, request: Request) -> Response:
        """The classes and layers of a model."""
        state = await self.state()
        return JSONResponse(await asyncio.to_thread(self._model, state, request.path_params["name"]))

    def _model(self, state: AppState, name: str) -> dict[str, Any]:
        from snellen.data.labels import wordnet_ids

        classifier = state.model(name)
        labels = classifier.labels
        ids = wordnet_ids(labels) or ("",) * len(labels)
        synonyms = labels.synonyms or ((),) * len(labels)
        with self.turns.short():
            layers = [layer.name for layer in classifier.layers]
        height, width = classifier.preprocessing.size
        return {
            "classes": [
                [label, list(others), wordnet] for label, others, wordnet in zip(labels, synonyms, ids, strict=True)
            ],
            "layers": layers,
            "input": [width, height],
        }

    # Photographs

    async def upload(self, request: Request) -> Response:
        """Take a photograph: the request's body is the file, ``name`` in the address is its name."""
        state, visitor = await self.state(), request.scope["visitor"]
        if self._uploading.total() >= self.limits.uploads or self._uploading[visitor] >= self.limits.uploads_each:
            raise BusyError("too many uploads at a time", "try again in a moment")
        name = request.query_params.get("name", "photograph")
        path = self._incoming / secrets.token_hex(16)
        self._uploading[visitor] += 1
        try:
            await asyncio.to_thread(self.folder.make_room, self.limits.upload_bytes)
            self._incoming.mkdir(exist_ok=True)
            # On the disk, so that many slow uploads take no memory.
            with path.open("wb") as file:
                async for piece in self._pieces(request, self.limits.upload_bytes):
                    file.write(piece)
            return JSONResponse(_plain_photograph(await asyncio.to_thread(state.photographs.add, path, name)))
        finally:
            self._uploading[visitor] -= 1
            path.unlink(missing_ok=True)

    async def photograph(self, request: Request) -> Response:
        """What is known of a photograph."""
        return JSONResponse(_plain_photograph(await self._photograph(request)))

    async def preview(self, request: Request) -> Response:
        """A photograph, small."""
        state, photograph = await self.state(), await self._photograph(request)
        path = await asyncio.to_thread(state.photographs.preview, photograph)
        return FileResponse(path, media_type="image/jpeg", headers={"cache-control": "private, max-age=3600"})

    async def seen(self, request: Request) -> Response:
        """What a model sees of a photograph: resized and cropped."""
        state, photograph = await self.state(), await self._photograph(request)
        classifier = state.model(request.query_params.get("model", ""))

        def cropped() -> bytes:
            from PIL import Image

            file = io.BytesIO()
            inputs = classifier.preprocessing.preprocess_image(photograph.read())
            Image.fromarray(inputs).save(file, format="PNG")
            return file.getvalue()

        return Response(await asyncio.to_thread(cropped), media_type="image/png")

    async def live(self, request: Request) -> Response:
        """The answer under one transform at a strength, and the picture, at once."""
        state, asked = await self.state(), await self._question(request)
        photograph = state.photographs.find(_text(asked, "photograph"))
        assert self._live is not None
        live, strength = self._live, _number(asked, "strength")

        def answer() -> dict[str, Any]:
            with self.turns.short():
                bars, picture = live.answer(photograph, _text(asked, "model"), _text(asked, "transform"), strength)
            return {"bars": dataclasses.asdict(bars), "picture": picture}

        return JSONResponse(await asyncio.to_thread(answer))

    async def transform(self, request: Request) -> Response:
        """Keep a photograph under one transform at a strength as a photograph of its own."""
        from snellen.web.live import transformed

        state, asked = await self.state(), await self._question(request)
        photograph, strength = state.photographs.find(_text(asked, "photograph")), _number(asked, "strength")

        def made() -> Photograph:
            with self.turns.short():
                return transformed(state, photograph, _text(asked, "transform"), strength, 1024)

        return JSONResponse(_plain_photograph(await asyncio.to_thread(made)))

    async def _photograph(self, request: Request) -> Photograph:
        return (await self.state()).photographs.find(request.path_params["number"])

    # Jobs

    async def ask(self, request: Request) -> Response:
        """Take a job into the queue; what cannot be is refused before."""
        state, asked = await self.state(), await self._question(request)
        job = await asyncio.to_thread(self._job, state, request.path_params["tab"], asked, request.scope["visitor"])
        return JSONResponse(self.jobs.describe(job), 202)

    async def forecast(self, request: Request) -> Response:
        """How long a job would take, and how much memory; a cheaper way where it is long. Refuses as a job would."""
        state, asked = await self.state(), await self._question(request)
        return JSONResponse(await asyncio.to_thread(self._forecast, state, request.path_params["tab"], asked))

    async def job(self, request: Request) -> Response:
        """Where a job stands."""
        return JSONResponse(self.jobs.describe(self.jobs.find(request.path_params["number"])))

    async def events(self, request: Request) -> Response:
        """Where a job stands, again and again until it is over, as server-sent events."""
        job = self.jobs.find(request.path_params["number"])
        return StreamingResponse(
            self._events(job),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )

    async def _events(self, job: Job) -> AsyncIterator[str]:
        last, silent = "", 0.0
        while not self.closing:
            self.jobs.find(job.number)
            over, said = job.over, json.dumps(self.jobs.describe(job))
            if said != last:
                last, silent = said, 0.0
                yield f"data: {said}\n\n"
            elif silent > _HEARTBEAT:
                silent = 0.0
                yield ": still here\n\n"
            if over:
                return
            await asyncio.sleep(_PACE)
            silent += _PACE

    async def cancel(self, request: Request) -> Response:
        """End a job."""
        job = self.jobs.find(request.path_params["number"])
        self.jobs.cancel(job)
        return JSONResponse(self.jobs.describe(job))

    async def file(self, request: Request) -> Response:
        """A file of an answer."""
        job, name = self.jobs.find(request.path_params["number"]), request.path_params["name"]
        path = job.folder / name
        if not _FILE_NAME.fullmatch(name) or not path.is_file():
            raise HTTPException(404, "that file is no longer here; answers are kept for an hour")
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        headers = {"cache-control": "private, max-age=3600"}
        if kind in ("text/html", "image/svg+xml"):
            headers["content-security-policy"] = _DOCUMENT_POLICY
        attached = name if "download" in request.query_params else None
        return FileResponse(path, media_type=kind, filename=attached, headers=headers)

    async def every_file(self, request: Request) -> Response:
        """All files of an answer that can be downloaded, in one archive."""
        job = self.jobs.find(request.path_params["number"])
        if job.result is None:
            raise HTTPException(404, "not found")
        names = job.result.files

        def packed() -> bytes:
            file = io.BytesIO()
            # Pictures do not get smaller.
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                for name in names:
                    if (job.folder / name).is_file():
                        archive.write(job.folder / name, name)
            return file.getvalue()

        headers = {"content-disposition": f'attachment; filename="snellen-{job.tab}.zip"'}
        return Response(await asyncio.to_thread(packed), media_type="application/zip", headers=headers)

    def _job(self, state: AppState, tab: str, asked: Mapping[str, Any], visitor: str) -> Job:
        folder = self.folder.path / "jobs" / secrets.token_hex(16)
        plan, echo = self._plan(state, tab, asked, folder)
        self.folder.make_room(_JOB_BYTES)
        folder.mkdir(parents=True)
        seconds = self.jobs.expected_seconds(tab, plan.seconds)
        job = Job(tab, visitor, echo, folder, seconds, plan.work, [one.path for one in plan.uses])
        try:
            self.jobs.put(job)
        except BusyError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return job

    def _forecast(self, state: AppState, tab: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        from snellen.web.tabs.base import SIDES

        plan, echo = self._plan(state, tab, asked, self.folder.path)
        seconds = self.jobs.expected_seconds(tab, plan.seconds)
        forecast: dict[str, Any] = {"seconds": round(seconds), "mebibytes": round(plan.mebibytes)}
        settings = echo["settings"]
        if seconds > _LONG_SECONDS and "side" in settings:
            for side in reversed(SIDES):
                cheaper = {**asked, "settings": settings | {"side": str(side)}}
                less = self.jobs.expected_seconds(tab, self._plan(state, tab, cheaper, self.folder.path)[0].seconds)
                if less < _CHEAPER * seconds:
                    forecast["cheaper"] = {"side": str(side), "seconds": round(less)}
                    break
        return forecast

    def _plan(
        self, state: AppState, tab: str, asked: Mapping[str, Any], folder: Path
    ) -> tuple[Plan, dict[str, Any]]:  # fmt: skip
        """The work that is asked for, checked, and how the page repeats what was asked."""
        from snellen.web.tabs import TABS, Asked

        if tab not in TABS:
            raise HTTPException(404, "no such tab")
        given, numbers = asked.get("settings", {}), asked.get("photographs", [])
        texts = isinstance(numbers, list) and all(isinstance(one, str) for one in numbers)
        if not isinstance(given, dict) or not texts or len(numbers) > self.limits.classes * self.limits.examples:
            raise InputError("no question", "model, photographs (a list of numbers) and settings (by their names)")
        settings = check_settings(TABS[tab].fields(state), given)
        photographs = [state.photographs.find(number) for number in numbers]
        model = _text(asked, "model") if TABS[tab].model else asked.get("model") or next(iter(state.models))
        question = Asked(state, folder, photographs, model, settings)
        echo = {"photographs": [_plain_photograph(one) for one in photographs], "model": model, "settings": settings}
        plan = TABS[tab].plan(question)
        if plan.mebibytes > self.limits.mebibytes:
            plan.work.close()
            raise InputError(
                f"about {plan.mebibytes / 1024:.1f} GB of memory",
                f"this page takes at most {self.limits.mebibytes >> 10} GB; fewer photographs, or fewer pixels under "
                "'Work at'",
            )
        return plan, echo

    # What is asked

    async def _question(self, request: Request) -> dict[str, Any]:
        data = await self._body(request, self.limits.question_bytes)
        try:
            asked = json.loads(data)
            # Half of a character, which JSON can spell out, can be repeated to nobody.
            json.dumps(asked, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            raise HTTPException(400, "not JSON") from error
        if not isinstance(asked, dict):
            raise HTTPException(400, "not a JSON object")
        return asked

    async def _body(self, request: Request, most: int) -> bytes:
        return b"".join([piece async for piece in self._pieces(request, most)])

    async def _pieces(self, request: Request, most: int) -> AsyncIterator[bytes]:
        """A request's body, however its length is told, as it comes."""
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > 15:
            raise HTTPException(400, "how long is it?")
        if int(length) > most:
            raise HTTPException(413, _too_large(most))
        came, pieces, due = 0, aiter(request.stream()), time.monotonic() + self.limits.upload_seconds
        try:
            while True:
                piece = await asyncio.wait_for(anext(pieces), self.limits.body_seconds)
                came += len(piece)
                if came > most:
                    raise HTTPException(413, _too_large(most))
                if time.monotonic() > due:
                    raise TimeoutError
                yield piece
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise HTTPException(408, "too slow") from error


def _too_large(most: int) -> str:
    return f"larger than {most >> 20} MiB" if most >= 1 << 20 else f"larger than {most >> 10} KiB"


def _text(asked: Mapping[str, Any], name: str) -> str:
    value = asked.get(name)
    if not isinstance(value, str):
        raise InputError(f"no {name}", "a text")
    return value


def _number(asked: Mapping[str, Any], name: str) -> float:
    value = asked.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or value != value or abs(value) > 1e6:
        raise InputError(f"no {name}", "a number")
    return float(value)


def _plain_photograph(photograph: Photograph) -> dict[str, Any]:
    """A photograph as what JSON knows, without its path."""
    return {key: getattr(photograph, key) for key in ("number", "name", "width", "height", "size")}


async def _explained(_: Request, error: Exception) -> Response:
    """An error that is explained to the visitor."""
    assert isinstance(error, SnellenError)
    status = 429 if isinstance(error, BusyError) else 422 if isinstance(error, InputError) else 503
    return JSONResponse({"error": without_backquotes(str(error))}, status)


async def _refused(_: Request, error: Exception) -> Response:
    """A request that is none; its connection is given up, since more of it may be on its way."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, headers={"connection": "close"})


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=400)


def build_app(page: Page, access: Access) -> Application:
    """The page as an ASGI application."""
    Endpoint = Callable[[Request], Awaitable[Response]]  # noqa: N806  # a type

    def reported(endpoint: Endpoint) -> Endpoint:
        """An endpoint whose failures are written to the log, and told the visitor as our own."""

        async def answer(request: Request) -> Response:
            try:
                return await endpoint(request)
            except (SnellenError, HTTPException, ClientDisconnect):
                raise
            except Exception:
                traceback.print_exc()
                return JSONResponse({"error": "Something is wrong with this page, not with your photograph."}, 500)

        return answer

    def get(path: str, endpoint: Endpoint) -> Route:
        return Route(path, reported(endpoint), methods=["GET"])

    def post(path: str, endpoint: Endpoint) -> Route:
        return Route(path, reported(endpoint), methods=["POST"])

    app = Starlette(
        routes=[
            get("/", page.index),
            get("/static/{name}", page.static),
            get("/api/started", page.started),
            get("/api/page", page.describe),
            get("/api/models/{name:path}", page.model),
            post("/api/photographs", page.upload),
            post("/api/transformed", page.transform),
            get("/api/photographs/{number}", page.photograph),
            get("/api/photographs/{number}/preview", page.preview),
            get("/api/photographs/{number}/input", page.seen),
            post("/api/live", page.live),
            post("/api/forecast/{tab}", page.forecast),
            post("/api/jobs/{tab}", page.ask),
            get("/api/jobs/{number}", page.job),
            get("/api/jobs/{number}/events", page.events),
            post("/api/jobs/{number}/cancel", page.cancel),
            get("/api/jobs/{number}/files.zip", page.every_file),
            get("/api/jobs/{number}/files/{name}", page.file),
        ],
        exception_handlers={SnellenError: _explained, HTTPException: _refused, ClientDisconnect: _gone},
    )
    return GuardMiddleware(app, page.limits, access)
