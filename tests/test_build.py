"""Building: what is compiled against what, what a wheel holds, and that Lamina installs where nothing compiles."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import jax
import pytest

from lamina.kernels import native

ROOT = Path(__file__).parents[1]
KERNELS = "lamina/kernels/_native/"
COMPILES = sys.platform == "linux" and platform.machine() == "x86_64" and shutil.which(os.environ.get("CXX", "c++"))
# What the processor has, as the compiler calls it.
FLAGS = {"amx_tile": "amx-tile", "amx_bf16": "amx-bf16", "avx512_bf16": "avx512bf16"}
needs_compiler = pytest.mark.skipif(not COMPILES, reason="needs a C++ compiler on x86-64 Linux")


def flags_of(library: str) -> list[str]:
    """The flags that a library is compiled with."""
    found = dict(re.findall(r"set\(FLAGS_(\w+) ([^)]*)\)", (ROOT / "CMakeLists.txt").read_text()))
    flags = found[library]
    while reference := re.search(r"\$\{FLAGS_(\w+)\}", flags):
        flags = flags.replace(reference[0], found[reference[1]])
    return flags.split()


def libraries() -> set[str]:
    """Those that the compiler at hand can make: AMX is not known to every one."""
    compiler = os.environ.get("CXX", "c++")
    known = [compiler, *flags_of("amx"), "-x", "c++", "-fsyntax-only", "/dev/null"]
    amx = subprocess.run(known, capture_output=True).returncode == 0
    return {f"{KERNELS}liblamina_{name}.so" for name in native.NEEDS if amx or name != "amx"}


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_headers_are_those_of_the_oldest_jax() -> None:
    """A library built against newer headers than the jaxlib that runs breaks it."""
    floor = next(name for name in project()["project"]["dependencies"] if name.startswith("jax>="))
    (pin,) = [each["build"]["requires"] for each in overrides() if each.get("build", {}).get("requires")]
    oldest = (floor.removeprefix("jax>=") + ".0.0").split(".")[:3]
    assert pin[0].partition(";")[0] == f"jaxlib=={'.'.join(oldest)}"


def overrides() -> list[dict]:
    return project()["tool"]["scikit-build"]["overrides"]


@pytest.mark.parametrize("library", native.NEEDS)
def test_what_the_compiler_may_use_is_what_the_processor_is_asked_for(library: str) -> None:
    allowed = {f"-m{FLAGS.get(name, name)}" for name in native.NEEDS[library]}
    assert {flag for flag in flags_of(library) if not flag.startswith("-mprefer")} == allowed


@pytest.mark.parametrize("library", native.NEEDS)
def test_a_library_shows_nothing_but_its_handlers(library: str) -> None:
    """An inline function compiled for AVX-512, were it seen from outside, could stand in for another library's."""
    file = native.FOLDER / f"liblamina_{library}.so"
    if not file.exists() or not shutil.which("nm"):
        pytest.skip("no native kernels here")
    found = subprocess.run(["nm", "-D", "--defined-only", file], capture_output=True, text=True, check=True)
    kinds = {line.split()[-1]: line.split()[-2] for line in found.stdout.splitlines()}
    assert {"lamina_ffi_version", "lamina_probe"} <= set(kinds)
    assert {name for name, kind in kinds.items() if kind != "T" or not name.startswith("lamina_")} == set()


def build(what: str, folder: Path, *, source: Path = ROOT, **environment: str) -> tuple[list[Path], str]:
    """What the build backend makes, with the smallest of the kernels alone; and what it says."""
    folder.mkdir(exist_ok=True)
    settings = {"cmake.define.LAMINA_ONLY": "probe"} if what != "sdist" else {}
    code = f"from scikit_build_core.build import build_{what} as build; build({str(folder)!r}, {settings!r})"
    paths = os.pathsep.join([os.environ["PATH"], str(Path(sys.executable).parent)])
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LAMINA_")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=source,
        env={**clean, "PATH": paths, **environment},
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return list(folder.iterdir()), done.stdout + done.stderr


def built_wheel(folder: Path, **environment: str) -> tuple[str, set[str], str]:
    """The tag of the wheel, the libraries in it, and what the backend said."""
    (wheel,), said = build("wheel", folder, **environment)
    names = zipfile.ZipFile(wheel).namelist()
    assert "lamina/kernels/native.py" in names
    return wheel.stem.split("-", 2)[2], {name for name in names if name.startswith(KERNELS)}, said


