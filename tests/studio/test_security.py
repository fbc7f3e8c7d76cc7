"""Who is let in, what is refused, and what the browser is told."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import socket
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lamina.studio.security import MOST_BYTES, POLICY, Door, new_token

TOKEN = "the-token-of-the-tests"
SECRETS = ("/", "/api/runs", "/static/index.html", "/api/runs/penguins", "/nowhere")


def test_a_token_is_long_and_new_each_time() -> None:
    assert len(new_token()) >= 43
    assert new_token() != new_token()


@pytest.mark.parametrize("path", SECRETS)
@pytest.mark.parametrize("cookie", [None, "lamina-{port}=wrong", "lamina-{port}=", "lamina-1={token}", ";;=;\x01"])
def test_without_the_token_nothing_is_answered(served: Any, path: str, cookie: str | None) -> None:
    given = cookie and cookie.format(port=served.port, token=TOKEN)
    reply = served.get(path, {"Cookie": given})
    assert reply.status == 403
    assert set(reply.json) == {"error", "expected", "mend"}
    assert "set-cookie" not in reply.headers


@pytest.mark.parametrize("query", ["token=", "token=wrong", "token=%00", "Token=" + TOKEN, "token=" + TOKEN[:-1]])
def test_a_wrong_token_in_the_address_is_refused(served: Any, query: str) -> None:
    assert served.get(f"/?{query}", {"Cookie": None}).status == 403


def test_the_token_opens_the_page_alone_and_is_a_cookie_from_then_on(served: Any) -> None:
    reply = served.get(f"/?token={TOKEN}", {"Cookie": None})
    assert reply.status == 200
    assert reply.headers["set-cookie"] == f"lamina-{served.port}={TOKEN}; Path=/; HttpOnly; SameSite=Strict"
    assert served.get("/", {"Cookie": reply.headers["set-cookie"].partition(";")[0]}).status == 200
    assert served.get(f"/api/runs?token={TOKEN}", {"Cookie": None}).status == 403


@pytest.mark.parametrize(
    "host",
    [None, "", "evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "127.0.0.1:{port}.evil.example"],
)
def test_another_host_is_refused(served: Any, host: str | None) -> None:
    assert served.get("/api/runs", {"Host": host and host.format(port=served.port)}).status == 400


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_the_names_of_this_machine_are_let_in(served: Any, name: str) -> None:
    assert served.get("/api/runs", {"Host": f"{name}:{served.port}"}).status == 200


def test_two_hosts_are_refused() -> None:
    door = Door(80, "secret")
    cookie = ("cookie", "lamina-80=secret")
    assert door.refusal("GET", "/", [("host", "127.0.0.1"), cookie]) is None
    refused = door.refusal("GET", "/", [("host", "127.0.0.1"), ("host", "evil.example"), cookie])
    assert refused is not None
    assert refused.status == 400


@pytest.mark.parametrize("origin", ["null", "https://evil.example", "http://127.0.0.1:1", "https://127.0.0.1:{port}"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_origin_is_refused(served: Any, origin: str, method: str) -> None:
    given = {"Origin": origin.format(port=served.port)}
    assert served.get("/api/runs/penguins/ask", given, method=method).status == 403


def test_the_pages_own_origin_is_let_in(served: Any) -> None:
    given = {"Origin": f"http://127.0.0.1:{served.port}", "Sec-Fetch-Site": "same-origin"}
    assert served.get("/api/runs", given).status == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "something-new"])
def test_a_request_of_another_site_is_refused(served: Any, site: str) -> None:
    assert served.get("/api/runs", {"Sec-Fetch-Site": site}).status == 403
    assert served.get(f"/?token={TOKEN}", {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}).status == 403
    framed = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
    assert served.get(f"/?token={TOKEN}", framed).status == 403


def test_a_link_from_elsewhere_opens_the_page_and_only_that(served: Any) -> None:
    arriving = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert served.get(f"/?token={TOKEN}", {**arriving, "Cookie": None}).status == 200
    assert served.get("/api/runs", arriving).status == 403
    assert served.get("/", arriving, method="POST").status == 403


@pytest.mark.parametrize("path", ["/", "/api/runs", "/static/dom.js", "/nowhere", "/api/runs/none"])
@pytest.mark.parametrize("cookie", [True, False])
def test_every_answer_has_the_headers(served: Any, path: str, cookie: bool) -> None:
    headers = served.get(path, None if cookie else {"Cookie": None}).headers
    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert not [name for name in headers if name.startswith("access-control")]


def test_the_policy_lets_nothing_of_elsewhere_in() -> None:
    rules = dict(rule.strip().split(" ", 1) for rule in POLICY.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert "unsafe" not in POLICY
    assert "http" not in POLICY


def test_another_page_may_not_ask_first(served: Any) -> None:
    """What a browser asks before a request of another origin: no answer lets it."""
    given = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    reply = served.get("/api/runs/penguins/ask", given, method="OPTIONS")
    assert reply.status == 403
    assert "access-control-allow-origin" not in reply.headers


# --- paths -----------------------------------------------------------------------------------------------------------

UP = ("../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%5c", "....//", "%252e%252e%252f", "/", "%00")


@pytest.mark.parametrize("up", UP)
@pytest.mark.parametrize("area", ["/static/", "/api/runs/"])
def test_no_path_leads_out(served: Any, up: str, area: str) -> None:
    for depth in (1, 2, 6):
        for target in ("server.py", "writer.py", "etc/passwd", "penguins/run.json", "run.json"):
            reply = served.get(area + up * depth + target)
            assert reply.status in (400, 404)
            assert "error" in reply.json
            assert b"import" not in reply.body
            assert b"root:" not in reply.body


@pytest.mark.parametrize("name", ["..", ".", "%2e%2e", "penguins%2f..%2fpictures", "penguins%00", "~", "C:%5c", "%ff"])
def test_no_name_of_a_run_leads_out(served: Any, name: str) -> None:
    for path in (name, f"{name}/examples", f"{name}/network", f"{name}/events"):
        assert served.get(f"/api/runs/{path}").status == 404


@pytest.mark.skipif(sys.platform == "win32", reason="no links")
def test_a_file_that_is_a_link_beside_the_page_is_not_followed_by_name(served: Any) -> None:
    assert served.get("/static/__init__.py").status == 404
    assert served.get("/data/static/x.js").status == 404


# --- hostile folders -------------------------------------------------------------------------------------------------


def test_names_with_markup_stay_text(served: Any, runs: Path) -> None:
    name = "<script>alert(1)<"
    folder = runs / name
    folder.mkdir()
    try:
        facts = {"format": 1, "name": name, "state": "</script><b>", "task": {"classes": ["<i>", '"']}, "created": 5}
        (folder / "run.json").write_text(json.dumps(facts))
        for path in ("/api/runs", "/api/runs/%3Cscript%3Ealert(1)%3C"):
            reply = served.get(path)
            assert reply.status == 200
            assert reply.headers["content-type"] == "application/json"
            assert name in json.dumps(reply.json)
    finally:
        (folder / "run.json").unlink()
        folder.rmdir()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"format": 99}', '{"format": 1, "verdict": 3}', "[" * 5000, '{"format": NaN}']
)
def test_a_hostile_run_json_is_an_error_in_words(served: Any, runs: Path, content: str) -> None:
    folder = runs / "hostile"
    folder.mkdir()
    try:
        (folder / "run.json").write_text(content)
        listed = served.get("/api/runs")
        assert listed.status == 200
        assert "hostile" in [run["name"] for run in listed.json]
        reply = served.get("/api/runs/hostile")
        assert reply.status in (400, 404, 500)
        assert reply.json["error"]
    finally:
        (folder / "run.json").unlink()
        folder.rmdir()


# --- how much --------------------------------------------------------------------------------------------------------


def _start_of_post(served: Any, *headers: str) -> bytes:
    lines = (
        "POST /api/runs/pictures/ask HTTP/1.1",
        f"Host: 127.0.0.1:{served.port}",
        f"Cookie: lamina-{served.port}={TOKEN}",
        *headers,
        "",
        "",
    )
    return "\r\n".join(lines).encode()


def _answer(connection: socket.socket) -> bytes:
    pieces = b""
    with connection, contextlib.suppress(ConnectionError):
        while piece := connection.recv(65536):
            pieces += piece
    return pieces


def test_an_upload_of_a_gigabyte_is_refused_before_it_is_sent(served: Any) -> None:
    began = time.monotonic()
    found = _answer(served.raw(_start_of_post(served, f"Content-Length: {1 << 30}")))
    assert found.startswith(b"HTTP/1.1 413")
    assert b"too large" in found
    assert time.monotonic() - began < 5


def test_a_body_that_hides_its_length_is_counted_while_it_comes(served: Any) -> None:
    connection = served.raw(_start_of_post(served, "Transfer-Encoding: chunked"))
    piece, sent = b"100000\r\n" + b"x" * 0x100000 + b"\r\n", 0
    with contextlib.suppress(ConnectionError):
        while sent < 1 << 30:
            connection.sendall(piece)
            sent += 0x100000
    assert sent < 4 * MOST_BYTES
    found = b""
    with contextlib.suppress(ConnectionError):  # a system may drop what was answered when more comes in
        found = _answer(connection)
    assert found.startswith(b"HTTP/1.1 413") or not found


def test_a_gigabyte_from_a_stranger_is_refused_for_its_token(served: Any) -> None:
    content = _start_of_post(served, f"Content-Length: {1 << 30}").replace(TOKEN.encode(), b"wrong")
    assert _answer(served.raw(content)).startswith(b"HTTP/1.1 403")


@pytest.mark.parametrize("length", ["-1", "1e3", "abc", "9" * 30])
def test_a_length_that_is_none_is_refused(served: Any, length: str) -> None:
    found = _answer(served.raw(_start_of_post(served, f"Content-Length: {length}")))
    assert found.startswith((b"HTTP/1.1 400", b"HTTP/1.1 413"))


def test_two_hundred_connections_at_once_are_all_answered(served: Any) -> None:
    paths = ["/api/runs", "/api/runs/pictures/trace?example=1", "/static/dom.js", "/api/runs/pictures/examples"]
    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        replies = list(pool.map(lambda at: served.get(paths[at % 4]).status, range(200)))
    assert replies == [200] * 200
