"""What the doctor says, against the machine and against texts of other machines."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lamina import doctor
from lamina.kernels import native

CONTAINERS_CPUINFO = """\
processor\t: 0
model name\t: Some Processor @ 2.40GHz
flags\t\t: fpu vme sse4_2 avx2 fma amx_tile avx512f
processor\t: 1
model name\t: Some Other
"""


def test_everything_it_finds_is_plain() -> None:
    found = doctor.examine()
    assert json.loads(json.dumps(found)) == found


def test_versions_are_those_installed() -> None:
    found = doctor.versions()
    assert found["python"] == platform.python_version()
    assert found["numpy"] == np.__version__
    assert found["jax"] == importlib.metadata.version("jax")
    assert doctor.version("a-package-that-nobody-made") is None


def test_a_processor_is_read_from_cpuinfo() -> None:
    assert doctor.processor(CONTAINERS_CPUINFO) == "Some Processor @ 2.40GHz"
    assert doctor.vector_instructions(CONTAINERS_CPUINFO) == ["sse4_2", "avx2", "fma", "avx512f", "amx_tile"]


def test_without_cpuinfo_it_says_what_python_knows() -> None:
    assert doctor.processor("") == (platform.processor() or platform.machine())
    assert doctor.vector_instructions("") == []


@pytest.mark.parametrize(("text", "cores"), [("max 100000\n", None), ("150000 100000\n", 1.5), ("", None), ("x", None)])
def test_a_quota_of_a_container(text: str, cores: float | None) -> None:
    assert doctor.cpu_quota(text) == cores


def test_cores_are_no_more_than_there_are() -> None:
    may = int(doctor.cores().split()[0])
    assert 1 <= may <= (os.cpu_count() or 1)


def test_the_cache_is_counted(tmp_path: Path) -> None:
    import jax

    before = jax.config.jax_compilation_cache_dir  # pyright: ignore[reportAttributeAccessIssue]
    (tmp_path / "a").write_bytes(b"x" * 2**20)
    (tmp_path / "b").write_bytes(b"x" * 2**19)
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    try:
        found = doctor.cache()
    finally:
        jax.config.update("jax_compilation_cache_dir", before)
    assert (found["compiled programs"], found["files"], found["size"]) == (str(tmp_path), 2, "1.5 MiB")


@pytest.fixture
def opened_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing in the environment chooses, and what was opened before is forgotten."""
    monkeypatch.delenv("LAMINA_NATIVE", raising=False)
    native._open.cache_clear()
    yield
    native._open.cache_clear()


def test_the_kernels_in_use_are_named_and_tried(opened_anew) -> None:
    if not native.usable():
        pytest.skip(f"no native kernels here: {native.status().reason}")
    found = doctor.kernels()
    assert found["in use"] == native.status().library
    assert found["checked"] == "XLA runs them"


def test_kernels_that_are_off_say_so(opened_anew, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMINA_NATIVE", "0")
    found = doctor.kernels()
    assert found["in use"].startswith("none")
    assert found["why"] == "LAMINA_NATIVE is 0"
    assert found["to have them"] == "unset LAMINA_NATIVE"


def test_kernels_that_nobody_built_say_what_it_takes(opened_anew, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(native, "FOLDER", tmp_path)
    found = doctor.kernels()
    assert "none was built" in found["why"]
    assert found["to have them"].startswith("GCC 11 or Clang 14 or newer")


def test_kernels_for_another_processor_are_told(opened_anew, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native.platform, "machine", lambda: "aarch64")
    assert "it is for x86-64 on Linux, this is aarch64" in doctor.kernels()["why"]


def test_nonsense_does_not_stop_the_doctor(opened_anew, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMINA_NATIVE", "fast")
    assert "'fast', which is none of 0, avx2, avx512, amx" in doctor.kernels()["why"]


def test_a_matrix_product_has_a_speed() -> None:
    assert 0.01 < doctor.matrix_product(side=64, repeats=2) < 1e6


def test_what_is_not_installed_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "version", lambda package: None)
    found = doctor.extras()
    assert found["soundfile"] == 'not installed (recordings: pip install "lamina[audio]")'


def test_every_extra_that_it_names_is_declared() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    named = {text.split("lamina[")[1].split("]")[0] for text in doctor.EXTRAS.values() if "lamina[" in text}
    assert named <= set(project["optional-dependencies"])
