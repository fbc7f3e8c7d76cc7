"""Security: who may ask the server, how much may be sent to it, and what a browser is told to forbid the page.

The server listens on this machine only, but any page in its browser, and any other user of it, can reach that. So:

- a random token, in the address that is opened and from then on in a cookie, tells the person who started it;
- the ``Host`` must be this server's: a name that was pointed at 127.0.0.1 (DNS rebinding) is refused;
- ``Origin`` and ``Sec-Fetch-Site`` must be the page's own: another page can't ask in the person's name;
- the Content-Security-Policy lets the page load nothing from elsewhere and run no script but its own files.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

Scope = dict[str, Any]

MOST_BYTES = 32 << 20  # of one body: a picture of 30 megapixels as JPEG, ten minutes of speech
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


def new_token() -> str:
    """A token that can't be guessed: 256 bits from the operating system."""
    return secrets.token_urlsafe(32)


@dataclass(frozen=True)
class Refusal:
    """Why a request is not answered: the status, what was given, what was expected and how to mend it."""

    status: int
    given: str
    expected: str
    mend: str


@dataclass(frozen=True)
class Door:
    """What a request must show to come in: the port that it came to, and the token.

    >>> door = Door(8471, "secret")
    >>> door.refusal("GET", "/", [("host", "127.0.0.1:8471"), ("cookie", "lamina-8471=secret")]) is None
    True
    >>> door.refusal("GET", "/", [("host", "evil.example:8471"), ("cookie", "lamina-8471=secret")]).status
    400
    """

    port: int
    token: str

    @property
    def cookie(self) -> str:
        """The cookie's name: cookies don't know ports, so each server on this machine has its own."""
        return f"lamina-{self.port}"

    @property
    def hosts(self) -> frozenset[str]:
        """What this server may be called."""
        names = ("127.0.0.1", "localhost", "[::1]")
        return frozenset((*(f"{name}:{self.port}" for name in names), *(names if self.port == 80 else ())))

    def refusal(self, method: str, path: str, headers: Iterable[tuple[str, str]], query: str = "") -> Refusal | None:
        """Why a request is refused, or None."""
        listed = [(name.lower(), value) for name, value in headers]
        hosts = [value for name, value in listed if name == "host"]
        given = dict(listed)
        if len(hosts) != 1 or hosts[0].lower() not in self.hosts:
            return Refusal(400, "The request names another host.", f"127.0.0.1:{self.port}.", MEND)
        if not self._own_page(method, path, given):
            return Refusal(403, "The request comes from another page.", "Requests of the studio's own page.", MEND)
        if not (self._has_cookie(given.get("cookie", "")) or (path == "/" and self.is_token(token_in(query)))):
            return Refusal(403, "The request shows no token, or a wrong one.", "The address with its token.", MEND)
        return None

    def _own_page(self, method: str, path: str, given: dict[str, str]) -> bool:
        origin = given.get("origin")
        if origin is not None and origin.lower() not in {f"http://{host}" for host in self.hosts}:
            return False
        site = given.get("sec-fetch-site", "none")
        if site in ("same-origin", "none"):
            return True
        # A link to the page from elsewhere, such as from a chat: it opens as a page of its own and tells nobody.
        arrives = given.get("sec-fetch-mode") == "navigate" and given.get("sec-fetch-dest") == "document"
        return method == "GET" and path == "/" and arrives

    def _has_cookie(self, header: str) -> bool:
        try:
            found = SimpleCookie(header).get(self.cookie)
        except CookieError:
            return False
        return found is not None and self.is_token(found.value)

    def is_token(self, text: str) -> bool:
        """Whether a text is the token, in a time that doesn't tell how much of it is right."""
        return secrets.compare_digest(text.encode(errors="replace"), self.token.encode())


MEND = "open the address that `lamina studio` printed when it started"


def token_in(query: str) -> str:
    """The token of a query, if it has one.

    >>> token_in("token=abc&run=1"), token_in("")
    ('abc', '')
    """
    return parse_qs(query).get("token", [""])[0]


class Guard:
    """ASGI middleware around all that the server answers: it refuses, limits bodies, and adds the headers.

    A body is counted while it comes in and refused when it is too long, whatever its ``Content-Length`` says.
    """

    def __init__(self, app: Any, door: Door, most_bytes: int = MOST_BYTES) -> None:
        self.app, self.door, self.most_bytes = app, door, most_bytes

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer one request, or let the app do it."""
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008})  # nothing here speaks that
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        query = scope.get("query_string", b"").decode("latin-1")
        refused = self.door.refusal(scope["method"], scope["path"], headers, query)
        answer = self._sender(send, self._new_cookie(scope["path"], query))
        refused = refused or self._too_long(dict(headers))
        if refused:
            return await _refuse(self._sender(send), refused)
        if scope["method"] in ("GET", "HEAD"):
            return await self.app(scope, receive, answer)
        body = await self._body(receive)
        if isinstance(body, Refusal):
            return await _refuse(answer, body)
        return None if body is None else await self.app(scope, _given(body, receive), answer)

    def _new_cookie(self, path: str, query: str) -> bytes | None:
        if path != "/" or not self.door.is_token(token_in(query)):
            return None
        return f"{self.door.cookie}={self.door.token}; Path=/; HttpOnly; SameSite=Strict".encode()

    def _too_long(self, headers: dict[str, str]) -> Refusal | None:
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit():
            return Refusal(400, "The request's Content-Length is no number.", "A whole number.", "send it again")
        return self._longer() if int(length) > self.most_bytes else None

    def _longer(self) -> Refusal:
        most = f"At most {self.most_bytes / (1 << 20):g} MB."
        return Refusal(413, "What was sent is too large.", most, "a smaller picture, or a shorter recording")

    async def _body(self, receive: Any) -> bytes | Refusal | None:
        """All that was sent; None where the sender left."""
        pieces, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            pieces.append(message.get("body", b""))
            size, more = size + len(pieces[-1]), message.get("more_body", False)
            if size > self.most_bytes:
                return self._longer()
        return b"".join(pieces)

    @staticmethod
    def _sender(send: Any, cookie: bytes | None = None) -> Any:
        """``send`` with the headers of every answer, and a cookie."""
        extra = [*HEADERS, *([(b"set-cookie", cookie)] if cookie else [])]

        async def with_headers(message: Scope) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *extra]}
            await send(message)

        return with_headers


def _given(body: bytes, receive: Any) -> Any:
    """``receive`` that gives a body which has been read already, and then what comes behind it."""
    told = False

    async def again() -> Scope:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _refuse(send: Any, why: Refusal) -> None:
    content = json.dumps({"error": why.given, "expected": why.expected, "mend": why.mend}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": why.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
