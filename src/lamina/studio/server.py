"""Server: the studio's routes, and nothing else. What they answer is made in views; who may ask, in security."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response, StreamingResponse
from starlette.exceptions import HTTPException

from lamina.errors import InputError, LaminaError, RunError
from lamina.page.lean import lean
from lamina.page.writer import STATIC
from lamina.studio.brought import brought
from lamina.studio.dataset import dataset
from lamina.studio.security import Door, Guard
from lamina.studio.session import Lane, Studio
from lamina.views import examples, networks, runs
from lamina.views.opened import Opened, stamp
from lamina.views.slices import slices

TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
}
QUICK: dict[str, Callable[[Opened, Mapping[str, str]], Any]] = {  # what a click waits for
    "network": networks.network,
    "trace": networks.trace,
    "unit": networks.unit,
    "weights": networks.weights,
    "backward": networks.backward,
    "saliency": networks.saliency,
    "gates": networks.gates,
    "surface": networks.surface,
}
LONG: dict[str, Callable[[Opened, Mapping[str, str]], Any]] = {  # what may take seconds
    "features": networks.features,
    "embedding": networks.embedding,
    "counterfactual": networks.counterfactual,
    "importance": networks.importance,
    "dependence": networks.dependence,
    "slices": lambda opened, _: slices(opened),
}
LISTENERS, TICK, HEARTBEAT = (
    64,
    0.5,
    15.0,
)  # pages that listen; seconds between looks and signs of life


def application(studio: Studio, door: Door) -> Guard:
    """The whole server as an ASGI application."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    _say_errors(app)
    _pages(app)
    _runs(app, studio)
    return Guard(app, door)


# --- errors ----------------------------------------------------------------------------------------------------------


def _say_errors(app: FastAPI) -> None:
    """Every error as {"error", "expected", "mend"}."""

    @app.exception_handler(LaminaError)
    async def lamina(_: Request, error: LaminaError) -> Response:
        status = 404 if isinstance(error, RunError) else 400 if isinstance(error, InputError) else 500
        return refused(status, error.given, error.expected, error.mend)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        name, given = str(first["loc"][-1]), first.get("input")
        return refused(400, f"{name} is {given!r:.80}.", f"{first['msg']}.", "leave it out, or give it so")

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> Response:
        return refused(error.status_code, f"{error.detail}.", "An address of the studio.", "open the page at /")

    @app.exception_handler(OSError)
    async def gone(_: Request, error: OSError) -> Response:
        given = f"A file can't be read: {error.strerror or error}."
        return refused(404, given, "The run's folder as Lamina wrote it.", "lamina runs")

    @app.exception_handler(Exception)
    async def unexpected(_: Request, error: Exception) -> Response:
        given = f"Lamina made a mistake: {type(error).__name__}: {str(error)[:300]}"
        return refused(500, given, "", "tell Lamina's authors what you did")


def refused(status: int, given: str, expected: str, mend: str) -> Response:
    """An error as JSON."""
    return answered({"error": given, "expected": expected, "mend": mend}, status)


def answered(value: Any, status: int = 200) -> Response:
    """Plain values, or their JSON as bytes, as JSON."""
    content = value if isinstance(value, bytes) else encoded(value)
    return Response(content, status, {"cache-control": "no-store"}, "application/json")


