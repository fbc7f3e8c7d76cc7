"""The device: what a training computes on, set up before JAX is first used."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from lamina.allowance import cores
from lamina.errors import OptionError
from lamina.training.compiler import give_back_after_compiling, keep_free_memory_together


def prepare(device: str | None = None, threads: int | None = None) -> tuple[str, int]:
    """Set JAX up before its first use and say what there is: the platform and how many of its devices to use.

    On a CPU every core that may be used becomes a JAX device. OptionError where the device isn't there or the number of
    threads is not from 1.
    """
    if threads is not None and threads < 1:
        raise OptionError(f"The number of threads is {threads}.", expected="A whole number from 1.", mend="--threads 1")
    import jax

    wanted = min(threads or cores(), cores())
    keep_free_memory_together(wanted)
    try:
        jax.config.update("jax_num_cpu_devices", wanted)
    except RuntimeError:
        pass  # JAX is in use already, with the devices it has.
    with _bounded(wanted):
        platform = {"gpu": "gpu", "cuda": "gpu", "cpu": "cpu", None: jax.default_backend()}.get(device)
    try:
        found = jax.devices(platform) if platform else []
    except RuntimeError:
        found = []
    if not found or platform is None:
        expected = f"One of: {', '.join(sorted({'cpu', jax.default_backend()}))}."
        raise OptionError(f"There is no device {device!r} here.", expected=expected, mend="--device cpu")
    jax.config.update("jax_default_device", found[0])
    give_back_after_compiling()
    return platform, min(wanted, len(found)) if platform == "cpu" else 1


def answer_at_once() -> None:
    """Where JAX is not in use yet: its CPU computes on the thread that asks, not on one that must wake up first.

    An answer to one example waits 25 microseconds less (33 to 8). A training, which :func:`prepare` sets up, doesn't
    wait at all; one that follows in the same process finds its devices.
    """
    import jax

    try:
        jax.config.update("jax_num_cpu_devices", cores())
    except RuntimeError:
        return  # JAX is in use already.
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    with _bounded(cores()):
        jax.devices()


@contextlib.contextmanager
def _bounded(threads: int) -> Iterator[None]:
    """Within it, the CPU starts with so many threads inside its operations: of itself it knows no quota."""
    if "PJRT_NPROC" in os.environ:
        yield
        return
    os.environ["PJRT_NPROC"] = str(threads)
    try:
        yield
    finally:
        del os.environ["PJRT_NPROC"]
