"""posix_spawn of the C library; what every way to start a process promises is tried in test_spawn.py."""

import os

import pytest

from ncolony.posix.freely import FEW, Spawner
from ncolony.posix.plainly import spawn

FILES = ((0, 0), (1, 1), (2, 2))


@pytest.fixture(scope="module")
def spawner():
    """The C library's."""
    return Spawner()


def status_of(pid):
    """Wait, and return the exit status."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize(
    ("path", "args", "env"),
    [
        ("/nonexistent", ("x",), {}),
        ("/etc", ("x",), {}),
        ("/bin/true\0", ("x",), {}),
        ("/bin/true", ("x\0y",), {}),
        ("/bin/true", ("x",), {"A": "\0"}),
        ("/bin/true", ("x",), {"": "1"}),
        ("/bin/true", ("x",), {"A=B": "1"}),
        ("/bin/true", ("x" * (1 << 18),), {}),
    ],
    ids=["missing", "folder", "path", "argument", "value", "no name", "name", "too long"],
)
def test_it_fails_as_python_s_own_does(spawner, path, args, env):
    """With the same error, and the same words."""
    with pytest.raises((OSError, ValueError)) as own:
        spawn(path, args, env, FILES)
    with pytest.raises(type(own.value)) as found:
        spawner(path, args, env, FILES)
    if isinstance(own.value, OSError):
        assert found.value.errno == own.value.errno
    else:
        assert str(found.value) == str(own.value)


def test_any_number_of_arguments_and_variables_arrives(spawner):
    """Where a list fills its array to the last place, and where it just does not, too."""
    for count in range(1, 70):
        script = f'test $# = {count} && test "$(env | grep -c ^N_)" = {count}'
        env = {"PATH": os.defpath} | {f"N_{number}": "é" for number in range(count)}
        assert status_of(spawner("/bin/sh", ("sh", "-c", script, "sh", *["x"] * count), env, FILES)) == 0


def test_what_it_keeps_is_bounded(spawner):
    """File actions are kept for the same descriptors again, not for all that there ever were."""
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3, 3 + 2 * FEW):
        assert status_of(spawner("/bin/true", ("true",), {}, ((null, number),))) == 0
    os.close(null)
    assert len(spawner._kept) <= FEW
