"""The door to the native kernels: what is opened, what is refused and why, and that XLA runs what is behind it."""

from __future__ import annotations

import errno
import shutil
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

from lamina.errors import LaminaError, OptionError
from lamina.kernels import native

HERE = {"avx2", "fma"}
SIZES = (0, 1, 4095, 4097, 20_001)


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What was opened before is forgotten, and nothing in the environment chooses."""
    monkeypatch.delenv("LAMINA_NATIVE", raising=False)
    monkeypatch.delenv("LAMINA_NATIVE_LIBRARY", raising=False)
    native._open.cache_clear()
    yield
    native._open.cache_clear()


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels are in use, also where the whole suite runs without them."""
    monkeypatch.delenv("LAMINA_NATIVE", raising=False)
    if not native.usable():
        pytest.skip(f"no native kernels here: {native.status().reason}")


@pytest.fixture
def built(fresh: None) -> Path:
    """The library that every x86-64 processor of the last ten years can open."""
    file = native.FOLDER / "liblamina_avx2.so"
    if native._unsuitable("avx2") or not file.exists():
        pytest.skip("no native kernels here")
    return file


def more(x: jax.Array) -> jax.Array:
    return native.call("probe", [jax.ShapeDtypeStruct(x.shape, x.dtype)], x)[0]


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("threads", [0, 1, 2, 4])
def test_xla_runs_it_with_any_number_of_threads(library, size, threads) -> None:
    x = numbers(size)
    with native.threads(threads):
        y = jax.jit(lambda x: more(x))(x)
    np.testing.assert_array_equal(y, x + np.float32(1))


def test_it_runs_inside_whatever_jax_compiles(library) -> None:
    x = numbers(3, 5)
    np.testing.assert_array_equal(jax.vmap(more)(x), x + 1)
    np.testing.assert_array_equal(jax.lax.map(more, x), x + 1)
    np.testing.assert_allclose(jax.lax.scan(lambda c, _: (more(c), None), x, length=4)[0], x + 4, rtol=1e-6)
    chosen = jax.jit(lambda p, x: jax.lax.cond(p, more, lambda x: x, x))
    np.testing.assert_array_equal(chosen(True, x), x + 1)
    np.testing.assert_array_equal(chosen(False, x), x)


def test_it_runs_on_each_device(library) -> None:
    mesh = Mesh(np.array(jax.devices("cpu")[:2]), ("cores",))
    spread = jax.shard_map(more, mesh=mesh, in_specs=PartitionSpec("cores"), out_specs=PartitionSpec("cores"))
    x = numbers(4, 3)
    np.testing.assert_array_equal(jax.jit(spread)(x), x + 1)


def test_an_operands_memory_may_be_the_outputs(library) -> None:
    def in_place(x: jax.Array) -> jax.Array:
        return native.call("probe", [jax.ShapeDtypeStruct(x.shape, x.dtype)], x, aliases={0: 0})[0]

    x = jnp.asarray(numbers(7))
    np.testing.assert_array_equal(jax.jit(in_place)(x), x + 1)


def test_threads_are_those_of_the_innermost() -> None:
    with native.threads(3):
        with native.threads(1):
            assert native._THREADS.get() == 1
        assert native._THREADS.get() == 3
    assert native._THREADS.get() == 0


def test_a_function_that_is_not_there_is_named(library) -> None:
    with pytest.raises(LaminaError, match="has no lamina_nothing") as caught:
        native.call("nothing", [], jnp.zeros(1))
    assert "make native" in caught.value.mend


def test_off_is_off(fresh, monkeypatch) -> None:
    monkeypatch.setenv("LAMINA_NATIVE", "0")
    assert native.status() == native.Status(None, "LAMINA_NATIVE is 0")
    assert not native.usable()
    with pytest.raises(LaminaError, match="no native kernel here: LAMINA_NATIVE is 0"):
        more(jnp.zeros(1))


def test_nonsense_is_said_and_not_guessed(fresh, monkeypatch) -> None:
    monkeypatch.setenv("LAMINA_NATIVE", "avx3")
    assert native.status() == native.Status(None, "LAMINA_NATIVE is 'avx3', which is none of 0, avx2, avx512, amx")
    with pytest.raises(OptionError, match=r"'avx3'[^$]*unset LAMINA_NATIVE"):
        native.usable()


def test_one_means_as_if_unset(fresh, monkeypatch) -> None:
    unset = native.status()
    monkeypatch.setenv("LAMINA_NATIVE", "1")
    assert native.status() == unset


def test_a_library_asked_for_is_the_one(built, monkeypatch) -> None:
    monkeypatch.setenv("LAMINA_NATIVE", "avx2")
    assert native.status() == native.Status("avx2", "LAMINA_NATIVE is avx2")
    np.testing.assert_array_equal(more(jnp.zeros(3)), np.ones(3))


def test_the_best_for_the_processor(built, monkeypatch) -> None:
    monkeypatch.setattr(native, "_processor_flags", lambda: frozenset(HERE | {"avx512f"}))
    found = native.status()
    assert found.library == "avx2"
    assert "not avx512: this processor has no avx512bw, avx512dq, avx512vl" in found.reason


