"""Whole processes as contenders (`script.py`): the time from their start, or the memory that they take."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.engine.cores import available
from benchmarks.engine.remote import ROOT, PeerFailed, environment
from benchmarks.engine.row import Peer


class Errand:
    """One process a round, the number of the round being its seed.

    The peer's options: ``what`` and ``library`` for the script; ``warm``: whether Lamina finds the programs that an
    earlier round compiled.
    """

    members = 1

    def __init__(self, peer: Peer, data: Path) -> None:
        self.peer, self.data, self.round = peer, data, 0
        self.told: list[dict[str, Any]] = []
        self.cache = tempfile.TemporaryDirectory()

    @property
    def notes(self) -> str:
        """How many epochs each round took."""
        epochs = ", ".join(str(each["epochs"]) for each in self.told if "epochs" in each)
        return f"epochs {epochs}; test part read once a round, afterwards" if epochs else ""

    def reachable(self, steps: int) -> int:
        del steps
        return 1

    def run(self, steps: int) -> float:
        """Seconds until the script's first line, or the megabytes that it tells."""
        assert steps == 1, "a process is one step"
        if self.peer.options.get("warm") and not self.round:
            self._run(self.cache.name)
        self.round += 1
        with tempfile.TemporaryDirectory() as fresh:
            cache = self.cache.name if self.peer.options.get("warm") else fresh
            first, seconds, rest = self._run(cache)
        self.told.append(json.loads(rest or first))
        return self.told[-1].get("megabytes", seconds)

    def _run(self, cache: str) -> tuple[str, float, str]:
        """The first line, how long it was waited for, and the rest."""
        options = self.peer.options
        words = [options["what"], options["library"], str(self.data), str(self.round)]
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.engine.script", *words],
            cwd=ROOT,
            env={**os.environ, **environment(self.peer, available()), "XDG_CACHE_HOME": cache},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout
        first, seconds = process.stdout.readline(), time.perf_counter() - started
        rest = process.stdout.read()
        if process.wait() or not first:
            raise PeerFailed(f"its process ended with {process.returncode}")
        return first, seconds, rest

    def accuracy(self) -> float | None:
        """The mean over the rounds of the accuracy on the test part."""
        found = [each["test"] for each in self.told if "test" in each]
        return float(np.mean(found)) if found else None
