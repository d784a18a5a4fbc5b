"""The wall clock, and moments that outlive a process."""

import os
import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from ncolony.core.errors import OSFailure
from ncolony.loop import Loop
from ncolony.posix.moments import SLOT, Moments
from ncolony.posix.wallclock import WallClock, timerfd
from tests.posix.conftest import turn_until


class Kernel:
    """An alarm that is rung by hand."""

    def __init__(self):
        self.fd, self._ring = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.armed = []
        self.just_set = False

    def arm(self, when):
        """Note for when it was armed."""
        self.armed.append(when)
        return not self.just_set

    def ring(self):
        """Ring as when the clock was set."""
        os.write(self._ring, b"!")

    def read(self):
        """Take note: the clock was set."""
        os.read(self.fd, 1)
        return False

    def close(self):
        """Give it back."""
        os.close(self.fd)
        os.close(self._ring)


@pytest.fixture
def loop():
    """A native loop."""
    made = Loop()
    yield made
    made.close()


@pytest.fixture(params=["timerfd", "stand-in"])
def clock(request, loop):
    """A wall clock with an alarm of the kernel, and one without."""
    made = WallClock(loop, timerfd if request.param == "timerfd" else lambda: None)
    yield made
    made.close()


def test_calls_come_in_the_order_of_their_moments_and_not_before(clock, loop):
    """Also those that are over already, and none that was cancelled."""
    came = []
    now = clock.now()
    for after in (0.3, 0.1, -5.0, 0.2):
        clock.call_at(now + after, lambda after=after: came.append((after, clock.now())))
    clock.call_at(now + 0.15, lambda: came.append("cancelled")).cancel()
    turn_until(loop, lambda: len(came) == 4)
    assert [after for after, _ in came] == [-5.0, 0.1, 0.2, 0.3]
    assert all(when >= now + after for after, when in came)


def test_a_call_that_asks_for_another_gets_it(clock, loop):
    """As a schedule does at every moment."""
    came = []

    def call():
        came.append(clock.now())
        if len(came) < 3:
            clock.call_at(clock.now() + 0.05, call)

    clock.call_at(clock.now(), call)
    turn_until(loop, lambda: len(came) == 3)


def test_between_moments_nobody_is_woken(loop):
    """A thousand that wait for tomorrow are one timer in the kernel, and none in the loop."""
    clock = WallClock(loop)
    for number in range(1000):
        clock.call_at(clock.now() + 86400 + number, lambda: None)
    assert loop.deadline() is None
    began = time.monotonic()
    loop.turn(0.2)
    assert time.monotonic() - began >= 0.2
    clock.close()


def test_a_clock_that_was_set_is_told_and_the_alarm_armed_again(loop):
    """Whoever waits for a moment may have to wait for another; then come the calls that are due."""
    kernel, came = Kernel(), []
    clock = WallClock(loop, lambda: kernel)
    clock.on_set(lambda: came.append("set"))
    clock.call_at(clock.now() + 1000, lambda: came.append("due"))
    kernel.ring()
    turn_until(loop, lambda: came)
    assert came == ["set"]
    assert len(kernel.armed) == 2
    kernel.just_set = True  # between the look at the clock and the arming
    clock.call_at(clock.now() + 500, lambda: None)
    turn_until(loop, lambda: len(came) == 2)
    assert came == ["set", "set"]
    clock.close()


def test_without_an_alarm_a_clock_that_was_set_back_is_found_out_at_the_next_moment(loop):
    """Else whoever waits for that moment would wait for as long as the clock was set back."""
    clock = WallClock(loop, lambda: None)
    heard, called = [], []
    clock.on_set(lambda: heard.append("set"))
    clock.call_at(clock.now() + 0.05, lambda: called.append("early"))
    clock.now = lambda: time.time() - 1000
    turn_until(loop, lambda: heard)
    assert (heard, called) == (["set"], [])
    clock.close()


def test_zones_are_asked_of_the_system(clock):
    """Its own without a name, UTC without any database, others by name."""
    moment = 1_800_000_000.0
    assert clock.offset("")(moment) == time.localtime(moment).tm_gmtoff
    assert clock.offset("UTC")(moment) == 0
    berlin = datetime.fromtimestamp(moment, ZoneInfo("Europe/Berlin")).utcoffset()
    assert clock.offset("Europe/Berlin")(moment) == berlin.total_seconds()


@pytest.mark.parametrize("zone", ["Europe/Berlni", "Etc"])
def test_an_unknown_zone_is_the_systems_fault_in_words(clock, zone):
    """A directory of zones is no zone either."""
    with pytest.raises(OSFailure, match=f"cannot use the time zone '{zone}'"):
        clock.offset(zone)


# Moments --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def said():
    """What people were told."""
    return []


@pytest.fixture
def opened(tmp_path, said):
    """Return a function that opens the file of moments anew, as a successor does."""
    made = []

    def call(path=None):
        for one in made:
            one.close()
        made.append(Moments(str(path or tmp_path / "schedules"), said.append))
        return made[-1]

    yield call
    made[-1].close()


def test_what_is_kept_is_there_for_a_successor(opened, said):
    """The last of each slot, and nothing of what was forgotten."""
    moments = opened()
    long = '"' * 200
    for moment in (1.5, 2.5):
        for number in (1, 2):
            moments.keep("web", number, moment * number)
    moments.keep(long, 1, 7.0)
    moments.keep("gone", 1, 5.0)
    moments.forget("gone")
    moments.forget("web", 2)
    moments.keep("new", 1, 6.0)
    moments = opened()
    assert moments.names() == {"web", "new", long}
    assert (moments.of("web", 1), moments.of("web", 2), moments.of(long, 1)) == (2.5, None, 7.0)
    assert said == []


def test_room_is_used_again(opened, tmp_path):
    """The file does not grow with every program that comes and goes, nor with supervisors."""
    moments = opened()
    for number in range(100):
        moments.keep(f"job{number}", 1, 1.0)
        moments.forget(f"job{number}")
    moments = opened()
    moments.keep("last", 1, 1.0)
    assert (tmp_path / "schedules").stat().st_size == SLOT


def test_a_damaged_record_is_as_good_as_none(opened, tmp_path):
    """Bug 63: and is written over; the others are believed."""
    moments = opened()
    for number in range(3):
        moments.keep(f"job{number}", 1, 1.0)
    with (tmp_path / "schedules").open("r+b") as file:
        file.seek(SLOT + 10)
        file.write(b"?")
        file.seek(0, os.SEEK_END)
        file.write(b"half a reco")
    moments = opened()
    assert moments.names() == {"job0", "job2"}
    moments.keep("job1", 1, 2.0)
    assert opened().of("job1", 1) == 2.0


def test_where_nothing_can_be_kept_it_is_said_once(opened, said, tmp_path):
    """Programs run all the same."""
    (tmp_path / "there").mkdir()
    moments = opened(tmp_path / "there")
    moments.keep("web", 1, 1.0)
    assert moments.of("web", 1) == 1.0
    (line,) = said
    assert line.startswith("cannot keep moments of schedules in ")


def test_a_full_disk_is_said_once(opened, said, tmp_path):
    """Bug 23: nothing stops for it."""
    moments = opened()
    moments.keep("web", 1, 1.0)
    os.close(moments._fd)
    moments._fd = os.open("/dev/full", os.O_RDWR | os.O_CLOEXEC)
    moments.keep("web", 1, 2.0)
    moments.keep("web", 1, 3.0)
    assert len(said) == 1
    assert "No space left" in said[0]
