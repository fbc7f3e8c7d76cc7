"""Whether the Lamina that is installed here trains, and with its native kernels where the processor can run them."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import lamina
from lamina import doctor
from lamina.kernels import native


def main() -> None:
    assert Path(lamina.__file__).is_relative_to(sys.prefix), f"{lamina.__file__} is not the installed one"
    kernels = doctor.kernels()
    print(f"Python {platform.python_version()}, JAX {doctor.version('jax')}: {kernels}", flush=True)
    if "avx2" in doctor.vector_instructions():
        assert kernels.get("checked") == "XLA runs them"
    settings = lamina.Settings(networks=("conv 8, pool, dense 32",), epochs=8)
    run = lamina.train("sample:digits", settings=settings, place=lamina.Place(runs=Path("runs")))
    print(run.verdict.sentence)
    called = native._register.cache_info().currsize - 1  # but for the doctor's probe
    print(f"{called} kernels of the library were compiled into it.")
    assert called > 0 or not native.usable()


if __name__ == "__main__":
    main()
