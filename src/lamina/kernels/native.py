"""The native kernels: which compiled library is in use and why, and how an operation calls a function of it.

``native/`` holds the C++. When Lamina was installed with a compiler at hand, there is one library for each instruction
set beside this file; the best that the processor can run is opened on first use. Where there is none, or it can't be
used, every operation runs on its JAX form and ``status`` says why.

``LAMINA_NATIVE`` chooses: ``0`` none, ``avx2``, ``avx512`` or ``amx`` that one, unset the best.
``LAMINA_NATIVE_LIBRARY`` names a file to open instead, or a folder of libraries (tests, sanitizers). Both are read at
every call, but a program that is compiled stays as it is.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import Array

from lamina.errors import LaminaError, OptionError

# What each library needs of the processor, the best first (the flags given to the compiler in CMakeLists.txt).
NEEDS = {
    "amx": ("amx_tile", "amx_bf16", "avx512_bf16", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx2", "fma"),
    "avx512": ("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx2", "fma"),
    "avx2": ("avx2", "fma"),
}
CHOICES = ("0", *reversed(NEEDS))
FOLDER = Path(__file__).parent / "_native"

_THREADS: ContextVar[int] = ContextVar("threads of a native call", default=0)
_KEPT_OUT: ContextVar[bool] = ContextVar("whether native kernels are kept out", default=False)
_EM_X86_64 = 62  # in an ELF header: made for x86-64
_ARCH_PRCTL, _ARCH_REQ_XCOMP_PERM, _XTILEDATA = 158, 0x1023, 18  # Linux, Documentation/arch/x86/xstate.rst


@dataclass(frozen=True)
class Status:
    """Which library is in use, named by its instruction set (None: every operation runs on its JAX form), and why."""

    library: str | None
    reason: str


@dataclass(frozen=True)
class _Opened:
    """A library that may be called, or the reason why there is none."""

    status: Status
    functions: ctypes.CDLL | None = None


def status() -> Status:
    """What is in use and why. Never raises.

    >>> status().library in ("amx", "avx512", "avx2", None)
    True
    """
    choice, file = _wishes()
    if choice == "0":
        return Status(None, "LAMINA_NATIVE is 0")
    if choice and choice not in NEEDS:
        return Status(None, f"LAMINA_NATIVE is {choice!r}, which is none of {', '.join(CHOICES)}")
    return _open(choice, file).status


def usable() -> bool:
    """Whether ``call`` can be used: a library is open and nobody turned it off.

    OptionError where LAMINA_NATIVE is nothing that can be meant.

    >>> usable() == (status().library is not None)
    True
    """
    choice, file = _wishes()
    if choice and choice not in CHOICES:
        raise OptionError(
            f"LAMINA_NATIVE is {choice!r}.", expected=f"One of: {', '.join(CHOICES)}.", mend="unset LAMINA_NATIVE"
        )
    return choice != "0" and not _KEPT_OUT.get() and _open(choice, file).functions is not None


def has_tiles() -> bool:
    """Whether ``call`` can be used for products of bfloat16: the library for AMX is open.

    >>> usable() or not has_tiles()
    True
    """
    return usable() and status().library == "amx"


def call(
    name: str,
    outputs: Sequence[jax.ShapeDtypeStruct],
    *operands: Array,
    aliases: dict[int, int] | None = None,
    **attributes: Any,  # they are the handler's, by name; no function of the package takes them further
) -> tuple[Array, ...]:
    """What the library's ``lamina_NAME`` makes of ``operands``: arrays of the shapes and dtypes in ``outputs``.

    ``aliases`` maps numbers of operands to numbers of outputs that may take their memory. Attributes are whole numbers
    (int64), floats (float32), booleans, words, or tuples of whole numbers (int64 arrays); ``threads`` is added. Under
    ``vmap`` the function is called once for each. LaminaError where there is no library, or not that function in it.

    >>> x = np.zeros(2, np.float32)
    >>> [y.tolist() for y in call("probe", [jax.ShapeDtypeStruct((2,), np.float32)], x)] if usable() else [[1.0, 1.0]]
    [[1.0, 1.0]]
    """
    target = _register(name, *_wishes())
    typed = {key: _typed(value) for key, value in attributes.items()}
    function = jax.ffi.ffi_call(target, list(outputs), input_output_aliases=aliases, vmap_method="sequential")
    return tuple(function(*operands, **typed, threads=np.int64(_THREADS.get())))


def function(name: str, arguments: Sequence[Any]) -> Callable[..., int]:
    """The library's ``lamina_NAME``, to be called without XLA, with ``arguments`` of these types of ctypes.

    It gives an int32. LaminaError where there is no library, or not that function in it.

    >>> function("ffi_version", ())() > 0 if usable() else True
    True
    """
    found = _function(name, *_wishes())
    found.argtypes, found.restype = tuple(arguments), ctypes.c_int32
    return found


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Within it, what is traced calls the library with that many threads; 0 means as many as XLA's pool has.

    The results are the same to the bit whatever the number.

    >>> with threads(1):
    ...     compiled = jax.jit(lambda x: x)
    """
    before = _THREADS.set(count)
    try:
        yield
    finally:
        _THREADS.reset(before)


