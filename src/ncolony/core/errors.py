"""The errors of NColony, by whose fault they are.

* :class:`ConfigError`: the author of a file or of a command line. The message names what to change.
* :class:`Refused`: the caller asked for what cannot be done now.
* :class:`OSFailure`: the world: no such file, no permission, no room.
* :class:`ImpossibleInput`: ours. A fact arrived in a state where it cannot happen; never caught and passed over.
"""

from __future__ import annotations


class NColonyError(Exception):
    """The root of all errors that NColony raises on purpose."""


class ConfigError(NColonyError):
    """A file or an option cannot be used; its author has to change it."""


class Refused(NColonyError):
    """A request cannot be carried out as things stand; the caller is told why."""


class NoSuch(Refused):
    """What is asked about is not there: no such program, instance or label."""


class Taken(Refused):
    """Another supervisor has the colony."""


class OSFailure(NColonyError):
    """The operating system refused something that NColony needs."""


class ImpossibleInput(NColonyError):
    """A fact came in a state in which it cannot happen: a bug of NColony."""
