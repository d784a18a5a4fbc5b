"""Makes a directory of programs what another one is: all of it, or none as far as a directory allows.

Everything is written beside its place first, where a full disk hurts nobody, and so is a copy of what it replaces. Then
come the renames, and last the removals. What fails in the middle is undone by renaming the copies back. A supervisor
sees each rename at once, so it may have acted on some by then; whoever gets the error is told.
"""

from __future__ import annotations

import fcntl
import os

from ncolony.core.errors import ConfigError, OSFailure, Refused
from ncolony.directory.files import Content, Gone, read
from ncolony.directory.writing import write_beside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


PLAIN = 0o644
NO_MODES: Mapping[str, int] = {}


class Replacement:
    """The change of one directory, which nobody else changes in this way meanwhile."""

    def __init__(self, directory: str) -> None:
        """Take the directory. Raises :class:`Refused` where somebody else has it, and :class:`ConfigError`."""
        self._directory = directory
        try:
            self._fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise ConfigError(f"cannot change {directory!r}: {error.strerror}") from None
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._fd)
            raise Refused(f"cannot change {directory!r}: another apply is at it; try again when that is done") from None

    def close(self) -> None:
        """Let go of it."""
        os.close(self._fd)

    def carry_out(
        self, before: Mapping[str, bytes], after: Mapping[str, bytes], modes: Mapping[str, int] = NO_MODES
    ) -> list[str]:
        """Have ``after`` in the directory in the place of ``before``, by name; return the names that were changed.

        ``modes`` are those of new files; who may read or write what is replaced stays as it is.
        Raises :class:`Refused` where a file is not as ``before`` has it, :class:`ConfigError` or :class:`OSFailure`
        where it cannot be done; everything is as it was then, or the message says what is not.
        """
        changed = [name for name in sorted(after) if before.get(name) != after[name]]
        gone = [name for name in sorted(before) if name not in after]
        beside: dict[str, str] = {}
        copies: dict[str, str] = {}
        try:
            for name in changed:
                beside[name] = write_beside(
                    self._path(name), after[name], durable=True, mode=modes.get(name, PLAIN) & PLAIN
                )
            for name in (*changed, *gone):
                if name in before:
                    copies[name] = write_beside(self._path(name), before[name], durable=False)
            self._rename(before, beside, gone, copies)
        except OSError as error:
            words = f"cannot change {self._directory!r}: {error.strerror}; everything is as it was"
            raise ConfigError(words) if isinstance(error, PermissionError) else OSFailure(words) from None
        finally:
            for path in (*beside.values(), *copies.values()):
                _discard(path)
        return [*changed, *gone]

    def _rename(
        self, before: Mapping[str, bytes], beside: Mapping[str, str], gone: list[str], copies: Mapping[str, str]
    ) -> None:
        done: list[str] = []
        try:
            for name in (*beside, *gone):
                self._see_to_it(name, before.get(name))
                if name in beside:
                    os.rename(beside[name], self._path(name))
                else:
                    os.unlink(self._path(name))
                done.append(name)
            os.fsync(self._fd)
        except (OSError, Refused) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            self._put_back(done, copies, str(why))
            raise

    def _see_to_it(self, name: str, wanted: bytes | None) -> None:
        """Raise Refused where a file is not as it was when the plan was made."""
        found = read(self._path(name))
        if (found.data if isinstance(found, Content) else None) != wanted or (
            wanted is None and not isinstance(found, Gone)
        ):
            raise Refused(f"{self._path(name)!r} was changed meanwhile; everything is as it was before: plan again")

    def _put_back(self, done: list[str], copies: Mapping[str, str], why: str) -> None:
        left = []
        for name in reversed(done):
            try:
                if name in copies:
                    os.rename(copies[name], self._path(name))
                else:
                    os.unlink(self._path(name))
            except OSError:
                left.append(name)
        if left:
            raise OSFailure(
                f"cannot change all of {self._directory!r}: {why}; {', '.join(sorted(left))} could not be put back, the"
                " rest is as it was"
            )

    def _path(self, name: str) -> str:
        return f"{self._directory}/{name}"


def _discard(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # it has been renamed to where it belongs
