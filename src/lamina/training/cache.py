"""The cache: what one training leaves for the next in the user's cache folder, compiled programs and measured plans.

Nothing depends on it. What can't be written is made anew each time, and what can't be read is thrown away.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import platform
import tempfile
import time
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

SETTLED = 60.0  # seconds after which a file is whole or will never be
LONGEST = 0.1  # seconds to spend on looking at new files


def folder() -> Path:
    """Lamina's folder among the user's caches."""
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")) / "lamina"


def keep_compiled_programs() -> str | None:
    """Turn JAX's persistent compilation cache on for programs of any size, in the user's cache folder unless one is
    set.

    Gives a sentence where that can't be, and then every start compiles anew.
    """
    import jax

    configured = jax.config.jax_compilation_cache_dir  # pyright: ignore[reportAttributeAccessIssue]
    path = Path(configured or folder() / "jax" / processor())
    # JAX goes on without an entry that it can't read or write, and that is all there is to say.
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache")
    refused = refusal(path)
    jax.config.update("jax_compilation_cache_dir", None if refused else str(path))
    if refused:
        return f"Compiled programs can't be kept in {path} ({refused}): every start compiles anew."
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    drop_torn(path)
    return None


def processor() -> str:
    """A name for this kind of processor: a program that was compiled for another one may end the process.

    >>> processor() == processor()
    True
    """
    try:
        with open("/proc/cpuinfo") as file:
            lines = list(itertools.takewhile(str.strip, file))
    except OSError:
        lines = [platform.processor()]
    # Not what changes from start to start, such as the clock.
    kind = [line for line in lines if line.startswith(("model", "flags", "Features", "CPU "))] or [platform.processor()]
    return f"{platform.machine()}-{hashlib.sha256(''.join(kind).encode()).hexdigest()[:8]}"


def refusal(path: Path) -> str:
    """Why no file can be written into a folder, which is made where it is missing; nothing where one can.

    >>> refusal(Path(tempfile.mkdtemp()) / "new" / "folder")
    ''
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return ""
    except OSError as problem:
        return problem.strerror or str(problem)


def drop_torn(path: Path) -> None:
    """Remove new compiled programs that were not written to their end: JAX would neither read nor replace them.

    Only files since the last time are looked at; a torn one older than that costs a compilation, and no more.
    """
    stamp, now = path / ".looked-at", time.time()
    try:
        since = stamp.stat().st_mtime if stamp.exists() else 0.0
        new = sorted(_between(path, since, now - SETTLED), reverse=True)
        for _, file in new:
            if time.time() - now > LONGEST:
                break
            if not whole(Path(file).read_bytes()):
                os.unlink(file)
        stamp.touch()
        os.utime(stamp, (now, now - SETTLED))
    except OSError:
        pass  # another process was quicker, or the folder is gone


def _between(path: Path, since: float, until: float) -> Iterator[tuple[float, str]]:
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.name.endswith("-cache") and since < (changed := entry.stat().st_mtime) <= until:
                yield changed, entry.path


def whole(content: bytes) -> bool:
    """Whether a compiled program as JAX keeps it can be unpacked; those packed by zstandard are believed to be.

    >>> whole(zlib.compress(b"program")), whole(zlib.compress(b"program")[:-1])
    (True, False)
    """
    if content.startswith(b"\x28\xb5\x2f\xfd"):
        return True
    try:
        zlib.decompress(content)
    except zlib.error:
        return False
    return True
