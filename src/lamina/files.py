"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from lamina.errors import OutputError


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: to a new file beside it, synced, then renamed onto it.

    Errors: OutputError where that fails; what stood there before still stands, and no other file is left.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_whole(folder / "a.json", b"{}")
    >>> [file.name for file in folder.iterdir()]
    ['a.json']
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    with writing(path):
        try:
            with fresh.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                fresh.unlink()
            raise


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns the system's refusals to write into an OutputError."""
    try:
        yield
    except OSError as problem:
        raise OutputError(
            f"{path} can't be written: {problem.strerror or problem}.",
            expected="A folder that you may write to, with room left.",
            mend="name another folder with --runs FOLDER, or make room",
        ) from problem
