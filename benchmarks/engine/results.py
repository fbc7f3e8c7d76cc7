"""Outcomes kept from call to call: a JSON file, merged by row, each with where and when it was measured."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("lamina", "jax", "jaxlib", "numpy", "torch", "keras", "onnxruntime", "scikit-learn")
FILE = Path(__file__).parents[1] / "results" / "engine.json"


def kept(path: Path) -> dict[str, Any]:
    """The outcomes by row."""
    return json.loads(path.read_text())["rows"] if path.exists() else {}


def keep(path: Path, found: dict[str, Any], order: list[str]) -> None:
    """Write all outcomes, in the table's order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = {name: rounded(found[name]) for name in order if name in found}
    path.write_text(json.dumps({"rows": rows}, indent=1) + "\n")


def rounded(value: Any) -> Any:
    """Floats to six significant figures, throughout."""
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def where() -> dict[str, Any]:
    """The machine, its load now, the versions and the date."""
    from lamina.provenance import versions

    found = versions()
    names = ("processor", "cores", "python", "platform")
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        **{name: found[name] for name in names},
        "versions": {name: _version(name) for name in PACKAGES},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
