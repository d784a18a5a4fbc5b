"""What a process is started with: its environment, worked out from its program."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ncolony.core.program import Program

# What a service manager tells the supervisor alone. Passed on, a program would report its readiness, answer a watchdog
# or take over sockets in the supervisor's name.
NOT_FOR_CHILDREN = frozenset((
    "JOURNAL_STREAM", "LISTEN_FDNAMES", "LISTEN_FDS", "LISTEN_PID", "LISTEN_PIDFDID", "MAINPID", "MANAGERPID",
    "NOTIFY_SOCKET", "SYSTEMD_EXEC_PID", "WATCHDOG_PID", "WATCHDOG_USEC",
))  # fmt: skip

CONF_DIR = "NCOLONY_CONF_DIR"  # paths in a program's own keys may be relative to it


def inherited(environ: Mapping[str, str], config: str = "") -> dict[str, str]:
    """Return what of the supervisor's environment programs may get, and where their files are, where that is known."""
    found = {name: value for name, value in environ.items() if name not in NOT_FOR_CHILDREN}
    return {**found, CONF_DIR: config} if config else found


def environment(
    program: Program, number: int, mark: str, inherit: Mapping[str, str], read: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the whole environment of one process.

    ``inherit``: from :func:`inherited`; ``read``: what its ``env_files`` hold; ``mark`` goes into NCOLONY_RUN and is
    like no other run's.
    """
    if program.env_inherit is None:
        env = dict(inherit)
    else:
        env = {name: inherit[name] for name in program.env_inherit if name in inherit}
    if read:
        env.update(read)
    env.update(program.env)
    env["NCOLONY_CONFIG"] = program.text
    env["NCOLONY_NAME"] = program.name
    env["NCOLONY_INSTANCE"] = str(number)
    env["NCOLONY_RUN"] = mark
    if CONF_DIR in inherit:
        env[CONF_DIR] = inherit[CONF_DIR]
    return env
