"""The contract of the Loop port, kept by the native loop and by the virtual one."""

import os
import time

import pytest

from ncolony.loop import LONGEST, MANY, Loop
from ncolony.testing import VirtualLoop


class Real:
    """The native loop; time passes by itself."""

    def __init__(self):
        self.loop = Loop()

    def turn(self):
        """Turn once."""
        self.loop.turn()

    def until(self, when):
        """Turn until a time."""
        while self.loop.now() < when:
            self.loop.turn(max(0.0, when - self.loop.now()))
        self.loop.turn()

    def close(self):
        """Give everything back."""
        self.loop.close()


class Virtual:
    """The virtual loop; time is made to pass."""

    def __init__(self):
        self.loop = VirtualLoop()

    def turn(self):
        """Turn once."""
        self.loop.turn()

    def until(self, when):
        """Turn until a time."""
        self.loop.advance(max(0.0, when - self.loop.now()))

    def close(self):
        """Give everything back."""


@pytest.fixture(params=[Real, Virtual])
def stage(request):
    """Both loops."""
    made = request.param()
    yield made
    made.close()


@pytest.fixture
def pipe():
    """A pipe that can be read."""
    read, write = os.pipe()
    os.write(write, b"!")
    yield read
    os.close(read)
    os.close(write)


def test_timers_are_called_in_the_order_of_their_times(stage):
    """Whatever the order they were asked for in."""
    now, calls = stage.loop.now(), []
    for delay in (0.03, 0.01, 0.02):
        stage.loop.call_at(now + delay, lambda delay=delay: calls.append(delay))
    stage.until(now + 0.03)
    assert calls == [0.01, 0.02, 0.03]


def test_timers_with_equal_times_are_called_in_the_order_asked(stage):
    """So that what was asked first happens first."""
    now, calls = stage.loop.now(), []
    for number in range(10):
        stage.loop.call_at(now, lambda number=number: calls.append(number))
    stage.turn()
    assert calls == list(range(10))


def test_no_timer_is_called_before_its_time(stage):
    """Nor twice."""
    now, calls = stage.loop.now(), []
    stage.loop.call_at(now + 0.05, lambda: calls.append(stage.loop.now()))
    stage.turn()
    assert calls == []
    stage.until(now + 0.1)
    stage.until(now + 0.15)
    assert len(calls) == 1
    assert calls[0] >= now + 0.05


def test_cancelled_timer_is_not_called(stage):
    """Cancelling again, or after the call, is harmless."""
    now, calls = stage.loop.now(), []
    cancelled = stage.loop.call_at(now, lambda: calls.append("cancelled"))
    made = stage.loop.call_at(now, lambda: calls.append("made"))
    cancelled.cancel()
    cancelled.cancel()
    stage.turn()
    made.cancel()
    stage.turn()
    assert calls == ["made"]


def test_timer_cancelled_by_an_earlier_call_of_the_same_turn_is_not_called(stage):
    """Being due is no excuse."""
    now, calls = stage.loop.now(), []
    stage.loop.call_at(now, lambda: second.cancel())  # noqa: PLW0108 - it is made below
    second = stage.loop.call_at(now, lambda: calls.append("second"))
    stage.turn()
    assert calls == []


def test_timer_made_in_a_call_waits_for_the_next_turn(stage):
    """Or a call that asks for itself again would never let descriptors have their turn."""
    calls = []

    def again():
        calls.append(1)
        stage.loop.call_at(stage.loop.now(), again)

    stage.loop.call_at(stage.loop.now(), again)
    for turn in range(1, 4):
        stage.turn()
        assert len(calls) == turn


def test_timer_asked_for_in_the_past_does_not_starve_those_that_are_due(stage):
    """What asks for itself again "an hour ago" must not come before everything else forever."""
    past, calls = stage.loop.now() - 3600, []

    def again():
        calls.append("again")
        stage.loop.call_at(past, again)

    stage.loop.call_at(past, again)
    stage.loop.call_at(stage.loop.now(), lambda: calls.append("other"))
    stage.turn()
    stage.turn()
    assert calls.count("other") == 1


def test_call_that_fails_costs_no_other_call(stage):
    """A bug in one must not take the others with it."""
    now, calls = stage.loop.now(), []
    stage.loop.call_at(now, lambda: 1 / 0)
    stage.loop.call_at(now, lambda: calls.append("other"))
    with pytest.raises(ZeroDivisionError):
        stage.turn()
    stage.turn()
    assert calls == ["other"]