@contextmanager
def kept_out(out: bool = True) -> Iterator[None]:
    """Within it, what is traced runs on the JAX forms of all operations, where ``out`` is true.

    >>> with kept_out():
    ...     usable()
    False
    """
    before = _KEPT_OUT.set(out or _KEPT_OUT.get())
    try:
        yield
    finally:
        _KEPT_OUT.reset(before)


def _wishes() -> tuple[str, str]:
    """The choice and the file that the environment asks for."""
    choice = os.environ.get("LAMINA_NATIVE", "")
    return "" if choice == "1" else choice, os.environ.get("LAMINA_NATIVE_LIBRARY", "")


@cache
def _open(choice: str, file: str) -> _Opened:
    """The library for a choice that makes sense: the first that can be used, else the reasons against each."""
    refusals = []
    for library in [choice] if choice else _named_in(file) or list(NEEDS):
        place = Path(file or FOLDER)
        path = place / f"liblamina_{library}.so" if place.is_dir() or not file else place
        reason = _unsuitable(library) or _incomplete(path) or _forbidden(library)
        opened = reason or _load(library, path)
        if not isinstance(opened, str):
            why = f"LAMINA_NATIVE is {choice}" if choice else "the best of those that can be used here"
            return _Opened(Status(library, "; ".join([why, *refusals])), opened)
        refusals.append(f"not {library}: {opened}")
    if not file and not any(FOLDER.glob("*.so")):
        refusals = ["none was built when Lamina was installed (no C++ compiler, or it failed)"]
    return _Opened(Status(None, "; ".join(refusals)))


def _named_in(file: str) -> list[str]:
    """The instruction set in a file's name, when there is one."""
    return [library for library in NEEDS if library in Path(file).name]


def _unsuitable(library: str) -> str:
    """Why the processor can't run a library; nothing if it can.

    Known before the library is opened: once open, its first instruction might end the process.
    """
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "AMD64"):
        return f"it is for x86-64 on Linux, this is {platform.machine()} on {platform.system()}"
    lacking = [flag for flag in NEEDS[library] if flag not in _processor_flags()]
    return f"this processor has no {', '.join(lacking)}" if lacking else ""


def _forbidden(library: str) -> str:
    """Why the operating system doesn't let this process run a library; nothing if it does.

    Linux gives the tiles of AMX to a process that asks for them, all its threads, and not before (since 5.16).
    """
    refused = _ask_for_tiles() if library == "amx" else 0
    return f"the operating system refuses its tiles ({os.strerror(refused)})" if refused else ""


def _ask_for_tiles() -> int:
    """0, or the number of the error."""
    system = ctypes.CDLL(None, use_errno=True).syscall
    system.argtypes, system.restype = [ctypes.c_long] * 3, ctypes.c_long
    return ctypes.get_errno() if system(_ARCH_PRCTL, _ARCH_REQ_XCOMP_PERM, _XTILEDATA) else 0


@cache
def _processor_flags() -> frozenset[str]:
    """What the processor can do and the operating system lets it."""
    try:
        text = Path("/proc/cpuinfo").read_text(errors="replace")
    except OSError:
        return frozenset()
    found = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    return frozenset(found[1].split() if found else ())


