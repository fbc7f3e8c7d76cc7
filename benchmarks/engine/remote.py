"""Contenders in processes of their own, started once, that wait for a line: what a library keeps per process (its
threads, its backend) stays there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.engine.cores import allowed
from benchmarks.engine.row import Peer, Row

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
ROOT = Path(__file__).parents[2]


class PeerFailed(RuntimeError):
    """A peer could not be had; the message is the reason, as it gave it."""


class Remote:
    """One process of `worker.py`."""

    def __init__(self, row: Row, peer: Peer, data: Path, *, at: int, cores: list[int]) -> None:
        words = [row.name, peer.name, str(data), str(at), ",".join(map(str, cores))]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.engine.worker", *words],
            cwd=ROOT,
            env={**os.environ, **environment(peer, len(cores))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, *words: str | int) -> None:
        assert self.process.stdin
        try:
            print(*words, file=self.process.stdin, flush=True)
        except BrokenPipeError:
            pass  # the answer says why

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        found = json.loads(line) if line else {"failed": f"its process ended ({self.process.wait()})"}
        if "failed" in found:
            raise PeerFailed(found["failed"])
        return found

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def environment(peer: Peer, cores: int) -> dict[str, str]:
    """What must be said before a library is imported."""
    found = {name: str(cores) for name in THREADS}
    if "backend" in peer.options:
        found["KERAS_BACKEND"] = peer.options["backend"]
    return found


class Team:
    """A peer's processes together: one on all cores, or several with a core each. The time is that of the slowest."""

    def __init__(self, row: Row, peer: Peer, data: Path) -> None:
        cores, count = allowed(), peer.processes
        mine = [cores[-peer.cores :]] if count == 1 else [[cores[at % len(cores)]] for at in range(count)]
        self.members = peer.members * count
        self.each = [Remote(row, peer, data, at=at, cores=mine[at]) for at in range(count)]
        try:
            self.notes = "; ".join(dict.fromkeys(each.answer()["notes"] for each in self.each))
        except PeerFailed:
            self.close()
            raise

    def run(self, steps: int) -> float:
        started = time.perf_counter()
        for each in self.each:
            each.ask("run", steps)
        costs = [each.answer()["cost"] for each in self.each]
        return time.perf_counter() - started if len(costs) > 1 else costs[0]

    def accuracy(self) -> float:
        for each in self.each:
            each.ask("accuracy")
        return float(np.mean([each.answer()["accuracy"] for each in self.each]))

    def close(self) -> None:
        for each in self.each:
            each.close()
