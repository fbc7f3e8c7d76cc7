"""The allowance: what this process may use of the machine it runs on, its cores and its memory.

A container, a batch system or a shell may allow less than there is: by affinity, by a control group of either version,
or by a limit on the address space.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")


def cores(root: Path = ROOT) -> int:
    """How many cores this process may use: those it may run on, fewer where a quota or PJRT_NPROC says so.

    >>> 1 <= cores() <= (os.cpu_count() or 1)
    True
    """
    try:
        there = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        there = os.cpu_count() or 1
    asked = os.environ.get("PJRT_NPROC", "")
    # A quota of 1.5 cores is spent on two threads: the second has half a core for itself.
    limits = [int(quota + 0.5) for quota in _quotas(root)] + ([int(asked)] if asked.isdigit() else [])
    return max(1, min([there, *limits]))


def _quotas(root: Path) -> Iterator[float]:
    """The cores' worth of time that each control group allows."""
    for group in _groups("cpu", root):
        allowed = _numbers(group / "cpu.max") or _numbers(group / "cpu.cfs_quota_us", group / "cpu.cfs_period_us")
        if len(allowed) == 2 and allowed[0] > 0 and allowed[1] > 0:
            yield allowed[0] / allowed[1]


def free_memory(root: Path = ROOT) -> int | None:
    """The bytes that this process may still take; None where the system doesn't say.

    The least of what the machine has left, of what each control group leaves (pages that only cache files count as
    free) and of what the limit on the address space leaves.
    """
    left = [*_machine(root), *_left_by_groups(root), *_address_space(root)]
    return max(0, min(left)) if left else None


def _machine(root: Path) -> Iterator[int]:
    for line in _read(root / "proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) * 1024


def _left_by_groups(root: Path) -> Iterator[int]:
    names = (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"))
    for group in _groups("memory", root):
        for limit, usage in names:
            found = _numbers(group / limit, group / usage)
            if len(found) == 2:
                yield found[0] - found[1] + _cached(group)


def _cached(group: Path) -> int:
    """The bytes of a control group that are files' pages not lately used: taken back when memory is short."""
    of = dict(line.split(" ", 1) for line in _read(group / "memory.stat").splitlines() if " " in line)
    return int(of.get("total_inactive_file") or of.get("inactive_file") or 0)


def _address_space(root: Path) -> Iterator[int]:
    with contextlib.suppress(ImportError):  # not on Windows
        import resource

        most, used = resource.getrlimit(resource.RLIMIT_AS)[0], _numbers(root / "proc/self/statm")
        if most != resource.RLIM_INFINITY and used:
            yield most - used[0] * resource.getpagesize()


def _groups(controller: str, root: Path) -> Iterator[Path]:
    """The folders of the control groups that this process is in, from the innermost outwards.

    In a container the path may be the host's, which isn't to be seen there: then the outermost folder is the
    container's own.
    """
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        top = root / "sys/fs/cgroup"
        mounts = [top / controller] if controller in names.split(",") else [] if names else [top, top / "unified"]
        for mount in mounts:
            inner = Path(path.lstrip("/"))
            yield from (mount / of for of in (inner, *inner.parents) if (mount / of).is_dir())


def _numbers(*files: Path) -> list[int]:
    """The whole numbers that stand in files; none at all where one of them has something else ("max") or isn't there.

    >>> _numbers(Path("/nowhere"))
    []
    """
    words = [word for file in files for word in _read(file).split() or ["none"]]
    numbers = [int(word) for word in words if word.lstrip("-").isdigit()]
    return numbers if len(numbers) == len(words) else []


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
