"""A server on this machine: a port, an address with a token, and the loop that serves."""

import os
import re
import secrets
import socket
import sys
import threading
import webbrowser

import uvicorn
from starlette.types import ASGIApp

from recurra.errors import SettingError

HOST = "127.0.0.1"
PORT = 8421  # or the next free one, unless the user names one
TRIED = 20
TOKEN = "RECURRA_TOKEN"  # the environment variable of a token that is to stay the same
SHORTEST = 16  # characters of such a token
CONNECTIONS = 400  # at once; more are told to come back
FAREWELL = 2  # seconds in which open answers may end when the server is stopped


class Server:
    """A server that listens already; `run` serves until a signal ends it.

    Args:
        app: answers, behind the guard.
        token: that the guard wants.
        port: None: `PORT`, or the next free one.

    Attributes:
        origin: ``http://127.0.0.1:PORT``.
        address: of the page, with the token.
        token: what programs send as their key.

    Raises:
        SettingError: the port is taken.
    """

    def __init__(self, app: ASGIApp, token: str, port: int | None = None) -> None:
        self.token = token
        self._socket = _listen(port)
        self.port = self._socket.getsockname()[1]
        self.origin = f"http://{HOST}:{self.port}"
        self.address = f"{self.origin}/?token={self.token}"
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_level="critical",
                access_log=False,
                server_header=False,
                loop="asyncio",
                http="h11",
                ws="none",
                proxy_headers=False,
                limit_concurrency=CONNECTIONS,
                timeout_keep_alive=30,
                timeout_graceful_shutdown=FAREWELL,
            )
        )

    def run(self) -> None:
        """Serve until a signal comes, which is raised again at the end."""
        with self._socket:
            self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """End `run`, from another thread."""
        self._server.should_exit = True

    def open_browser(self) -> None:
        """Show the page, where there is a screen."""
        if has_screen():
            # it may take seconds, and the connection waits for `run`
            threading.Thread(target=webbrowser.open, args=[self.address], daemon=True).start()


def has_screen() -> bool:
    """Whether a browser would open a window, and not take over the terminal."""
    shown = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    return sys.platform in ("win32", "darwin") or any(map(os.environ.get, shown))


def make_token() -> str:
    """A token that nobody can guess, or the one of the environment.

    Raises:
        SettingError: that is too short.
    """
    token = os.environ.get(TOKEN) or secrets.token_urlsafe(24)
    if not re.fullmatch(f"[A-Za-z0-9_-]{{{SHORTEST},}}", token):
        raise SettingError(f"{TOKEN} has to be {SHORTEST} letters, digits, - and _, or more")
    return token


def _listen(port: int | None) -> socket.socket:
    """A socket on the loopback interface, at this port; or at the first free one."""
    ports = [*range(PORT, PORT + TRIED), 0] if port is None else [port]
    for number in ports:
        # with its protocol: asyncio sends small answers at once only where it sees that it is TCP
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        if os.name == "posix":  # where it would let two servers share a port, it is left out
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, number))
            listening.listen(128)
        except OSError as error:
            listening.close()
            if number == ports[-1]:
                raise SettingError(
                    f"port {number} of {HOST} cannot be used: {error.strerror}; choose another, or "
                    "leave --port out"
                ) from None
        else:
            return listening
    raise AssertionError
