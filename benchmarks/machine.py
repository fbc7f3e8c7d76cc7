"""The machine that a benchmark ran on, as a line of text: processor, cores, load, versions."""

from __future__ import annotations

import os

from lamina.provenance import versions


def busy() -> str:
    """What else the machine did: its load in processes that wanted to run, over the last minute."""
    return f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"


def described() -> str:
    """Where this is measured; the load is what it is at this moment."""
    found = versions()
    packages = ", ".join(f"{name} {found[name]}" for name in ("lamina", "jax", "numpy", "scikit-learn", "duckdb"))
    return f"{found['processor']}, {found['cores']} cores, {busy()}, Python {found['python']}, {packages}"
