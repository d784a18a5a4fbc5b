"""Change a colony through its two directories: one function a deed, for programs and for ``ncolony ctl``.

A colony is a directory of programs' files and one of messages; :class:`Places` names both. Nothing here needs the
supervisor to be there: files written while it is away count when it comes. Whatever is written appears under its name
at once and whole, beside any number of other writers and readers, and survives a power cut as the old version or the
new one. Functions and signatures are those of NColony's earlier ``ctllib``, with more after them.

All of them raise :class:`ConfigError` where what was given cannot be used (a directory that is missing or closed to us
included), :class:`NoSuch` where there is no such program, and :class:`OSFailure` where the system fails us; nothing
was changed then. This module must not know how a command line looks.
"""

from __future__ import annotations

import json
import os
from collections import namedtuple
from collections.abc import Iterable, Mapping
from errno import EROFS

from ncolony.core.errors import ConfigError, NColonyError, NoSuch, OSFailure
from ncolony.core.names import check_name, is_ignored, nearest, quoted
from ncolony.core.parse import NotAnObject, Problem, parse, shown
from ncolony.core.record import record
from ncolony.directory.writing import unique, write_beside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NamedTuple

    from ncolony.core.check import Checked

    class Places(NamedTuple):
        """Where a colony is."""

        config: str | os.PathLike[str]
        messages: str | os.PathLike[str]

else:
    Places = namedtuple("Places", ["config", "messages"])  # noqa: PYI024 - typing costs a command 3 ms
    Places.__doc__ = "Where a colony is: its directory of programs' files, ``config``, and of ``messages``."


@record
class Description:
    """What a program's file says, as a supervisor reads it."""

    name: str
    text: str | None
    """The file as it is; None where it cannot be read."""
    value: dict[str, object] | None
    """The object in it; None where there is none."""
    problems: tuple[Problem, ...] = ()
    """Why a supervisor cannot use it; empty where it can."""
    warnings: tuple[str, ...] = ()


def add(  # noqa: PLR0913, PLR0917 - nine parameters are the old signature; the rest is one a key
    places: Places,
    name: str,
    cmd: str,
    args: Sequence[str] | None = None,
    env: Mapping[str, str] | Iterable[str] | None = None,
    uid: int | str | None = None,
    gid: int | str | None = None,
    extras: Mapping[str, object] | None = None,
    env_inherit: Sequence[str] | None = None,
    *,
    group: Sequence[str] | None = None,
    cwd: str | None = None,
    umask: str | None = None,
    instances: int | None = None,
    autostart: bool | None = None,
    restart: str | Mapping[str, object] | None = None,
    stop: Mapping[str, object] | None = None,
    schedule: float | str | Mapping[str, object] | None = None,
) -> tuple[str, ...]:
    """Describe the program ``name``, or describe it anew; None leaves a key out.

    ``env`` is a mapping, or strings like ``"NAME=VALUE"``. ``extras`` are keys besides: the program's own, or ours. The
    other parameters are the keys of the file. A file that is replaced keeps its mode, and its owner as far as we may
    give files away; a new one gets 0644 less the umask.

    Returns warnings: keys in ``extras`` that look like misspelt keys of ours. Raises :class:`ConfigError` with all that
    a supervisor would find wrong, before anything is written.
    """
    if isinstance(args, str):  # it would become an argument a letter
        raise ConfigError(f"cannot add {quoted(name)}: args: found {shown(args)}, wanted a list of strings")
    given = {
        "args": [cmd, *(args or ())],
        "env": env, "env_inherit": env_inherit, "uid": uid, "gid": gid, "group": group, "cwd": cwd, "umask": umask,
        "instances": instances, "autostart": autostart, "restart": restart, "stop": stop,
        "schedule": schedule,
    }  # fmt: skip
    text, warnings = _accepted(name, given, extras if extras is not None else {})
    _put(_folder(places.config), name, text, f"add {quoted(name)}", durable=True)
    return warnings


