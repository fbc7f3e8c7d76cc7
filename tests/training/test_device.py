"""The device that a training computes on is as large as the process may use."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
from lamina.training.device import prepare
found = prepare(None, {threads})
import jax, os
from pathlib import Path
pool = [task for task in Path("/proc/self/task").glob("*/comm") if "XLAEigen" in task.read_text()]
print(*found, len(jax.devices()), len(pool), os.environ.get("PJRT_NPROC"))
"""


def prepared(threads: int | None = None) -> list[str]:
    command = [sys.executable, "-c", PROGRAM.format(threads=threads)]
    there = {name: of for name, of in os.environ.items() if name != "PJRT_NPROC"}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=there).stdout.split()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted as Linux lists them")
def test_threads_bound_the_devices_and_what_works_inside_an_operation() -> None:
    assert prepared(threads=1) == ["cpu", "1", "1", "1", "None"]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux alone has it")
def test_the_affinity_bounds_the_devices() -> None:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert prepared()[:3] == ["cpu", "1", "1"]
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.slow
def test_who_only_answers_leaves_a_later_training_its_devices() -> None:
    program = "from lamina.training.device import answer_at_once, prepare; answer_at_once(); print(*prepare())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["cpu", prepared()[1]]
