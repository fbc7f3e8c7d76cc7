"""What this machine has, what is installed, and what runs fast here and why: plain values that the terminal prints."""

from __future__ import annotations

import os
import platform
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("jax", "jaxlib", "optax", "numpy", "scikit-learn", "duckdb", "safetensors", "pillow")
EXTRAS = {
    "arro3-io": 'Arrow and Feather files: pip install "lamina[arrow]"',
    "pyarrow": "frames and files of Arrow",
    "pandas": "frames of pandas",
    "polars": "frames of polars",
    "soundfile": 'recordings: pip install "lamina[audio]"',
    "onnx": 'export to ONNX: pip install "lamina[onnx]"',
    "tensorboard": 'export to TensorBoard: pip install "lamina[tensorboard]"',
    "mlflow-skinny": 'export to MLflow: pip install "lamina[mlflow]"',
}
VECTORS = ("sse4_2", "avx2", "fma", "avx512f", "avx512_bf16", "amx_tile", "amx_bf16", "asimd", "sve")

BY_XLA = "through XLA, with gradients written by hand (XLA's own are slow in a loop on a CPU)"
KERNELS_NEED = (
    "GCC 11 or Clang 14 or newer on x86-64 Linux with AVX2, then install Lamina again "
    "(pip install --force-reinstall --no-deps -v says what the compiler says)"
)


def examine() -> dict[str, dict[str, Any]]:
    """Everything, by topic. Takes a few seconds: it starts JAX and times one matrix product.

    >>> list(examine())
    ['versions', 'machine', 'devices', 'cache', 'kernels', 'speed', 'extras']
    """
    return {
        "versions": versions(),
        "machine": machine(),
        "devices": devices(),
        "cache": cache(),
        "kernels": kernels(),
        "speed": speed(),
        "extras": extras(),
    }


def versions() -> dict[str, str]:
    """The versions of Lamina, of Python and of what Lamina stands on."""
    found = {name: version(name) or "not installed" for name in PACKAGES}
    return {"lamina": version("lamina") or "not installed", "python": platform.python_version(), **found}