def remove(places: Places, name: str) -> None:
    """Remove the program ``name``; a supervisor stops it. Raises :class:`NoSuch` where there is none."""
    _on_file(places, name, "remove", os.unlink)


def restart(places: Places, name: str) -> None:
    """Ask for the program ``name`` to be restarted. Raises :class:`NoSuch` where there is none."""
    _on_file(places, name, "restart", os.stat)
    _send(places, f"restart {quoted(name)}", {"type": "RESTART", "name": name})


def restart_group(places: Places, group: str) -> None:
    """Ask for the programs that carry the label ``group`` to be restarted. Raises :class:`NoSuch` where none does."""
    labels = {label for name in names(places) for label in _labels(places, name)}
    if group not in labels:
        where = f"{quoted(os.fspath(places.config))} carries that label{_suggestion(group, sorted(labels))}"
        raise NoSuch(f"cannot restart the group {quoted(group)}: no program in {where}")
    _send(places, f"restart the group {quoted(group)}", {"type": "RESTART-GROUP", "group": group})


def restart_all(places: Places) -> None:
    """Ask for all programs to be restarted."""
    _send(places, "restart all programs", {"type": "RESTART-ALL"})


restartAll = restart_all  # noqa: N816 - the old name


def scale(places: Places, name: str, instances: int) -> None:
    """Have the program ``name`` run so many times: changes ``instances`` in its file, and nothing else in it.

    Raises :class:`NoSuch` where there is no such program, :class:`ConfigError` where its file cannot be used, or
    could not be used with that number.
    """
    from ncolony.core.edit import with_key

    _on_file(places, name, "scale", os.stat)
    described = read(places, name)
    if described.text is None or described.value is None:
        raise ConfigError(f"cannot scale {quoted(name)}: {'; '.join(map(str, described.problems))}")
    text = with_key(described.text, "instances", instances)
    problems = _checked(name, *parse(text.encode())).problems
    if problems:
        raise ConfigError(f"cannot scale {quoted(name)}: {'; '.join(map(str, problems))}")
    _put(_folder(places.config), name, text.encode(), f"scale {quoted(name)}", durable=True)


def upgrade(places: Places) -> None:
    """Ask the supervisor to become the version of NColony that is installed now; programs go on meanwhile."""
    _send(places, "upgrade the supervisor", {"type": "UPGRADE"})


def names(places: Places) -> list[str]:
    """Return the names of all files that a supervisor takes for programs, sorted, whether they can be used or not."""
    folder = _folder(places.config)
    try:
        return sorted(name for name in os.listdir(folder) if not is_ignored(name))
    except OSError as error:
        raise _failure("look for programs", folder, error) from error


def read(places: Places, name: str) -> Description:
    """Return what the file of ``name`` says and what is wrong with it. Raises :class:`NoSuch` where there is none."""
    from ncolony.directory import files

    found = files.read(_on_file(places, name, "show", os.stat))
    if not isinstance(found, files.Content):
        what = found.found if isinstance(found, files.Unreadable) else "nothing any more"
        return Description(name, None, None, (Problem("", what, "a file with one JSON object"),))
    try:
        text, value = parse(found.data)
    except NotAnObject as error:
        return Description(name, found.data.decode("utf-8", "replace"), None, (error.problem,))
    checked = _checked(name, text, value)
    return Description(name, text, value, checked.problems, checked.warnings)


def _checked(name: str, text: str, value: dict[str, object]) -> Checked:
    from ncolony.core.check import check  # a restart has no use for it, and 4 ms
    from ncolony.core.program import Defaults

    return check(name, text, value, Defaults())


