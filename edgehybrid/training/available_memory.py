"""How much memory this process may have, as Linux says: of the machine, and of the control group that it runs in."""

from collections.abc import Iterator
from pathlib import Path


def available_bytes(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Bytes that this process may hold in all: those that it holds, and those that it can still get.

    What it can get is the smaller of

    - ``MemAvailable`` of /proc/meminfo, memory that is free or holds files that can be read again, and free swap;
    - in each control group from this process's own to the root that has a limit: the limit less what is used, files
      that can be read again not counted. Version 2 keeps them in memory.max, memory.current and memory.stat, version 1
      in memory.limit_in_bytes, memory.usage_in_bytes and memory.stat.

    None where there is no such /proc/meminfo: macOS, Windows.

    Args:
        proc, cgroups: where the kernel shows its figures.
    """
    try:
        machine = _figures(proc / "meminfo")
        process = _figures(proc / "self" / "status")
        left = machine["MemAvailable"] + machine["SwapFree"]
        held = process["VmRSS"]
    except (OSError, KeyError, ValueError):
        return None
    return 1024 * held + min([1024 * left, *_left_in_groups(proc / "self" / "cgroup", cgroups)])


def _left_in_groups(membership: Path, cgroups: Path) -> Iterator[int]:
    """What is left of each limit, bytes."""
    try:
        # hierarchy:controllers:path, one line a hierarchy; version 2 has number 0 and names no controllers.
        lines = [line.split(":", 2) for line in membership.read_text().splitlines()]
    except OSError:
        return
    for _, controllers, path in lines:
        if controllers == "":
            files, root = ("memory.max", "memory.current", ""), cgroups
        elif "memory" in controllers.split(","):
            files, root = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_"), cgroups / "memory"
        else:
            continue
        # Inside a container the path may be the host's, and only the root is there to see.
        own = root / path.strip("/")
        for group in (own, *(folder for folder in own.parents if folder == root or root in folder.parents)):
            limit, used, prefix = files
            try:
                stat = _figures(group / "memory.stat")
                files_bytes = stat[f"{prefix}active_file"] + stat[f"{prefix}inactive_file"]
                yield int((group / limit).read_text()) - int((group / used).read_text()) + files_bytes
            except (OSError, KeyError, ValueError):
                # No such group here, or "max": no limit.
                continue


def _figures(path: Path) -> dict[str, int]:
    """The number after each name at the beginning of a line; lines without one are passed over."""
    found = {}
    for line in path.read_text().splitlines():
        name, _, rest = line.replace(":", " ", 1).partition(" ")
        words = rest.split()
        if words and words[0].isdigit():
            found[name] = int(words[0])
    return found