def encoded(value: Any) -> bytes:
    """Plain values as JSON, of ASCII alone."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode("ascii")


# --- the page and its files ------------------------------------------------------------------------------------------


def _pages(app: FastAPI) -> None:
    @app.get("/")
    async def index() -> Response:
        return _file(STATIC / "index.html")

    @app.get("/static/{name:path}")
    async def static(name: str) -> Response:
        found = file_named(STATIC, name)
        if found is None:
            raise HTTPException(404, "There is no such file")
        return _file(found)


def file_named(folder: Path, name: str) -> Path | None:
    """A file of a folder by its name below it, or None: the name is looked up in a listing and never made a path.

    >>> file_named(STATIC, "../writer.py") is None
    True
    """
    known = _listings.get(folder, {})
    if name not in known:  # perhaps it is new
        known = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.suffix in TYPES}
        _listings[folder] = known
    return known.get(name)


_listings: dict[Path, dict[str, Path]] = {}


def _file(path: Path) -> Response:
    content = lean(path.read_text(encoding="utf-8"), path.suffix)
    return Response(content, 200, {"cache-control": "no-cache"}, TYPES[path.suffix])


# --- runs ------------------------------------------------------------------------------------------------------------


def _runs(app: FastAPI, studio: Studio) -> None:
    @app.get("/api/runs")
    async def listed(request: Request) -> Response:
        return await _done(request, studio.reading, lambda: runs.runs(studio.places()))

    @app.get("/api/data")
    async def data(request: Request) -> Response:
        return await _done(request, studio.reading, lambda: _of_data(studio))

    @app.get("/api/runs/{name}")
    async def run(request: Request, name: str) -> Response:
        made = await _done(request, studio.reading, lambda: run_view(studio, name))
        studio.warm(name)
        return made

    @app.get("/api/runs/{name}/events")
    async def events(name: str) -> Response:
        opened = studio.opened(name)
        if studio.listeners >= LISTENERS:
            return refused(503, f"{LISTENERS} pages listen already.", "Fewer pages.", "close some of them")
        return StreamingResponse(changes(studio, opened), 200, {"cache-control": "no-store"}, "text/event-stream")

    @app.get("/api/runs/{name}/examples")
    async def some(request: Request, name: str) -> Response:
        asked = examples.asked(request.query_params)
        return await _done(request, studio.quick, lambda: examples.examples(studio.opened(name), asked))

    @app.get("/api/runs/{name}/examples/{example}")
    async def example(request: Request, name: str, example: str) -> Response:
        return await _done(request, studio.quick, lambda: _example(studio.opened(name), example))

    @app.post("/api/runs/{name}/ask")
    async def ask(request: Request, name: str) -> Response:
        body = await request.body()
        return await _done(request, studio.quick, lambda: _asked(studio.opened(name), body))

    @app.get("/api/runs/{name}/{what}")
    async def inside(request: Request, name: str, what: str) -> Response:
        query = dict(request.query_params)
        if what not in QUICK and what not in LONG:
            raise HTTPException(404, "There is no such view")
        slow = what in LONG or query.get("method") == "occlusion"
        lane = studio.long if slow else studio.quick
        return await _done(request, lane, lambda: _inside(studio.opened(name), what, query))


def run_view(studio: Studio, name: str) -> bytes:
    """A run's views as JSON: made anew when one of its files has changed."""
    opened = studio.opened(name)
    return studio.views.get((name, stamp(opened.path)), lambda: encoded(runs.run(opened)))


def _of_data(studio: Studio) -> bytes:
    return studio.views.get("data", lambda: encoded(dataset(studio.data)))


def _example(opened: Opened, example: str) -> Any:
    return examples.example(opened, opened.example(example))


def _asked(opened: Opened, body: bytes) -> Any:
    kept, said = brought(opened.model, body)
    return examples.example(opened, opened.bring(kept), said)


def _inside(opened: Opened, what: str, query: Mapping[str, str]) -> bytes:
    """What was made of the same question before, or is made now. A unit is as quick to make as to find."""
    make = {**QUICK, **LONG}[what]
    if what == "unit":
        return encoded(make(opened, query))
    return opened.found.get((what, *sorted(query.items())), lambda: encoded(make(opened, query)))


async def _done(request: Request, lane: Lane, work: Callable[[], Any]) -> Response:
    """What comes of work, in its lane; nothing where the page has gone on to something else."""

    async def wanted() -> bool:
        return not await request.is_disconnected()

    def as_json() -> bytes:
        made = work()
        return made if isinstance(made, bytes) else encoded(made)

    made = await lane.do(as_json, wanted)
    return Response(status_code=499) if made is None else answered(made)


async def changes(studio: Studio, opened: Opened) -> AsyncIterator[str]:
    """Server-sent events: "changed" when the run's files have, with how far it is; signs of life in between."""
    studio.listeners += 1
    try:
        seen, silent = None, 0.0
        while not studio.ending():
            now = stamp(opened.path, ("run.json", "history.jsonl"))
            if now != seen:
                progress = await asyncio.get_running_loop().run_in_executor(None, partial(runs.progress, opened))
                yield f"event: changed\ndata: {json.dumps(progress)}\n\n"
                seen, silent = now, 0.0
            elif silent >= HEARTBEAT:
                yield ": still here\n\n"
                silent = 0.0
            await asyncio.sleep(TICK)
            silent += TICK
    finally:
        studio.listeners -= 1