def _accepted(name: str, given: Mapping[str, object], extras: Mapping[str, object]) -> tuple[bytes, tuple[str, ...]]:
    """Return the bytes of a file that a supervisor takes, and what it would warn of."""
    problems: list[Problem] = []
    keys = {key: _as_json(key, value, problems) for key, value in given.items() if value is not None}
    problems += [Problem(key, "it twice, by itself and in extras", "it once") for key in keys if key in extras]
    try:
        data = json.dumps({**keys, **extras}).encode("ascii") + b"\n"
        text, value = parse(data)
    except NotAnObject as error:
        problems.append(error.problem)
    except (TypeError, ValueError, RecursionError) as error:
        problems.append(Problem("", f"what JSON cannot hold ({error})", "strings, numbers, lists and objects"))
    else:
        checked = _checked(name, text, value)
        problems += checked.problems
        if not problems:
            return data, checked.warnings
    raise ConfigError(f"cannot add {quoted(name)}: {'; '.join(map(str, problems))}")


def _as_json(key: str, value: object, problems: list[Problem]) -> object:
    """Turn what callers like to give into what JSON has: mappings, tuples, and the variables of ``env`` as strings."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, str) or not isinstance(value, Iterable):
        return value
    items = list(value)
    if key != "env":
        return items
    problems += [Problem("env", shown(str(item)), "NAME=VALUE") for item in items if "=" not in str(item)]
    return dict(item.split("=", 1) for item in map(str, items) if "=" in item)


def _send(places: Places, doing: str, message: dict[str, str]) -> None:
    _put(_folder(places.messages), unique(), json.dumps(message).encode("ascii"), doing, durable=False)


def _put(folder: str, name: str, data: bytes, doing: str, *, durable: bool) -> None:
    """Make ``data`` the content of a file, at once: write it beside, under a name supervisors ignore, and rename it."""
    path = os.path.join(folder, name)
    try:
        beside = write_beside(path, data, durable=durable)
        try:
            os.rename(beside, path)
        except BaseException:
            os.unlink(beside)
            raise
    except OSError as error:
        raise _failure(doing, folder, error) from error


def _on_file(places: Places, name: str, doing: str, call: Callable[[str], object]) -> str:
    """Call with the path of a program's file and return it. The name is checked first, so it cannot lead elsewhere."""
    if problem := check_name(name):
        raise ConfigError(f"cannot {doing} {quoted(name)}: {problem}")
    folder = _folder(places.config)
    path = os.path.join(folder, name)
    try:
        call(path)
    except FileNotFoundError:
        hint = _suggestion(name, names(places))
        message = f"cannot {doing} {quoted(name)}: there is no program {quoted(name)} in {quoted(folder)}{hint}"
        raise NoSuch(message) from None
    except OSError as error:
        raise _failure(f"{doing} {quoted(name)}", folder, error) from error
    return path


def _labels(places: Places, name: str) -> list[str]:
    """Return a program's labels; none where its file cannot be used: whoever asks for a group cannot help that."""
    try:
        labels = (read(places, name).value or {}).get("group")
    except NColonyError:
        return []
    return [label for label in labels if isinstance(label, str)] if isinstance(labels, list) else []


def _folder(place: str | os.PathLike[str]) -> str:
    return os.fspath(place) or os.curdir  # as before


def _failure(doing: str, folder: str, error: OSError) -> NColonyError:
    where = quoted(folder)
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return ConfigError(f"cannot {doing}: there is no directory {where}; make it, or name another")
    why = os.strerror(error.errno or 0)
    if isinstance(error, PermissionError) or error.errno == EROFS:
        return OSFailure(f"cannot {doing}: {where}: {why}; do it as a user who may, or name another directory")
    return OSFailure(f"cannot {doing} in {where}: {why}; nothing was changed")


def _suggestion(wrong: str, known: list[str]) -> str:
    if near := nearest(wrong, known):
        return f"; did you mean {quoted(near)}?"
    few = ", ".join(map(quoted, known[:5]))
    return f"; there is {few}{' and more' if known[5:] else ''}" if few else "; there is none yet"
