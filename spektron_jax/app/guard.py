"""Who may ask the local server, and what every answer forbids the browser.

The server listens on 127.0.0.1 only, but any page in the same browser can send to it.
Three doors keep others out: the address holds a token that no other page knows; the
Host must be this computer's own name, not a foreign one that was bound to 127.0.0.1;
and the Origin, where there is one, must be this server.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Server = Callable[[Scope, Receive, Send], Awaitable[None]]

ADDRESS = "127.0.0.1"
READING = ("GET", "HEAD")
# What the page itself may do; a report may do less, see `REPORT`.
PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
REPORT = (
    "sandbox allow-downloads; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": PAGE,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def new_token() -> str:
    """A random token for the address."""
    return secrets.token_urlsafe(24)


def refusal(
    method: str, path: str, headers: Mapping[str, str], token: str, port: int
) -> str | None:
    """Why a request is refused; None: it may pass.

    Args:
      method, path: of the request
      headers: in lower case
      token: that the path must begin with
      port: that the server listens on
    """
    hosts = [f"{ADDRESS}:{port}", f"localhost:{port}"]
    host = headers.get("host", "")
    if host not in hosts:
        return "this server answers to its own name only: open the address it printed"
    origin = headers.get("origin")
    if origin is None and method not in READING:
        return "a request without an Origin changes nothing here"
    if origin is not None and origin != f"http://{host}":
        return "another page asked"
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return "another page asked"
    given = path.split("/")[1] if path.startswith("/") else ""
    if not secrets.compare_digest(given.encode(), token.encode()):
        return "the token is missing or old: open the address that spektron app printed"
    return None


def guarded(server: Server, token: str, port: int) -> Server:
    """The server behind the doors; every answer carries `HEADERS`.

    Args:
      server: an ASGI application, which sees paths without the token
      token, port: see `refusal`
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await server(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008})
        headers = {
            k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]
        }
        why = refusal(scope["method"], scope["path"], headers, token, port)
        if why is not None:
            return await _refuse(send, why)

        async def sealed(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": _sealed(message.get("headers", []))}
            await send(message)

        path = scope["path"][1 + len(token) :]
        if not path:
            return await _refuse(send, "the address ends in a slash")
        await server({**scope, "path": path, "root_path": ""}, receive, sealed)

    return answer


def _sealed(headers: Any) -> list[tuple[bytes, bytes]]:
    """The headers of an answer, with those of `HEADERS` that it does not set."""
    given = {name.lower() for name, _ in headers}
    added = [(name.encode(), text.encode()) for name, text in HEADERS.items()]
    return [*headers, *(pair for pair in added if pair[0] not in given)]


async def _refuse(send: Send, why: str) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"connection", b"close"),
    ]
    await send(
        {"type": "http.response.start", "status": 403, "headers": _sealed(headers)}
    )
    await send({"type": "http.response.body", "body": f"refused: {why}\n".encode()})