def _incomplete(path: Path) -> str:
    """Why a file is no whole library for this processor; nothing if it is. Opening half a library ends the process.

    The table of sections, which the header points to, is the last thing in the file (ELF-64 specification, figure 1-1).
    """
    if path.parent == FOLDER and not path.exists():
        return "it was not built (a compiler may not know its instructions)"
    try:
        with path.open("rb") as stream:
            head = stream.read(64)
            size = stream.seek(0, os.SEEK_END)
    except OSError as error:
        return f"{path} can't be read ({error.strerror})"
    if len(head) < 64 or head[:6] != b"\x7fELF\x02\x01":
        return f"{path} is no library"
    machine, sections, entry, count = struct.unpack("<18xH20xQ10x2H2x", head)
    if machine != _EM_X86_64:
        return f"{path} was built for another processor"
    return f"{path} is cut short" if sections + entry * count > size else ""


def _load(library: str, path: Path) -> ctypes.CDLL | str:
    """The library, opened, or why it is refused."""
    try:
        functions = ctypes.CDLL(str(path))
        built = int(functions.lamina_ffi_version())
    except (OSError, AttributeError) as error:
        return f"{path} can't be opened ({error})"
    return _too_new(built, _ffi_version()) or functions


def _too_new(built: int, runs: int | None) -> str:
    """Why a library built against one version of XLA's interface can't be called by another; nothing if it can.

    XLA takes a handler of a newer version without complaint, and then its CPU doesn't start.

    >>> _too_new(3, 3), _too_new(3, 5)
    ('', '')
    >>> _too_new(5, 3)
    'it was built for version 0.5 of the XLA FFI, and this jaxlib speaks 0.3'
    """
    if runs is None:
        return "the version of this jaxlib's XLA FFI can't be told"
    if built // 1000 == runs // 1000 and built <= runs:
        return ""
    return (
        f"it was built for version {built // 1000}.{built % 1000} of the XLA FFI, "
        f"and this jaxlib speaks {runs // 1000}.{runs % 1000}"
    )


@cache
def _ffi_version() -> int | None:
    """The version of XLA's interface that the installed jaxlib speaks, major * 1000 + minor, from its own header."""
    try:
        header = Path(jax.ffi.include_dir(), "xla", "ffi", "api", "c_api.h").read_text()
    except OSError:
        return None
    found = dict(re.findall(r"#define XLA_FFI_API_(MAJOR|MINOR) (\d+)", header))
    return int(found["MAJOR"]) * 1000 + int(found["MINOR"]) if len(found) == 2 else None


@cache
def _register(name: str, choice: str, file: str) -> str:
    """Makes a function of the library known to XLA, once; under which name.

    The library is part of the name: a compiled program kept on disk asks for the function that it was compiled with.
    """
    function = _function(name, choice, file)
    target = ".".join(filter(None, (f"lamina_{name}", _open(choice, file).status.library, file)))
    jax.ffi.register_ffi_target(target, jax.ffi.pycapsule(function), platform="cpu")
    return target


def _function(name: str, choice: str, file: str) -> Any:
    """The library's ``lamina_NAME``, anew each time: what one caller says of its arguments is not another's."""
    opened = _open(choice, file) if usable() else _Opened(status())
    if opened.functions is None:
        raise LaminaError(f"There is no native kernel here: {opened.status.reason}.", mend="ask native.usable() first")
    try:
        return opened.functions[f"lamina_{name}"]
    except AttributeError:
        raise LaminaError(
            f"The {opened.status.library} library has no lamina_{name}.",
            expected="A library built from the same source as this package.",
            mend="make native, or LAMINA_NATIVE=0",
        ) from None


def _typed(value: Any) -> Any:
    """An attribute as the handler reads it.

    >>> _typed(3), _typed(True), _typed((1, 2))
    (np.int64(3), np.True_, array([1, 2]))
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return np.bool_(value)
    if isinstance(value, int):
        return np.int64(value)
    if isinstance(value, float):
        return np.float32(value)
    return np.asarray(value, np.int64)
