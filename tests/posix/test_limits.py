"""What a program's limits say holds for its process, or is why there is none."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from ncolony.core.limits import BEST_EFFORT, IDLE, REALTIME, IoPriority, Limit, Limits
from ncolony.posix.limits import IOPRIO_SET, RLIMITS
from tests.posix.conftest import OTHER, as_root

# What a process is limited to, as it sees it itself.
REPORT = """
import ctypes, json, os, resource, sys
names = [name for name in dir(resource) if name[:7] == "RLIMIT_"]
found = {name[7:].lower(): resource.getrlimit(getattr(resource, name)) for name in names}
found["nice"] = os.getpriority(os.PRIO_PROCESS, 0)
found["oom_score_adj"] = int(open("/proc/self/oom_score_adj").read())
found["cpu_affinity"] = sorted(os.sched_getaffinity(0))
found["io"] = ctypes.CDLL(None).syscall(int(sys.argv[1]), 1, 0)
print(json.dumps(found))
"""
IOPRIO_GET = IOPRIO_SET.get(os.uname().machine, 0) + 1
CPUS = sorted(os.sched_getaffinity(0))
NOFILE = resource.getrlimit(resource.RLIMIT_NOFILE)
STRANGER = {"uid": OTHER, "gid": OTHER}
OWN_NICE = os.nice(0)
OWN_SCORE = int(Path("/proc/self/oom_score_adj").read_text())


def can_raise():
    """Tell whether this user may raise hard limits: even root may lack the right in a container."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard + 1))
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    except (OSError, ValueError):
        return False
    return True


with_rights = pytest.mark.skipif(not can_raise(), reason="needs the right to raise hard limits")


def found(bench, limits, **more):
    """Start a program with limits and return what holds for it."""
    (line,) = bench.says(sys.executable, "-c", REPORT, str(IOPRIO_GET), limits=limits, **more)
    return json.loads(line)


def failure(bench, limits, **more):
    """Return why a program with limits cannot be started."""
    return bench.spawn("true", limits=limits, **more).over().failure


LOWER = {
    "as": 2**33, "core": 0, "cpu": 3600, "data": 2**33, "fsize": 2**20, "memlock": 4096, "msgqueue": 4096, "nofile": 64,
    "nproc": 4000, "rss": 2**33, "rtprio": 0, "rttime": 10**6, "sigpending": 100, "stack": 2**20,
}  # fmt: skip


@pytest.mark.parametrize("name", RLIMITS)
def test_a_resource_limit_holds_for_the_program(bench, name):
    """Each by its name, soft and hard."""
    field = "as_" if name == "as" else name
    assert found(bench, Limits(**{field: Limit(LOWER[name], LOWER[name])}))[name] == [LOWER[name], LOWER[name]]


def test_every_limit_has_its_name_in_two_places_and_they_agree():
    """The record's fields and the list that the launcher goes by."""
    others = {"nice", "oom_score_adj", "cpu_affinity", "io"}
    assert {name.rstrip("_") for name in Limits.__match_args__} == {*RLIMITS, *others}


@pytest.mark.parametrize(
    ("limit", "holds"),
    [
        (Limit(soft=50), [50, NOFILE[1]]),
        (Limit(soft=50, hard=60), [50, 60]),
        (Limit(hard=60), [60, 60]),
        (Limit(hard=NOFILE[1]), list(NOFILE)),
        (Limit(), list(NOFILE)),
    ],
)
def test_soft_and_hard_may_be_given_alone(bench, limit, holds):
    """What is left out stays as it was, unless the soft limit would be above the hard one."""
    assert found(bench, Limits(nofile=limit))["nofile"] == holds


def test_several_limits_hold_together(bench):
    """None undoes another."""
    limits = Limits(core=Limit(0, 0), nofile=Limit(40, 40), nice=5, oom_score_adj=700, io=IoPriority(IDLE))
    holds = found(bench, limits)
    assert [holds[name] for name in ("core", "nofile", "nice", "oom_score_adj")] == [[0, 0], [40, 40], 5, 700]


def test_priority_affinity_and_score_are_the_declared_ones(bench):
    """Bug 17: whatever the supervisor's own are."""
    limits = Limits(nice=7, oom_score_adj=321, cpu_affinity=(CPUS[-1],))
    os_nice = os.getpriority(os.PRIO_PROCESS, 0)
    holds = found(bench, limits)
    assert (holds["nice"], holds["oom_score_adj"], holds["cpu_affinity"]) == (7, 321, [CPUS[-1]])
    assert os.getpriority(os.PRIO_PROCESS, 0) == os_nice
    assert sorted(os.sched_getaffinity(0)) == CPUS


