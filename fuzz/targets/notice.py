"""A datagram on the notify socket: whatever a process says of itself, it is heard in part or not at all."""

from fuzz.common import dictionary, is_one_line
from ncolony.core import notices
from ncolony.core.launch import Outfit
from ncolony.core.probespec import Beat, HealthRule, Reports, Signs
from ncolony.core.program import Program, ReadyRule
from ncolony.runtime.supervisor import Supervisor
from ncolony.runtime.vitals import Vitals
from ncolony.testing import FakeChannels, FakeSpawner, MemorySink, VirtualLoop

WORDS = dictionary(
    "READY=1", "STATUS=", "WATCHDOG=1", "WATCHDOG=trigger", "WATCHDOG_USEC=", "EXTEND_TIMEOUT_USEC=", "MAINPID=",
    "RELOADING=1", "STOPPING=1", "ERRNO=", "BUSERROR=", "EXIT_STATUS=", "FDSTORE=1", "FDSTOREREMOVE=1", "FDNAME=",
    "MONOTONIC_USEC=", "BARRIER=1", "\n", "18446744073709551615", "-1", "\u0664",
)  # fmt: skip


class _Silent:
    """Reporting that is not asked anything."""

    def outfit(self, *_):
        return Outfit()

    def _nothing(self, *_, **__):
        """Take note of nothing."""

    spawned = alive = ended = forget = _nothing


class _Prober:
    def prepare(self, *_):
        return self

    def chance(self):
        return 0.5

    def begin(self, done):
        done("")

    def cancel(self):
        """Have nothing to cancel."""

    def output(self):
        return ""


def one_input(data):
    """Take a message as the supervisor does."""
    data = data[: notices.MAX_BYTES]
    said = notices.read(data)
    assert all(isinstance(part, str) for pair in said.items() for part in pair)
    for value in said.values():
        assert (seconds := notices.seconds(value)) is None or 0 <= seconds <= notices.MAX_SECONDS
        assert (number := notices.number(value)) is None or 0 <= number < 10**10
        assert is_one_line(notices.in_line(value))
        assert notices.name_of(value).isascii()
    _tell(said)


def _tell(said):
    loop = VirtualLoop()
    supervisor = Supervisor(loop, FakeSpawner(loop), FakeChannels(MemorySink()), colony="c", inherit={}, observers=[])
    vitals = Vitals(loop, supervisor, _Prober(), lambda _: _Silent())
    supervisor.observe(vitals)
    supervisor.outfitter = vitals
    program = Program(
        name="web", args=("web",), ready=ReadyRule(by=Signs("notify")), reports=Reports(notify=True, watchdog=1.0),
        health=HealthRule(probe=Beat("beats")),
    )  # fmt: skip
    supervisor.apply({"web": program})
    loop.settle()
    (view,) = supervisor.snapshot("web")
    vitals.told("web", 1, view.run, said, None)
    loop.advance(2.0)
    vitals.told("web", 1, view.run, said, view.pid)
    for value in vitals.about("web", 1).values():
        assert not isinstance(value, str) or is_one_line(value)
