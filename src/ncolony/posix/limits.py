"""Puts limits on this process, in the launcher: what a program's ``limits`` say, or an error that says why not.

Nothing is ever passed over: a limit that cannot be put in force is why a program cannot start.
"""

from __future__ import annotations

import os
import resource

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    Limits = Mapping[str, Any]  # what core/limits.py holds, in plain numbers and tuples; see handing.py

RLIMITS = ("as", "core", "cpu", "data", "fsize", "memlock", "msgqueue", "nofile", "nproc", "rss", "rtprio", "rttime",
           "sigpending", "stack")  # fmt: skip
IO_CLASSES = {"realtime": 1, "best-effort": 2, "idle": 3}
CLASS_SHIFT = 13
WHO_PROCESS = 1
# ioprio_set has no wrapper in the C library, and its number is each machine's own.
IOPRIO_SET = {"x86_64": 251, "i686": 289, "i386": 289, "aarch64": 30, "riscv64": 30, "loongarch64": 30, "armv7l": 314,
              "armv6l": 314, "ppc64le": 273, "ppc64": 273, "s390x": 282, "mips64": 5273}  # fmt: skip


def take_rights(limits: Limits) -> None:
    """Do all that may need rights: whatever is not a resource limit, and raising hard limits. Raises OSError."""
    for name, act in _ACTS.items():
        if name in limits:
            act(limits[name])
    for name in RLIMITS:
        if name in limits:
            _raise_hard(name, limits[name][1])


def lower_files(soft: int) -> None:
    """Put back the soft limit on open files that the supervisor was started with."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


def settle(limits: Limits) -> None:
    """Put resource limits in force; little can be done under them but to execute the program. Raises OSError."""
    for name in RLIMITS:
        if name in limits:
            _set(name, *limits[name])


def _number(name: str) -> int:
    number = getattr(resource, f"RLIMIT_{name.upper()}", None)
    if not isinstance(number, int):
        raise OSError(f"cannot set {name}: this system has no such limit")
    return number


def _raise_hard(name: str, hard: int | None) -> None:
    number = _number(name)
    soft_now, hard_now = resource.getrlimit(number)
    if hard is None or not _is_above(hard, hard_now):
        return
    try:
        resource.setrlimit(number, (soft_now, hard))
    except (OSError, ValueError):
        raise OSError(f"cannot set {name} to {_shown(hard)}: {_ceiling(name, hard, hard_now)}") from None


def _set(name: str, soft: int | None, hard: int | None) -> None:
    number = _number(name)
    soft_now, hard_now = resource.getrlimit(number)
    hard = hard_now if hard is None else hard
    if soft is None:
        soft = hard if _is_above(soft_now, hard) else soft_now
    elif _is_above(soft, hard):
        raise OSError(f"cannot set {name} to {_shown(soft)}: {_ceiling(name, soft, hard)}")
    try:
        resource.setrlimit(number, (soft, hard))
    except (OSError, ValueError) as error:
        raise OSError(f"cannot set {name} to {_shown(soft)}: {error}") from None


def _is_above(one: int, other: int) -> bool:
    return other != resource.RLIM_INFINITY and (one == resource.RLIM_INFINITY or one > other)


def _ceiling(name: str, value: int, hard: int) -> str:
    if name == "nofile":
        most = _kernels_most_files()
        if most is not None and _is_above(value, most):
            return f"above what the kernel allows, {most} (fs.nr_open)"
    return f"above the hard limit {_shown(hard)}"


def _kernels_most_files() -> int | None:
    try:
        with open("/proc/sys/fs/nr_open", encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None


def _shown(value: int) -> str:
    return "unlimited" if value == resource.RLIM_INFINITY else str(value)


# What is no resource limit ------------------------------------------------------------------------------------------


def _set_nice(value: int) -> None:
    try:
        os.setpriority(os.PRIO_PROCESS, 0, value)
    except OSError as error:
        now = os.getpriority(os.PRIO_PROCESS, 0)
        why = f"no right to go below {now}" if value < now else error.strerror
        raise OSError(f"cannot set nice to {value}: {why}") from None


def _set_oom_score_adj(value: int) -> None:
    path = "/proc/self/oom_score_adj"
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(str(value))
    except PermissionError:
        raise OSError(f"cannot set oom_score_adj to {value}: no right to lower it") from None
    except OSError as error:
        raise OSError(f"cannot set oom_score_adj to {value}: {error.strerror}") from None


def _set_cpu_affinity(wanted: tuple[int, ...]) -> None:
    allowed: set[int] = set()
    try:
        os.sched_setaffinity(0, wanted)
        allowed = os.sched_getaffinity(0)
    except OSError:
        pass
    missing = sorted(set(wanted) - allowed)  # the kernel takes what it can of a set, and says nothing of the rest
    if missing:
        raise OSError(f"cannot set cpu_affinity to {list(wanted)}: no such cpu, or not allowed here: {missing}")


def _set_io(wanted: tuple[str, int]) -> None:
    kind, level = wanted
    words = f"cannot set io to {kind}" if kind == "idle" else f"cannot set io to {kind}, level {level}"
    number = IOPRIO_SET.get(os.uname().machine)
    if number is None:
        raise OSError(f"{words}: not known how, on a machine of the kind {os.uname().machine}")
    import ctypes

    priority = IO_CLASSES[kind] << CLASS_SHIFT | (0 if kind == "idle" else level)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(number, WHO_PROCESS, 0, priority) != 0:
        code = ctypes.get_errno()
        why = "no right to this class" if isinstance(OSError(code, ""), PermissionError) else os.strerror(code)
        raise OSError(f"{words}: {why}")


_ACTS: dict[str, Callable[[Any], None]] = {
    "nice": _set_nice,
    "oom_score_adj": _set_oom_score_adj,
    "cpu_affinity": _set_cpu_affinity,
    "io": _set_io,
}