@pytest.mark.slow
@needs_compiler
def test_with_a_compiler_a_wheel_brings_a_library_for_each_processor(tmp_path, monkeypatch) -> None:
    tag, found, _ = built_wheel(tmp_path / "wheel")
    assert tag == "py3-none-linux_x86_64"
    assert found == libraries()
    with zipfile.ZipFile(next((tmp_path / "wheel").iterdir())) as wheel:
        file = wheel.extract(f"{KERNELS}liblamina_avx2.so", tmp_path)
    monkeypatch.delenv("LAMINA_NATIVE", raising=False)
    monkeypatch.setenv("LAMINA_NATIVE_LIBRARY", file)
    assert native.usable() or native._unsuitable("avx2")


@pytest.fixture
def half_a_compiler(tmp_path: Path) -> str:
    """It compiles for one processor and fails at the next."""
    script = tmp_path / "compiler"
    script.write_text('#!/bin/sh\ncase "$*" in *-mavx512f*) echo "out of memory" >&2; exit 1;; esac\nexec c++ "$@"\n')
    script.chmod(0o755)
    return str(script)


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["/nowhere/c++", "/bin/false"])
def test_without_a_compiler_it_installs_without_kernels_and_says_so(tmp_path, compiler) -> None:
    tag, found, said = built_wheel(tmp_path / "wheel", CXX=compiler)
    assert (tag, found) == ("py3-none-any", set())
    assert "The native kernels could not be compiled" in said or not COMPILES


@pytest.mark.slow
@needs_compiler
def test_a_compiler_that_fails_half_way_leaves_no_half_of_the_kernels(tmp_path, half_a_compiler) -> None:
    tag, found, said = built_wheel(tmp_path / "wheel", CXX=half_a_compiler)
    assert (tag, found) == ("py3-none-any", set())
    assert "out of memory" in said
    assert "The native kernels could not be compiled" in said


@pytest.mark.slow
@needs_compiler
def test_a_library_built_against_newer_headers_is_refused(tmp_path, monkeypatch) -> None:
    headers = shutil.copytree(jax.ffi.include_dir(), tmp_path / "include")
    file = headers / "xla" / "ffi" / "api" / "c_api.h"
    file.write_text(re.sub(r"(#define XLA_FFI_API_MINOR) \d+", r"\1 999", file.read_text()))
    define = f"-DLAMINA_FFI_HEADERS={headers}"
    for step in (["-S", str(ROOT), "-B", str(tmp_path), define, "-DLAMINA_ONLY=probe"], ["--build", str(tmp_path)]):
        subprocess.run(["cmake", *step], check=True, capture_output=True, timeout=250)
    monkeypatch.delenv("LAMINA_NATIVE", raising=False)
    monkeypatch.setenv("LAMINA_NATIVE_LIBRARY", str(tmp_path / "liblamina_avx2.so"))
    assert not native.usable()
    assert native._unsuitable("avx2") or "it was built for version 0.999 of the XLA FFI" in native.status().reason


@pytest.mark.slow
def test_who_wants_no_kernels_gets_none(tmp_path) -> None:
    tag, found, said = built_wheel(tmp_path / "wheel", LAMINA_NATIVE="0")
    assert (tag, found) == ("py3-none-any", set())
    assert "CMake" not in said


@pytest.mark.slow
def test_the_source_distribution_holds_what_building_takes(tmp_path) -> None:
    (archive,), _ = build("sdist", tmp_path / "sdist")
    with tarfile.open(archive) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "native").iterdir()}
    assert sources | {"CMakeLists.txt", "pyproject.toml", "README.md", "LICENSE", "tests/test_build.py"} <= names
    assert not [name for name in names if name.endswith(".so") or "__pycache__" in name]


@pytest.mark.slow
@needs_compiler
def test_an_editable_checkout_never_keeps_kernels_older_than_its_source(tmp_path) -> None:
    checkout = tmp_path / "checkout"
    ignored = shutil.ignore_patterns("__pycache__", "_native")
    for folder in ("src", "native"):
        shutil.copytree(ROOT / folder, checkout / folder, ignore=ignored)
    for file in ("CMakeLists.txt", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, checkout)
    build("editable", tmp_path / "first", source=checkout)
    assert {str(path.relative_to(checkout / "src")) for path in checkout.rglob("*.so")} == libraries()
    build("editable", tmp_path / "second", source=checkout, CXX="/nowhere/c++")
    assert not list(checkout.rglob("*.so"))
