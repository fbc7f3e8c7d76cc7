"""The cache speeds the next training up; nothing that happens to it does any harm."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import jax
import pytest

from lamina.training.cache import drop_torn, keep_compiled_programs, processor, refusal

PROGRAM = """
import warnings
warnings.simplefilter("always")
from lamina.training.cache import keep_compiled_programs
said = keep_compiled_programs()
import jax, jax.numpy as jnp
print(float(jax.jit(lambda x: (x @ x).sum())(jnp.ones((8, 8)))), said)
"""


@pytest.fixture(autouse=True)
def _settings_as_before() -> Iterator[None]:
    before = jax.config.jax_compilation_cache_dir  # pyright: ignore[reportAttributeAccessIssue]
    yield
    jax.config.update("jax_compilation_cache_dir", before)


def environment(home: Path) -> dict[str, str]:
    mine = {name: of for name, of in os.environ.items() if not name.startswith("JAX_COMPILATION")}
    return {**mine, "XDG_CACHE_HOME": str(home)}


def start(home: Path) -> subprocess.Popen[str]:
    """A process that compiles one program; what it says is on one stream."""
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment(home))


def entries(home: Path) -> list[Path]:
    return sorted((home / "lamina" / "jax" / processor()).glob("*-cache"))


@pytest.fixture(scope="module")
def said_by_both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The cache that two processes filled at once, and what they said."""
    home = tmp_path_factory.mktemp("home")
    both = [start(home), start(home)]
    return home, [process.communicate()[0] for process in both]


def test_two_processes_at_once_on_a_fresh_cache(said_by_both: tuple[Path, list[str]]) -> None:
    home, said = said_by_both
    assert said == ["512.0 None\n"] * 2
    assert entries(home)


@pytest.mark.slow
def test_a_corrupt_cache_is_not_spoken_of(said_by_both: tuple[Path, list[str]]) -> None:
    home, _ = said_by_both
    for path in entries(home):
        path.write_bytes(path.read_bytes()[:50])  # too new to be told from one that is being written
    assert start(home).communicate()[0] == "512.0 None\n"


def test_a_folder_that_is_a_file_is_said_and_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lamina").write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    jax.config.update("jax_compilation_cache_dir", None)
    said = keep_compiled_programs()
    assert said is not None
    assert said.startswith(f"Compiled programs can't be kept in {tmp_path}")
    assert said.endswith("every start compiles anew.")
    assert jax.config.jax_compilation_cache_dir is None  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no folder that even root can't write to")
def test_a_folder_that_nobody_can_write_to_is_refused() -> None:
    assert refusal(Path("/proc/self"))


def test_a_folder_that_was_set_stays(tmp_path: Path) -> None:
    jax.config.update("jax_compilation_cache_dir", str(tmp_path / "mine"))
    assert keep_compiled_programs() is None
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "mine")  # pyright: ignore[reportAttributeAccessIssue]


def test_only_torn_files_are_dropped_and_each_is_looked_at_once(tmp_path: Path) -> None:
    whole, torn, other = tmp_path / "a-cache", tmp_path / "b-cache", tmp_path / "c.txt"
    whole.write_bytes(zlib.compress(b"program"))
    torn.write_bytes(zlib.compress(b"program" * 100)[:-3])
    other.write_text("no program")
    old = time.time() - 3600
    for path in (whole, torn, other):
        os.utime(path, (old, old))
    drop_torn(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".looked-at", "a-cache", "c.txt"]
    whole.write_bytes(b"torn since, but older than the last look")
    os.utime(whole, (old, old))
    drop_torn(tmp_path)
    assert whole.exists()