def test_a_processor_without_any(fresh, monkeypatch) -> None:
    monkeypatch.setattr(native, "_processor_flags", frozenset)
    monkeypatch.setattr(native, "FOLDER", Path(__file__).parent)
    assert not native.usable()
    monkeypatch.setenv("LAMINA_NATIVE", "avx512")
    assert native.status().library is None


def test_what_the_processor_lacks_is_refused_even_when_asked_for(built, monkeypatch) -> None:
    monkeypatch.setattr(native, "_processor_flags", lambda: frozenset(HERE))
    monkeypatch.setenv("LAMINA_NATIVE", "avx512")
    assert native.status().library is None
    assert native.status().reason.startswith("not avx512: this processor has no avx512f")
    assert not native.usable()


def test_where_the_system_refuses_the_tiles_the_next_best_is_taken(fresh, monkeypatch) -> None:
    if native._unsuitable("amx") or native._incomplete(native.FOLDER / "liblamina_amx.so"):
        pytest.skip(f"no AMX here: {native.status().reason}")
    monkeypatch.setattr(native, "_ask_for_tiles", lambda: errno.EPERM)
    found = native.status()
    assert found.library == "avx512"
    assert "not amx: the operating system refuses its tiles (Operation not permitted)" in found.reason
    monkeypatch.setenv("LAMINA_NATIVE", "amx")
    assert native.status().library is None
    assert not native.usable()


def test_tiles_that_are_refused_are_said(monkeypatch) -> None:
    monkeypatch.setattr(native, "_ask_for_tiles", lambda: errno.ENOSYS)
    assert native._forbidden("amx") == "the operating system refuses its tiles (Function not implemented)"
    assert native._forbidden("avx512") == ""


def test_a_library_that_the_compiler_could_not_make_is_said(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(native, "FOLDER", tmp_path)
    assert native._incomplete(tmp_path / "liblamina_amx.so").startswith("it was not built")


def test_elsewhere_than_on_linux_there_is_none(fresh, monkeypatch) -> None:
    monkeypatch.setattr(native.platform, "machine", lambda: "arm64")
    assert "it is for x86-64 on Linux, this is arm64" in native._unsuitable("avx2")


def test_none_built_says_why(fresh, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(native, "FOLDER", tmp_path)
    assert "none was built" in native.status().reason
    assert not native.usable()


def test_a_folder_may_stand_for_its_libraries(built, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("LAMINA_NATIVE_LIBRARY", str(tmp_path))
    assert not native.usable()
    native._open.cache_clear()
    (tmp_path / built.name).write_bytes(built.read_bytes())
    assert native.status().library == "avx2"


def _refusal(monkeypatch: pytest.MonkeyPatch, file: Path) -> str:
    monkeypatch.setenv("LAMINA_NATIVE_LIBRARY", str(file))
    assert not native.usable()
    return native.status().reason


@pytest.mark.parametrize("part", [0.02, 0.5, 0.99])
def test_half_a_library_is_refused(built, monkeypatch, tmp_path, part) -> None:
    """Opening it would end the process: its pages lie beyond the end of the file."""
    whole = built.read_bytes()
    half = tmp_path / "liblamina_avx2.so"
    half.write_bytes(whole[: int(len(whole) * part)])
    assert "is cut short" in _refusal(monkeypatch, half)


def test_another_processors_library_is_refused(built, monkeypatch, tmp_path) -> None:
    theirs = bytearray(built.read_bytes())
    theirs[18:20] = (183).to_bytes(2, "little")  # AArch64
    (tmp_path / "liblamina_avx2.so").write_bytes(theirs)
    assert "was built for another processor" in _refusal(monkeypatch, tmp_path / "liblamina_avx2.so")


def test_a_file_that_is_no_library_is_refused(built, monkeypatch, tmp_path) -> None:
    (tmp_path / "avx2.so").write_text("words " * 100)
    assert "is no library" in _refusal(monkeypatch, tmp_path / "avx2.so")
    assert "can't be read (No such file" in _refusal(monkeypatch, tmp_path / "avx2-gone.so")


def test_somebody_elses_library_is_refused(built, monkeypatch, tmp_path) -> None:
    theirs = next(Path(np.__file__).parent.rglob(f"*{sysconfig.get_config_var('EXT_SUFFIX')}"))
    shutil.copy(theirs, tmp_path / "avx2.so")
    assert "lamina_ffi_version" in _refusal(monkeypatch, tmp_path / "avx2.so")


@pytest.mark.parametrize(("runs", "words"), [(2, "and this jaxlib speaks 0.2"), (1003, "1.3"), (None, "can't be told")])
def test_a_library_newer_than_jaxlib_is_refused(built, monkeypatch, runs, words) -> None:
    monkeypatch.setattr(native, "_ffi_version", lambda: runs)
    assert not native.usable()
    assert words in native.status().reason


def test_the_version_of_jaxlib_is_read_from_its_header() -> None:
    version = native._ffi_version()
    assert version is not None
    assert 3 <= version < 1000
