"""What a process may use is what the narrowest of all limits leaves it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lamina.allowance import cores, free_memory

System = Callable[..., Path]


@pytest.fixture
def system(tmp_path: Path) -> System:
    """A file system that says of itself what a test says: paths and their contents."""

    def written(**files: str) -> Path:
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("DOT", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return written


@pytest.fixture(autouse=True)
def _nothing_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PJRT_NPROC", raising=False)


MEMINFO = "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 800 kB\n"
TOP = "sys__fs__cgroup__"


def test_without_limits_it_is_what_the_machine_has_left(system: System) -> None:
    assert free_memory(system(proc__meminfo=MEMINFO)) == 800 * 1024


def test_a_system_that_says_nothing_is_not_guessed_at(tmp_path: Path) -> None:
    assert free_memory(tmp_path) is None


@pytest.mark.parametrize("where", ["jobs__mine__", "jobs__", ""])
def test_a_control_group_of_version_2_and_those_around_it_count(system: System, where: str) -> None:
    group = f"{TOP}{where}"
    root = system(
        proc__meminfo=MEMINFO,
        proc__self__cgroup="0::/jobs/mine\n",
        **{
            f"{group}memoryDOTmax": "500000",
            f"{group}memoryDOTcurrent": "400000",
            f"{group}memoryDOTstat": "anon 1\ninactive_file 30000\n",
        },
    )
    assert free_memory(root) == 500_000 - 400_000 + 30_000


def test_a_control_group_of_version_1_counts_too(system: System) -> None:
    group = f"{TOP}memory__here__"
    root = system(
        proc__meminfo=MEMINFO,
        proc__self__cgroup="4:memory:/here\n0::/\n",
        **{
            f"{group}memoryDOTlimit_in_bytes": "300000",
            f"{group}memoryDOTusage_in_bytes": "100000",
            f"{group}memoryDOTstat": "total_inactive_file 0",
        },
    )
    assert free_memory(root) == 200_000


def test_no_limit_is_none(system: System) -> None:
    root = system(proc__meminfo=MEMINFO, proc__self__cgroup="0::/\n", **{f"{TOP}memoryDOTmax": "max"})
    assert free_memory(root) == 800 * 1024


def test_more_in_use_than_allowed_is_nothing_free(system: System) -> None:
    files = {f"{TOP}memoryDOTmax": "1000", f"{TOP}memoryDOTcurrent": "5000"}
    assert free_memory(system(proc__self__cgroup="0::/\n", **files)) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_a_limit_on_the_address_space_counts() -> None:
    program = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30));"
        "from lamina.allowance import free_memory; print(free_memory())"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert 2**28 < int(found.stdout) < 2**30


@pytest.mark.parametrize(
    ("quota", "most"), [("max 100000", 99), ("150000 100000", 2), ("120000 100000", 1), ("10000 100000", 1)]
)
def test_a_quota_is_rounded_to_cores(system: System, quota: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(99)), raising=False)
    assert cores(system(proc__self__cgroup="0::/\n", **{f"{TOP}cpuDOTmax": quota})) == most


def test_a_quota_of_version_1_counts(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(99)), raising=False)
    group = f"{TOP}cpu__here__cpuDOTcfs_"
    files = {f"{group}quota_us": "400000", f"{group}period_us": "100000"}
    root = system(proc__self__cgroup="7:cpu,cpuacct:/here\n", **files)
    assert cores(root) == 4
    assert cores(system(**{f"{group}quota_us": "-1"})) == 99


def test_affinity_and_pjrt_nproc_are_respected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(7)), raising=False)
    assert cores(tmp_path) == 7
    monkeypatch.setenv("PJRT_NPROC", "3")
    assert cores(tmp_path) == 3
    monkeypatch.setenv("PJRT_NPROC", "many")
    assert cores(tmp_path) == 7
