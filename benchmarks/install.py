"""How large an installation is: a fresh environment with Lamina and all that it needs at run time, no extras.

    python benchmarks/install.py

Counts every file that pip installed, less what a bare environment has. 1 MB is 1,000,000 bytes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from collections import Counter
from importlib.metadata import PackagePath, distributions
from pathlib import Path

from machine import described

CHECKOUT = Path(__file__).resolve().parents[1]
LIMIT = 750


def main() -> None:
    print(described(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        site = Path(folder) / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
        bare = sizes(site)
        python = str(Path(folder) / "bin" / "python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-input", str(CHECKOUT)], check=True)
        added = Counter(sizes(site))
        added.subtract(bare)
        compiled = sum(file.stat().st_size for file in site.rglob("*.pyc"))
    print(table(added))
    print(f"Of this and of pip, {compiled / 1e6:.0f} MB are byte-compiled files. At most {LIMIT} MB are wanted.")


def sizes(site: Path) -> dict[str, int]:
    """Bytes of each package, byte-compiled files too."""
    return {found.name: sum(map(size, found.files or ())) for found in distributions(path=[str(site)])}


def size(file: PackagePath) -> int:
    path = Path(str(file.locate()))
    return path.stat().st_size if path.is_file() else 0


def table(added: Counter[str]) -> str:
    """The ten largest packages and the sum of all."""
    lines = [f"| {name} | {size / 1e6:.0f} |" for name, size in added.most_common(10)]
    packages = sum(size > 0 for size in added.values())
    return "\n".join(["| package | MB |", "|---|---|", *lines, f"| all {packages} | {added.total() / 1e6:.0f} |"])


if __name__ == "__main__":
    main()