@pytest.mark.skipif(IOPRIO_GET == 1, reason="not known how to ask for it on this machine")
@pytest.mark.parametrize(
    ("io", "holds"),
    [
        (IoPriority(IDLE), 3 << 13),
        (IoPriority(BEST_EFFORT, 7), 2 << 13 | 7),
        (IoPriority(BEST_EFFORT), 2 << 13 | 4),
        pytest.param(IoPriority(REALTIME, 1), 1 << 13 | 1, marks=as_root),
    ],
)
def test_the_priority_for_disks_is_the_declared_one(bench, io, holds):
    """Class and level, as the kernel has them in one number."""
    assert found(bench, Limits(io=io))["io"] == holds


@as_root
def test_rights_are_used_before_they_are_given_up(bench):
    """A program of another user may have what only root can give it."""
    limits = Limits(nice=-5, nofile=Limit(100, 200))
    assert bench.says("sh", "-c", "nice; ulimit -Sn; ulimit -Hn", limits=limits, **STRANGER) == ["-5", "100", "200"]


@with_rights
def test_a_program_may_be_the_last_to_be_killed_for_memory(bench):
    """Lowering it takes the same right as raising a hard limit."""
    score = max(OWN_SCORE - 100, -1000)
    assert bench.says("cat", "/proc/self/oom_score_adj", limits=Limits(oom_score_adj=score), **STRANGER) == [str(score)]


@with_rights
def test_a_hard_limit_is_raised_where_that_is_allowed(bench):
    """Raised with rights, for a user without any."""
    more = NOFILE[1] + 1
    limits = Limits(nofile=Limit(50, more))
    assert bench.says("sh", "-c", "ulimit -Sn; ulimit -Hn", limits=limits, **STRANGER) == ["50", str(more)]


@pytest.mark.skipif(can_raise(), reason="this user may raise hard limits")
def test_a_limit_above_the_hard_one_is_a_failed_start(bench):
    """Bug 32: the reason in words, not a crash of the program, and never passed over."""
    more = NOFILE[1] + 1
    why = f"cannot set nofile to {more}: above the hard limit {NOFILE[1]}"
    assert failure(bench, Limits(nofile=Limit(more, more))) == why
    assert failure(bench, Limits(nofile=Limit(soft=more))) == why


# Puts limits on itself after it has given up all rights, as a supervisor without rights would.
HUMBLE = """
import ctypes, json, os, resource, sys
from ncolony.posix import limits
resource.setrlimit(resource.RLIMIT_CORE, (0, 4096))
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(54321)
    os.setuid(54321)
wanted = json.loads(sys.argv[1])
try:
    limits.take_rights(wanted)
    limits.settle(wanted)
except OSError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        ({"core": [8192, 8192]}, "cannot set core to 8192: above the hard limit 4096"),
        ({"core": [-1, None]}, "cannot set core to unlimited: above the hard limit 4096"),
        ({"core": [8192, None]}, "cannot set core to 8192: above the hard limit 4096"),
        ({"nice": OWN_NICE - 1}, f"cannot set nice to {OWN_NICE - 1}: no right to go below {OWN_NICE}"),
        ({"oom_score_adj": OWN_SCORE - 1}, f"cannot set oom_score_adj to {OWN_SCORE - 1}: no right to lower it"),
        ({"io": ["realtime", 0]}, "cannot set io to realtime, level 0: no right to this class"),
        ({"core": [4096, 4096], "nice": min(OWN_NICE + 1, 19), "io": ["idle", 4]}, ""),
    ],
)
def test_what_needs_rights_says_so(limits, why):
    """Bug 32: a supervisor without rights cannot give them."""
    command = [sys.executable, "-c", HUMBLE, json.dumps(limits)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == why


@as_root
def test_more_files_than_the_kernel_allows_says_so(bench):
    """Bug 32: not even root can have more."""
    most = int(Path("/proc/sys/fs/nr_open").read_text())
    why = failure(bench, Limits(nofile=Limit(most + 1, most + 1)))
    assert why == f"cannot set nofile to {most + 1}: above what the kernel allows, {most} (fs.nr_open)"


def test_a_cpu_that_is_not_there_says_so(bench):
    """Bug 32: the kernel takes the others and says nothing."""
    why = failure(bench, Limits(cpu_affinity=(CPUS[0], 8000)))
    assert why == f"cannot set cpu_affinity to [{CPUS[0]}, 8000]: no such cpu, or not allowed here: [8000]"


def test_too_little_memory_to_execute_anything_is_a_failed_start(bench):
    """The launcher itself is under the limit for a moment; whatever comes of it, somebody hears of it."""
    run = bench.spawn("true", limits=Limits(as_=Limit(4096, 4096))).over()
    assert [type(fact).__name__ for fact in run.facts] in (["SpawnFailed"], ["Spawned", "Ended"])


def test_no_limits_need_no_launcher(bench):
    """Started through a launcher only where the plain spawn cannot do it."""
    assert bench.spawn("true").kinds[:1], "a plain spawn tells at once"
    assert not bench.spawn("true", limits=Limits(nice=1)).kinds, "a launcher tells later"