def test_descriptor_is_called_as_long_as_it_can_be_read(stage, pipe):
    """Readiness is a state, not an event: what was not read is told again."""
    calls = []
    stage.loop.watch(pipe, lambda: calls.append(1))
    stage.turn()
    stage.turn()
    assert len(calls) == 2
    os.read(pipe, 1)
    stage.turn()
    assert len(calls) == 2
    stage.loop.unwatch(pipe)


def test_unwatched_descriptor_is_not_called(stage, pipe):
    """And may be watched again."""
    calls = []
    stage.loop.watch(pipe, lambda: calls.append("first"))
    stage.loop.unwatch(pipe)
    stage.turn()
    stage.loop.watch(pipe, lambda: calls.append("second"))
    stage.turn()
    stage.loop.unwatch(pipe)
    assert calls == ["second"]


def test_descriptor_unwatched_by_another_call_of_the_same_turn_is_not_called(stage):
    """Its number may belong to another file by then."""
    calls, pipes = [], [os.pipe() for _ in range(2)]

    def only(one, other):
        calls.append(one)
        stage.loop.unwatch(other)

    (one, first), (other, second) = pipes
    os.write(first, b"!")
    os.write(second, b"!")
    stage.loop.watch(one, lambda: only(one, other))
    stage.loop.watch(other, lambda: only(other, one))
    stage.turn()
    assert len(calls) == 1
    stage.loop.unwatch(calls[0])
    for fd in (one, first, other, second):
        os.close(fd)


def test_number_reused_in_the_same_turn_is_not_mistaken_for_the_old_descriptor(stage):
    """Closing and opening within a turn gives the same number to another file, which is not ready."""
    calls, spare = [], []
    (one, first), (other, second) = os.pipe(), os.pipe()
    os.write(first, b"!")
    os.write(second, b"!")

    def reuse(gone):
        calls.append("reused")
        stage.loop.unwatch(gone)
        os.close(gone)
        spare[:] = os.pipe()
        assert gone in spare
        if spare[0] == gone:
            stage.loop.watch(gone, lambda: calls.append("mistaken"))

    stage.loop.watch(one, lambda: reuse(other))
    stage.loop.watch(other, lambda: reuse(one))
    stage.turn()
    assert calls == ["reused"]
    for fd in stage.loop.watched if isinstance(stage, Virtual) else list(stage.loop._calls):
        stage.loop.unwatch(fd)
    for fd in {one, first, other, second, *spare}:
        os.close(fd)


def test_watching_twice_or_unwatching_nothing_is_an_error(stage, pipe):
    """It is a bug of ours, and must not pass unseen."""
    stage.loop.watch(pipe, lambda: None)
    with pytest.raises(KeyError):
        stage.loop.watch(pipe, lambda: None)
    stage.loop.unwatch(pipe)
    with pytest.raises(KeyError):
        stage.loop.unwatch(pipe)


# The native loop alone ------------------------------------------------------------------------------------------------


@pytest.fixture
def loop():
    """The native loop."""
    made = Loop()
    yield made
    made.close()


def test_deadline_of_years_does_not_break_the_loop(loop, pipe):
    """The kernel takes no wait of more than 24 days; `"max_delay": "365d"` must still be possible."""
    loop.call_at(loop.now() + 100 * 365 * LONGEST, lambda: None)
    loop.watch(pipe, lambda: None)
    loop.turn(None)
    loop.unwatch(pipe)


def test_idle_loop_sleeps(loop):
    """No wake-up without a reason: a turn with nothing to do takes its whole time."""
    began = time.monotonic()
    loop.turn(0.1)
    assert time.monotonic() - began >= 0.09


def test_cancelled_timers_do_not_pile_up(loop):
    """Each stop that is in time leaves a cancelled deadline; over the years they are many."""
    for _ in range(100 * MANY):
        loop.call_at(loop.now() + 3600, lambda: None).cancel()
    assert len(loop._timers) <= 2 * MANY
    assert loop.deadline() is None


def test_run_goes_on_until_it_is_told_to_stop(loop):
    """And the turn in which it is told is finished."""
    calls = []
    loop.call_soon(loop.stop)
    loop.call_soon(lambda: calls.append("same turn"))
    loop.run()
    assert calls == ["same turn"]


def test_descriptor_of_the_loop_is_readable_when_something_in_it_is(loop, pipe):
    """That is how another loop carries this one."""
    import select

    def readable():
        return bool(select.select([loop.fileno()], [], [], 0)[0])

    assert not readable()
    loop.watch(pipe, lambda: os.read(pipe, 1))
    assert readable()
    loop.turn()
    assert not readable()
    loop.unwatch(pipe)
