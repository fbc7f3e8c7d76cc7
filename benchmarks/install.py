"""How large an installation is: a fresh environment with Lamina and all that it needs at run time, no extras.

    python benchmarks/install.py

Counts every file of site-packages, byte-compiled ones too, less what a bare environment has. 1 MB is 1,000,000 bytes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from machine import described

CHECKOUT = Path(__file__).resolve().parents[1]


def main() -> None:
    print(described())
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        site = Path(folder) / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
        bare = sizes(site)
        python = str(Path(folder) / "bin" / "python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", str(CHECKOUT)], check=True)
        print(table(sizes(site), bare))


def sizes(site: Path) -> dict[str, int]:
    """Bytes of each package: what lies in site-packages under one name."""
    found: dict[str, int] = {}
    for file in site.rglob("*"):
        if file.is_file() and not file.is_symlink():
            name = file.relative_to(site).parts[0].split("-")[0].removesuffix(".libs")
            found[name] = found.get(name, 0) + file.stat().st_size
    return found


def table(now: dict[str, int], bare: dict[str, int]) -> str:
    """The sum, and the ten largest."""
    added = {name: size - bare.get(name, 0) for name, size in now.items()}
    largest = sorted(added.items(), key=lambda item: -item[1])[:10]
    lines = ["| package | MB |", "|---|---|", *(f"| {name} | {size / 1e6:.0f} |" for name, size in largest)]
    return "\n".join([*lines, f"| all {len(added)} | {sum(added.values()) / 1e6:.0f} |"])


if __name__ == "__main__":
    main()
