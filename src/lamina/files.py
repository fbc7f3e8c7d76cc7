"""Files that are written whole or not at all, and arrays read from one that may be neither."""

from __future__ import annotations

import contextlib
import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.errors import OutputError

if TYPE_CHECKING:
    import numpy as np

DAMAGED = (OSError, ValueError, EOFError, KeyError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error)


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


def arrays_in(path: Path, most_bytes: int | None = None) -> dict[str, np.ndarray]:
    """All arrays of an npz; nothing where it is missing, half written, damaged, or unpacks to more than ``most_bytes``.

    Pickled objects are never loaded.

    >>> arrays_in(Path("nowhere.npz"))
    {}
    """
    import numpy as np

    try:
        with zipfile.ZipFile(path) as archive:
            if most_bytes is not None and sum(of.file_size for of in archive.infolist()) > most_bytes:
                return {}
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except DAMAGED:
        return {}
