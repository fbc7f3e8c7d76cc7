"""The compiler of JAX's programs on a CPU: what it is asked to do without, and the memory that it leaves behind."""

from __future__ import annotations

import ctypes
import functools
from typing import Any

COMPILED = "/jax/core/compile/backend_compile_duration"  # what JAX tells behind each compilation
LONG = 0.1  # seconds of a compilation that leave memory worth giving back

_M_ARENA_MAX = -8  # malloc.h
_BRIEF = {"xla_cpu_use_fusion_emitters": False}


@functools.cache
def brief() -> dict[str, bool]:
    """Options for a CPU program whose work is done by native kernels: what is left of it compiles in half the time.

    XLA's fusions then don't pass through MLIR, which takes a hundred megabytes more and makes some of them faster, some
    slower. jaxlib 0.12 doesn't know the option, and there is none.
    """
    import jax

    try:
        jax.jit(lambda: 0, compiler_options=_BRIEF).lower().compile()
    except jax.errors.JaxRuntimeError:
        return {}
    return _BRIEF


@functools.cache
def keep_free_memory_together(places: int) -> None:
    """From now on, threads that are new take memory from so many places at most, where what is free waits.

    The C library would make up to eight for each core, and each thread of the compiler would leave its own behind. With
    one for each core none waits for another. Nothing happens where the library has no such door (glibc's mallopt).
    """
    try:
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, places)
    except (AttributeError, OSError, TypeError):
        return


@functools.cache
def give_back_after_compiling() -> None:
    """From now on, what a long compilation leaves behind goes back to the system before its program runs.

    The C library would keep it, some 80 MB behind a convolutional network, in pieces that training can't use. Nothing
    happens where the library has no such door (glibc's malloc_trim).
    """
    import jax

    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return

    def _behind(event: str, duration_secs: float, **_: Any) -> None:
        if event == COMPILED and duration_secs > LONG:
            trim(0)

    jax.monitoring.register_event_duration_secs_listener(_behind)
