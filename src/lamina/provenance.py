"""Provenance: with what, on what and by which command something was made."""

from __future__ import annotations

import platform
import shlex
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


def versions() -> dict[str, Any]:
    """What this is run with: versions, platform, processor, cores."""
    from lamina.allowance import cores

    found = {name: _version(name) for name in ("lamina", "jax", "jaxlib", "numpy", "scikit-learn", "duckdb")}
    return {
        **found,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": cores(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def command() -> str:
    """The command that repeats this run, as one line for a shell."""
    if Path(sys.argv[0]).name == "lamina":
        return shlex.join(["lamina", *sys.argv[1:]])
    return "lamina.train(...) in Python"
