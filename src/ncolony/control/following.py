"""The verb ``events``: what has happened, and what happens from now on.

A follower is a number: the next event that it has not got. It is asked for more when its socket has room; what is not
remembered any more by then is a gap. So nothing is kept for anybody, and no follower can hold up another.
"""

from __future__ import annotations

from ncolony.control.calls import a_part
from ncolony.control.messages import done, encode
from ncolony.control.status import targets_of
from ncolony.control.story import REFUSED, STATE, TAKEN_OVER
from ncolony.control.targets import Filter
from ncolony.posix.targets import timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ncolony.control.calls import Call, World
    from ncolony.control.story import Story

PIECE = 100  # events at a time
TEXTS = 512  # events whose text is kept for the next who asks
_STATE = ("before", "state", "cause", "want", "held", "pid", "run", "attempt", "status")
_MORE = {STATE: _STATE, TAKEN_OVER: ("state", "pid", "run"), REFUSED: ("cause",)}


def follow(world: World, call: Call) -> None:
    """Tell what has happened since, and go on unless it is not asked for."""
    since, names = call.arguments.get("since"), call.arguments.get("names")
    wanted = None
    if isinstance(names, tuple) and names:
        targets_of(world, call, reading=True)  # names that mean nothing are told at once
        wanted = Filter(world.supervisor.programs, names)
    after = since if isinstance(since, int) else world.story.last
    follower = Follower(world.story, call, after + 1, wanted)
    if call.arguments.get("follow", True):
        follower.go_on()
    call.stream(follower)


class Follower:
    """One client that follows (a Source)."""

    def __init__(self, story: Story, call: Call, first: int, wanted: Filter | None) -> None:
        """Begin with event number ``first``, and tell of what is ``wanted``; None: of everything."""
        self._story, self._call, self._wanted = story, call, wanted
        self._next = min(first, story.last + 1)
        self.follows = False
        self.done = False

    def go_on(self) -> None:
        """Tell of what is still to come."""
        self.follows = True
        self._story.followers[self._call] = None

    def pull(self) -> bytes:
        """Return the next events that it wants to hear of."""
        pieces = []
        first = self._story.first()
        if self._next < first:
            pieces.append(a_part(self._call, f'"gap":[{self._next},{first - 1}]'))
            self._next = first
        while not pieces and self._next <= self._story.last:
            until = min(self._story.last + 1, self._next + PIECE)
            pieces += (self._line(number) for number in range(self._next, until) if self._wants(number))
            self._next = until
        if not self.follows and self._next > self._story.last:
            self.done = True
            pieces.append(done(self._call.id, f'"next":{self._story.last}'))
        return b"".join(pieces)

    def close(self) -> None:
        """Follow no more."""
        self._story.followers.pop(self._call, None)

    def _wants(self, number: int) -> bool:
        if self._wanted is None:
            return True
        entry = self._story.event(number)
        return self._wanted.wants(entry[2], entry[3])

    def _line(self, number: int) -> bytes:
        texts = self._story.texts
        text = texts.get(number)
        if text is None:
            if len(texts) >= TEXTS:
                texts.clear()
            text = texts[number] = _text(self._story, number)
        return a_part(self._call, text)


def _text(story: Story, number: int) -> str:
    """Return the inside of an event's JSON object."""
    at, kind, program, instance, of, line, *more = story.event(number)
    said: dict[str, object] = {"event": number, "at": timestamp(at), "kind": kind}
    if program:
        said["program"] = program
    if instance:
        said |= {"instance": instance, "of": of}
    said |= zip(_MORE.get(kind, ()), more, strict=False)
    if kind == STATE and said["cause"] != "ended":
        del said["status"]
    said["text"] = line
    return encode(said)[1:-1]
