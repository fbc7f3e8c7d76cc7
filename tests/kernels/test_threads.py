"""The tests of every kernel's threads once more, with more of them than many machines have cores."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_four_threads(forms, tmp_path: Path) -> None:
    """XLA's pool has as many threads as the process says when it starts: hence a process of its own."""
    here = Path(__file__)
    command = [sys.executable, "-m", "pytest", "-q", "-k", "threads", "-p", "no:cacheprovider"]
    command += ["--basetemp", str(tmp_path / "inner"), "--ignore", str(here), str(here.parent)]
    # All libraries, whatever this run was told to use.
    environment = {k: v for k, v in os.environ.items() if k != "LAMINA_NATIVE"} | {"PJRT_NPROC": "4"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=here.parents[2], check=False)
    said = done.stdout[-3000:] + done.stderr[-1000:]
    assert done.returncode == 0, said
    assert " passed" in said
    assert " skipped" not in said or "amx" not in forms.libraries
