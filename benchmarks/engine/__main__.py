"""Every row of the engine's table in one command, each network beside its peers in the same run.

python -m benchmarks.engine DATA [--rows cnn,mlp-784-128] [--rounds 7] [--quick]
"""

from __future__ import annotations

import argparse
import json
import os
import runpy
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
if not __package__:  # python benchmarks/engine: this folder's own files must not be found under their bare names
    sys.path[0] = str(ROOT)
    runpy.run_module("benchmarks.engine", run_name="__main__", alter_sys=True)
    sys.exit()

from benchmarks.engine.results import FILE, keep, kept, where  # noqa: E402
from benchmarks.engine.row import Row  # noqa: E402
from benchmarks.engine.rows import ROWS  # noqa: E402
from benchmarks.engine.table import details, table  # noqa: E402


def main() -> None:
    options = asked()
    chosen = [row for row in ROWS if not options.rows or row.name in options.rows]
    found, names = kept(options.results), [row.name for row in ROWS]
    here = where()
    print(", ".join(f"{key} {value}" for key, value in here.items() if key != "versions"))
    print(", ".join(f"{name} {value}" for name, value in here["versions"].items()), flush=True)
    # Plans are measured in this run, not remembered from another state of the machine.
    own = tempfile.TemporaryDirectory()
    os.environ["XDG_CACHE_HOME"] = own.name
    for row in chosen:
        started = time.perf_counter()
        outcome = measured(row, options)
        found[row.name] = {**outcome, "where": where(), "quick": options.quick}
        keep(options.results, found, names)
        print(f"\n{row.title} ({row.name}, {time.perf_counter() - started:.0f} s)", *details(row, outcome), sep="\n")
        sys.stdout.flush()
    print(
        "", table((row, found[row.name]) for row in (chosen if options.rows else ROWS) if row.name in found), sep="\n"
    )


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder with a folder a data set (mnist, sign_language_digits)")
    parser.add_argument("--rows", type=names, default=[], help=f"some of: {', '.join(row.name for row in ROWS)}")
    parser.add_argument("--rounds", type=int, help="rounds of a row (7; quick 3)")
    parser.add_argument("--seconds", type=float, help="how long our part of a round takes (1; quick 0.3)")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds, without what compiles long")
    parser.add_argument("--results", type=Path, default=FILE, help="the JSON file to merge the outcomes into")
    parser.add_argument("--verbose", action="store_true", help="show what the libraries print")
    return parser.parse_args()


def names(text: str) -> list[str]:
    """Names of rows, separated by commas."""
    found, known = text.split(","), {row.name for row in ROWS}
    if strangers := [name for name in found if name not in known]:
        raise argparse.ArgumentTypeError(f"no rows {', '.join(strangers)}; there are {', '.join(sorted(known))}")
    return found


def measured(row: Row, options: argparse.Namespace) -> dict[str, Any]:
    """The outcome of a row, in a process of its own: its threads are its own, and a crash ends the row alone."""
    rounds = options.rounds or (3 if options.quick else row.rounds or 7)
    seconds = options.seconds or (0.3 if options.quick else 1.0)
    words = [row.name, str(options.data.resolve()), str(rounds), str(seconds), *["quick"][: options.quick]]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.engine.contest", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=None if options.verbose else subprocess.PIPE,
        text=True,
    )
    if done.returncode or not done.stdout.strip():
        why = (done.stderr or "").strip().rpartition("\n")[2]
        return {"name": row.name, "failed": f"its process ended with {done.returncode}: {why}"}
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