def version(package: str) -> str | None:
    """The version of an installed package, or None. Nothing is imported."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def machine() -> dict[str, Any]:
    """The platform, the processor with the vector instructions it has, the cores and the memory that one may use."""
    return {
        "platform": platform.platform(),
        "processor": processor(),
        "vector instructions": ", ".join(vector_instructions()) or "unknown",
        "cores": cores(),
        "memory": memory(),
    }


def processor(cpuinfo: str | None = None) -> str:
    """The processor's name.

    >>> processor("model name\\t: A Processor 9000")
    'A Processor 9000'
    """
    for line in (_cpuinfo() if cpuinfo is None else cpuinfo).splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model"):
            return value.strip()
    return platform.processor() or platform.machine()


def vector_instructions(cpuinfo: str | None = None) -> list[str]:
    """The vector instructions that the processor has and that kernels care about.

    >>> vector_instructions("flags\\t\\t: fpu sse4_2 avx2 fma")
    ['sse4_2', 'avx2', 'fma']
    """
    for line in (_cpuinfo() if cpuinfo is None else cpuinfo).splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("flags", "Features"):
            has = set(value.split())
            return [flag for flag in VECTORS if flag in has]
    return []


def _cpuinfo() -> str:
    return _read(Path("/proc/cpuinfo"))


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def cores() -> str:
    """How many cores there are, and how many of them this process may use.

    A container may be allowed fewer than there are: by affinity or by a quota.
    """
    from lamina.allowance import cores as usable

    there, may = os.cpu_count() or 1, usable()
    quota = cpu_quota(_read(Path("/sys/fs/cgroup/cpu.max")))
    limited = f", limited to {quota:g} by the container" if quota is not None and quota < may else ""
    return f"{may} of {there}{limited}"


def cpu_quota(text: str) -> float | None:
    """The cores that a control group allows, from its cpu.max; None where it allows all.

    >>> cpu_quota("150000 100000"), cpu_quota("max 100000")
    (1.5, None)
    """
    parts = text.split()
    return int(parts[0]) / int(parts[1]) if len(parts) == 2 and parts[0].isdigit() else None


def memory() -> str:
    """The memory of the machine, or what its container allows, in GiB."""
    try:
        there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on Windows
        return "unknown"
    limit = _read(Path("/sys/fs/cgroup/memory.max")).strip()
    allowed = int(limit) if limit.isdigit() and int(limit) < there else None
    return f"{there / 2**30:.1f} GiB" + (f", limited to {allowed / 2**30:.1f} GiB by the container" if allowed else "")


def devices() -> dict[str, str]:
    """What JAX can compute on, by platform, and how the platform that Lamina takes was chosen."""
    import jax

    from lamina.training.device import prepare

    prepare()
    found = {}
    for name in dict.fromkeys((jax.default_backend(), "cpu")):
        each = jax.devices(name)
        found[name] = f"{len(each)} x {each[0].device_kind}"
    found["default"] = jax.default_backend()
    return found


def cache() -> dict[str, Any]:
    """Where compiled programs are kept between runs, how many there are and how large they are."""
    import jax

    from lamina.training.cache import keep_compiled_programs

    refused = keep_compiled_programs()
    if refused:
        return {"compiled programs": refused}
    folder = Path(str(jax.config.jax_compilation_cache_dir))  # pyright: ignore[reportAttributeAccessIssue]
    sizes = [file.stat().st_size for file in folder.glob("[!.]*") if file.is_file()] if folder.is_dir() else []
    return {
        "compiled programs": str(folder),
        "files": len(sizes),
        "size": f"{sum(sizes) / 2**20:.1f} MiB",
        "to empty it": f"delete {folder}",
    }


def kernels() -> dict[str, str]:
    """Which native kernels are in use and why, whether XLA really runs them, and what it takes to have them."""
    from lamina.allowance import cores as usable
    from lamina.kernels import native

    status = native.status()
    found = {"in use": status.library or "none: all runs on JAX, more slowly", "why": status.reason}
    if status.library is None:
        off = os.environ.get("LAMINA_NATIVE")
        return found | {"to have them": "unset LAMINA_NATIVE" if off else KERNELS_NEED}
    bfloat16 = "native products on AMX" if native.has_tiles() else "rounded by XLA, no faster than float32 on a CPU"
    return found | {
        "checked": _probed(),
        "threads": f"up to {usable()} inside an operation",
        "bfloat16": bfloat16,
    }


def _probed() -> str:
    """Whether XLA runs what is in the library: it adds one to some numbers."""
    import jax
    import numpy as np

    from lamina.kernels import native

    x = np.arange(10_000, dtype=np.float32)
    with jax.default_device(jax.devices("cpu")[0]):
        (y,) = native.call("probe", [jax.ShapeDtypeStruct(x.shape, x.dtype)], jax.numpy.asarray(x))
    return "XLA runs them" if np.array_equal(y, x + 1) else "broken: the library does not compute what it should"


def speed() -> dict[str, str]:
    """What is fast here and why."""
    import jax

    from lamina.kernels import native

    on_cpu = jax.default_backend() == "cpu"
    fast = on_cpu and native.status().library is not None
    members = "one member at a time on each core" if on_cpu else "all members at once on the GPU"
    return {
        "matrix product": f"{matrix_product():.0f} GFLOP/s (float32, NumPy, all cores)",
        "populations": f"compiled into one program, {members}",
        "convolution, pooling": "native kernels where they apply, else XLA" if fast else BY_XLA,
        "second training": "recipes with other numbers, and shapes seen before, start without compiling",
    }


def matrix_product(side: int = 1024, repeats: int = 3) -> float:
    """The best of some products of two float32 matrices of that side, in 10^9 operations a second."""
    import numpy as np

    matrix = np.ones((side, side), np.float32)
    best = float("inf")
    for _ in range(repeats):
        began = time.perf_counter()
        np.matmul(matrix, matrix)
        best = min(best, time.perf_counter() - began)
    return 2 * side**3 / best / 1e9


def extras() -> dict[str, str]:
    """What is installed beside, or what installing it would add."""
    found = {name: version(name) for name in EXTRAS}
    return {name: found[name] or f"not installed ({EXTRAS[name]})" for name in EXTRAS} | {"environment": sys.prefix}
