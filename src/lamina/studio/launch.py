"""Launch: the server on a port that is free, its address said, a browser opened on it, and its end by Ctrl-C."""

from __future__ import annotations

import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from lamina.errors import OptionError, RunError
from lamina.studio.security import new_token
from lamina.studio.session import Studio, first_name

HOST, PORT, TRIED = "127.0.0.1", 8471, 50
Say = Callable[[str], None]


def listen(port: int | None = None) -> tuple[socket.socket, int]:
    """A socket on this machine alone, at the port that was asked for or the next free one; and which one that is.

    >>> found, port = listen(0)
    >>> port > 0
    True
    >>> found.close()
    """
    wanted = PORT if port is None else port
    if not 0 <= wanted <= 65535:
        raise OptionError(f"The port is {wanted}.", expected="A number from 0 to 65535.", mend=f"--port {PORT}")
    problem: OSError | None = None
    for candidate in range(wanted, min(wanted + TRIED, 65536)):
        found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            if os.name == "posix":  # else a port is refused for a minute after its server has ended
                found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind((HOST, candidate))
            found.listen(2048)
        except OSError as error:
            found.close()
            problem = error
        else:
            return found, found.getsockname()[1]
    last = min(wanted + TRIED, 65536) - 1
    raise OptionError(
        f"No port from {wanted} to {last} can be listened on ({problem.strerror if problem else ''}).",
        expected="A port that is free and that you may use.",
        mend="--port 0, which takes any that is free",
    )


def address(port: int, token: str, fragment: str = "") -> str:
    """The address to open: it holds the token, once; what is shown is behind the #.

    >>> address(8471, "secret", "view=data")
    'http://127.0.0.1:8471/?token=secret#view=data'
    """
    return f"http://{HOST}:{port}/?token={quote(token)}{f'#{fragment}' if fragment else ''}"


def chosen(text: str | None, runs: Path) -> Studio:
    """The studio for what was typed: a run's name or folder, a model file, a data file, or nothing: all runs.

    RunError where it is none of these.
    """
    if text is None:
        return Studio(runs)
    path = Path(text)
    if path.suffix == ".lamina":
        return Studio(runs, _checked(path).resolve())
    folder = next((place for place in (path, runs / text) if (place / "run.json").is_file()), None)
    if folder is None and (path.name == "run.json" or path.parent == runs):
        folder = path.parent if (path.parent / "run.json").is_file() else None
    if folder is not None:
        return Studio(runs, folder.resolve())
    if path.exists() or text.startswith("sample:"):
        return Studio(runs, latest_of(text, runs), text)
    from lamina.training.run import find

    return Studio(runs, find(text, runs).path.resolve())


def _checked(path: Path) -> Path:
    """A model file's path: its run's folder where it still lies in it. ModelFileError where it can't be opened."""
    if (path.parent / "run.json").is_file() and path.name == "model.lamina":
        return path.parent
    from lamina.model import load

    load(path)
    return path


def latest_of(data: str, runs: Path) -> Path | None:
    """The latest run that was trained on a data file, or None."""
    from lamina.training.run import all_runs

    wanted = _place(data)
    for run in all_runs(runs):
        with suppress(RunError):
            if _place(str((run.read().get("data") or {}).get("path", ""))) == wanted:
                return run.path.resolve()
    return None


def _place(data: str) -> str:
    return data if data.startswith("sample:") else str(Path(data).expanduser().resolve())


def opening(studio: Studio) -> str:
    """What the page shows first, as it stands behind the # of its address."""
    if studio.first is not None:
        return f"run={quote(first_name(studio.first, studio.places()))}"
    return "view=data" if studio.data is not None else ""


def serve(studio: Studio, *, port: int | None, browser: bool, say: Say) -> None:
    """Serve until Ctrl-C. Says the address, and when it is not the port that was asked for."""
    import uvicorn

    from lamina.studio.security import Door
    from lamina.studio.server import application

    found, at = listen(port)
    if at != (PORT if port is None else port) and port != 0:
        say(f"Port {PORT if port is None else port} is taken, so it is {at}.")
    token = os.environ.get("LAMINA_STUDIO_TOKEN") or new_token()  # set by tests, which must know it
    where = address(at, token, opening(studio))
    app = application(studio, Door(at, token))
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="error" if os.environ.get("LAMINA_DEBUG") == "1" else "critical",  # the page is told in words
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=1,  # pages that listen for changes would hold it up for ever
        )
    )
    studio.ending = lambda: server.should_exit
    say(f"The studio is at {where}")
    say("Only this machine can reach it. Ctrl-C ends it.")
    if browser and not _opens(where):
        say("No browser was found: open that address in one on this machine.")
    begin(studio)
    with found, suppress(KeyboardInterrupt):
        try:
            server.run(sockets=[found])
        finally:
            studio.close()


def begin(studio: Studio) -> None:
    """Read and load behind the start, while the browser opens, what the page will ask for first."""
    from lamina.studio.server import run_view
    from lamina.training.cache import keep_compiled_programs

    studio.quick.begin(keep_compiled_programs)  # else each start compiles anew what clicks wait for
    if studio.first is not None:
        name = first_name(studio.first, studio.places())
        studio.reading.begin(lambda: run_view(studio, name))
        studio.quick.begin(lambda: studio.opened(name).model)


def _opens(where: str) -> bool:
    """Whether there is a browser with a window; it is opened beside the server, which goes on whatever it does."""
    graphical = sys.platform in ("win32", "darwin") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
    if not graphical and not os.environ.get("BROWSER"):
        return False  # what webbrowser finds then would take this terminal
    try:
        found = webbrowser.get()
    except webbrowser.Error:
        return False
    threading.Thread(target=found.open, args=(where,), daemon=True).start()
    return True
