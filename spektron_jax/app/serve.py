"""Starts the local server and says where it is; needs the extra "app"."""

import contextlib
import shutil
import socket
import webbrowser
from pathlib import Path

import uvicorn

from spektron_jax.app import guard
from spektron_jax.app.server import App
from spektron_jax.errors import SpektronError


def serve(
    root: Path, port: int, megabytes: float, minutes: float, browser: bool
) -> None:
    """Serve the page until it is interrupted; then all its files are removed.

    Args:
      root: folder of all files, which is removed at the end
      port: 0: one that is free
      megabytes, minutes: see `App`
      browser: open the page in the user's browser

    Raises:
      SpektronError: the port is taken.
    """
    try:
        listener = _listener(port)
        port, token = listener.getsockname()[1], guard.new_token()
        address = f"http://{guard.ADDRESS}:{port}/{token}/"
        server = App(root, megabytes, minutes).server(token, port)
        config = uvicorn.Config(
            server,
            access_log=False,  # it would name the token
            log_level="warning",
            ws="none",
            server_header=False,
            limit_concurrency=64,
            timeout_graceful_shutdown=5,
        )
        print(
            f"open {address} in a browser of this computer; Ctrl-C ends it", flush=True
        )
        if browser:
            webbrowser.open(address)
        with contextlib.suppress(KeyboardInterrupt), listener:
            uvicorn.Server(config).run(sockets=[listener])
    finally:
        shutil.rmtree(root, ignore_errors=True)
    print("ended; all files of the page are removed")


def _listener(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((guard.ADDRESS, port))
        listener.listen()  # who opens the address early waits
    except (OSError, OverflowError) as error:
        listener.close()
        raise SpektronError(
            f"config.port = {port}: cannot be used ({error}); 0 takes a free one"
        ) from error
    return listener
