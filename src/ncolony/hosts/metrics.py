"""Keeps a file of metrics fresh, for the textfile collector of a node exporter (a Companion).

The one thing in a supervisor that wakes up for nothing else: only where a colony asks for it.
"""

from __future__ import annotations

import os

from ncolony import __version__
from ncolony.control.metrics import Counted, all_families
from ncolony.core import events
from ncolony.core.openmetrics import pieces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ncolony.core.events import Event
    from ncolony.core.metrickeys import MetricsFile
    from ncolony.hosts.companions import World
    from ncolony.ports import Timer


class MetricsWriter:
    """One colony's file."""

    def __init__(self, world: World) -> None:
        """Write nothing before the colony says where to."""
        self._world = world
        self._spec: MetricsFile | None = None
        self._timer: Timer | None = None
        self._said = ""

    def saw(self, event: Event) -> None:
        """Note where to write to, and begin in the next turn."""
        if isinstance(event, events.ColonyDescribed) and event.spec.metrics != self._spec:
            self._rest()
            self._remove()
            self._spec = event.spec.metrics
            if self._spec is not None:
                self._arm(self._world.loop.now())

    def _arm(self, when: float) -> None:
        self._timer = self._world.loop.call_at(when, lambda: self._write(when))

    def _write(self, due: float) -> None:
        world, now = self._world, self._world.loop.now()
        counted = Counted(
            supervisor=world.supervisor,
            story=world.story,
            outputs=world.outputs,
            about=world.about,
            version=__version__,
            now=now,
            lag=now - due,
        )
        self._go_on(pieces(all_families(counted), classic=True), due, "w")

    def _go_on(self, texts: Iterator[str], due: float, mode: str) -> None:
        """Write one more piece, a turn of the loop each, as a thousand programs are some thousand lines."""
        spec, loop = self._spec, self._world.loop
        if spec is None:
            return
        text = next(texts, "")
        try:
            if text:
                with open(f"{spec.file}.new", mode, encoding="utf-8") as file:
                    file.write(text)
                self._timer = loop.call_at(loop.now(), lambda: self._go_on(texts, due, "a"))
                return
            os.replace(f"{spec.file}.new", spec.file)
            self._said = ""
        except OSError as error:
            again = f"it is tried again every {spec.every:g} s"
            self._complain(f"cannot write metrics to {spec.file!r}: {error.strerror}; {again}")
        self._arm(max(due + spec.every, loop.now()))

    def _complain(self, words: str) -> None:
        if words != self._said:
            self._said = words
            self._world.say(words)

    def _remove(self) -> None:
        """Leave no numbers behind that nobody keeps fresh."""
        if self._spec is not None:
            for name in (self._spec.file, f"{self._spec.file}.new"):
                try:
                    os.unlink(name)
                except OSError:
                    pass  # it is not there, or not ours to remove

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def about(self, name: str, number: int) -> Mapping[str, object]:  # noqa: ARG002 - it is the colony's
        """Return nothing: it is no matter of a slot (the Companion port)."""
        return {}

    def close(self) -> None:
        """Write no more; what was written stays where a successor goes on with it."""
        self._rest()
        if self._world.supervisor.closing:
            self._remove()
