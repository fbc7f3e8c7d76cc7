"""The routes, asked as the page asks them."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import socket
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lamina.page.lean import lean
from lamina.page.writer import STATIC
from lamina.studio import server as routes
from lamina.studio.session import Studio

RUN = "/api/runs/pictures"
ASKED = {
    "network": "",
    "trace": "example=1",
    "unit": "example=1&layer=answer&index=0",
    "weights": "layer=1.conv",
    "saliency": "example=1&method=integrated",
    "gates": "example=1",
    "slices": "",
}


def test_the_page_and_its_files(served: Any) -> None:
    page = served.get("/")
    assert page.status == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert b'src="/static/studio.js"' in page.body
    assert b"<script>" not in page.body
    assert b"style=" not in page.body
    for path, kind in (("/static/dom.js", "text/javascript"), ("/static/style.css", "text/css")):
        reply = served.get(path)
        assert reply.status == 200
        assert reply.headers["content-type"] == f"{kind}; charset=utf-8"
        file = STATIC / Path(path).name
        assert reply.body.decode() == lean(file.read_text(encoding="utf-8"), file.suffix)


def test_all_that_the_page_links_to_is_there(served: Any) -> None:
    import re

    for path in re.findall(rb'(?:href|src)="(/[^"]+)"', served.get("/").body):
        assert served.get(path.decode()).status == 200


def test_a_file_that_is_new_is_found_and_one_that_is_gone_is_not(tmp_path: Path) -> None:
    assert routes.file_named(tmp_path, "new.js") is None
    (tmp_path / "new.js").write_text("")
    (tmp_path / "new.py").write_text("")
    assert routes.file_named(tmp_path, "new.js") == tmp_path / "new.js"
    assert routes.file_named(tmp_path, "new.py") is None


def test_a_run_is_warmed_when_it_is_opened(served: Any) -> None:
    served.get("/api/runs/steps")
    opened = served.studio.opened("steps")
    assert opened.is_warm
    until = time.monotonic() + 30
    while not opened.traces.keys() and time.monotonic() < until:
        time.sleep(0.02)
    assert (0, "0") in opened.traces.keys()  # noqa: SIM118


def test_runs_and_one_run(served: Any) -> None:
    assert {"penguins", "pictures", "steps"} <= {run["name"] for run in served.get("/api/runs").json}
    found = served.get(RUN)
    assert found.status == 200
    assert found.headers["content-type"] == "application/json"
    assert found.headers["cache-control"] == "no-store"
    assert found.json["can"]["inside"]


def test_a_view_is_made_once_and_anew_when_the_run_changes(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    view = routes.runs.run
    monkeypatch.setattr(routes.runs, "run", lambda opened: made.append(opened.name) or view(opened))
    studio = Studio(copied)
    first = routes.run_view(studio, "pictures")
    assert routes.run_view(studio, "pictures") is first
    path = copied / "pictures" / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "state": "stopped"}))
    assert json.loads(routes.run_view(studio, "pictures"))["state"] == "stopped"
    assert len(made) == 2
    studio.close()


def test_examples(served: Any) -> None:
    found = served.get(f"{RUN}/examples?part=judged&sort=loss&limit=3&looks=1").json
    assert len(found["items"]) == 3
    one = served.get(f"{RUN}/examples/{found['items'][0]['id']}").json
    assert one["look"] == found["items"][0]["look"]
    assert one["predicted"] == found["items"][0]["predicted"]


@pytest.mark.parametrize("what", ASKED)
def test_the_inside(served: Any, what: str) -> None:
    first, second = (served.get(f"{RUN}/{what}?{ASKED[what]}") for _ in range(2))
    assert first.status == 200, first.json
    assert first.body == second.body


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/runs/none", 404),
        ("/api/runs/none/network", 404),
        (f"{RUN}/nothing", 404),
        (f"{RUN}/examples/999", 404),
        (f"{RUN}/examples?offset=-1", 400),
        (f"{RUN}/examples?target=nobody", 400),
        (f"{RUN}/trace", 400),
        (f"{RUN}/trace?example=0&member=9", 400),
        (f"{RUN}/unit?example=0&layer=1.conv&index=99,0,0", 400),
        (f"{RUN}/importance", 400),
        ("/api", 404),
        ("/api/", 404),
        ("/docs", 404),
        ("/openapi.json", 404),
    ],
)
def test_errors_say_what_was_expected_and_how_to_mend_it(served: Any, path: str, status: int) -> None:
    reply = served.get(path)
    assert reply.status == status
    assert reply.headers["content-type"] == "application/json"
    assert reply.json["error"]
    assert reply.json["expected"]
    assert reply.json["mend"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_changed(served: Any, method: str) -> None:
    assert served.get(RUN, method=method).status == 405


# --- own examples ----------------------------------------------------------------------------------------------------


def test_an_image_is_asked_and_then_looked_into(served: Any) -> None:
    pixels = np.zeros((20, 30), np.uint8)
    pixels[8:12, 13:17] = 250
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    reply = served.post(f"{RUN}/ask", file.getvalue())
    assert reply.status == 200, reply.json
    asked = reply.json
    assert asked["id"].startswith("own-")
    assert asked["said"][0].startswith("The image was 20 x 30 and is now 8 x 8")
    assert sum(asked["probabilities"]) == pytest.approx(1)
    assert asked["target"] is None
    again = served.get(f"{RUN}/examples/{asked['id']}").json
    assert {**again, "said": None} == {**asked, "said": None}
    trace = served.get(f"{RUN}/trace?example={asked['id']}").json
    assert len(trace["probabilities"]) == 2
    assert served.get(f"/api/runs/steps/examples/{asked['id']}").status == 404


def test_pixels_a_series_and_a_row_are_asked(served: Any) -> None:
    asked = served.post(f"{RUN}/ask", {"pixels": np.zeros((8, 8)).tolist()}).json
    assert asked["said"] == []
    asked = served.post("/api/runs/steps/ask", {"values": [[float(value)] for value in range(10)]}).json
    assert asked["look"]["values"]["shape"] == [10, 1]
    asked = served.post("/api/runs/penguins/ask", {"cells": {"island": "Biscoe", "bill_length_mm": 50}}).json
    assert asked["predicted"] in asked["classes"]
    assert "Taken as missing" in asked["said"][0]


def test_what_cannot_be_asked_is_refused_in_words(served: Any) -> None:
    for run, body in (("pictures", b"no image"), ("steps", b"{"), ("penguins", b'{"cells": {"year": "soon"}}')):
        reply = served.post(f"/api/runs/{run}/ask", body)
        assert reply.status == 400
        assert set(reply.json) == {"error", "expected", "mend"}


# --- changes ---------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _listening(served: Any, run: str) -> Any:
    head = f"GET /api/runs/{run}/events HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n"
    cookie = f"Cookie: lamina-{served.port}=the-token-of-the-tests\r\n\r\n"
    with served.raw((head + cookie).encode(), timeout=10) as connection:
        yield connection


def _events(connection: socket.socket, enough: int) -> str:
    text = ""
    while text.count("event: changed") < enough:
        piece = connection.recv(65536)
        assert piece
        text += piece.decode()
    return text


def test_changes_are_told_as_they_come(served: Any, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "TICK", 0.02)
    monkeypatch.setattr(routes, "HEARTBEAT", 0.1)
    folder = runs / "growing"
    shutil.copytree(runs / "steps", folder)
    try:
        with _listening(served, "growing") as connection:
            text = _events(connection, 1)
            assert "text/event-stream" in text
            assert '{"state": "judged", "epochs": 2}' in text
            with (folder / "history.jsonl").open("a") as file:
                file.write('{"group": 0, "epoch": 3}\n')
            assert '{"state": "judged", "epochs": 3}' in _events(connection, 1)
            time.sleep(0.3)
            assert ": still here" in connection.recv(65536).decode()
            shutil.rmtree(folder)
            assert '"gone"' in _events(connection, 1)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _left(served)


def _left(served: Any) -> None:
    """Wait until nobody listens any more."""
    until = time.monotonic() + 5
    while served.studio.listeners and time.monotonic() < until:
        time.sleep(0.02)
    assert served.studio.listeners == 0


def test_listeners_are_counted_and_forgotten(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "TICK", 0.02)
    monkeypatch.setattr(routes, "LISTENERS", 3)
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            _events(stack.enter_context(_listening(served, "steps")), 1)
        refused = served.get("/api/runs/steps/events")
        assert refused.status == 503
        assert "3 pages" in refused.json["error"]
    _left(served)
    with _listening(served, "steps") as connection:
        _events(connection, 1)
    _left(served)


# --- a data file -----------------------------------------------------------------------------------------------------


def test_without_a_data_file_there_is_none(served: Any) -> None:
    assert "absent" in served.get("/api/data").json


def test_a_question_that_is_no_longer_wanted_is_not_worked_on(served: Any) -> None:
    """Twenty pages that ask for something slow and leave: the next one doesn't wait for all of them."""
    head = f"Host: 127.0.0.1:{served.port}\r\nCookie: lamina-{served.port}=the-token-of-the-tests\r\n\r\n"
    for at in range(20):
        query = f"example={at}&method=smoothgrad"
        served.raw(f"GET {RUN}/saliency?{query} HTTP/1.1\r\n{head}".encode()).close()
    assert served.get(f"{RUN}/network").status == 200
