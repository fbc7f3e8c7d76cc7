"""What every test stands on: no network, nothing written outside its folder, one compilation cache for the session."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ["made_runs", "small_runs"]  # what tests of several folders share

# Compiled programs are shared by all tests, also by those that start a process. In a folder of this user's, so that the
# next session finds them again; nothing in it outlives a change of JAX, which is part of each entry's key.
_CACHE = Path(tempfile.gettempdir()) / f"lamina-tests-{os.getuid() if hasattr(os, 'getuid') else 0}" / "jax"

os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_CACHE))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("TERM", "dumb")
os.environ["COLUMNS"] = "120"


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs and whatever a test writes by a relative path land in the test's own folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LAMINA_RUNS", str(tmp_path / "runs"))


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    """A connection to anywhere but this machine is an error."""
    connect = socket.socket.connect

    def local_only(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else ""
        if host not in ("", "localhost", "127.0.0.1", "::1"):
            raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)

    socket.socket.connect = local_only  # type: ignore[method-assign]
    yield
    socket.socket.connect = connect  # type: ignore[method-assign]


@pytest.fixture
def no_transfers() -> Iterator[None]:
    """Within it, an array that moves to or from the device without being asked to is an error."""
    import jax

    with jax.transfer_guard("disallow"):
        yield


@pytest.fixture
def strict_types() -> Iterator[None]:
    """Within it, arrays of different types don't mix unless somebody says how."""
    import jax

    with jax.numpy_dtype_promotion("strict"):
        yield
