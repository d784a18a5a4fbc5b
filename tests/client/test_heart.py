"""The heart of a program, by each of the ways to beat."""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from twisted.application.service import MultiService
from twisted.internet.task import Clock

import ncolony
from ncolony.client import heart

SOURCE = Path(ncolony.__file__).parents[1]
DEADLINE = 30.0


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Make this process a program that is asked for beats, as a supervisor would."""
    (tmp_path / "conf").mkdir()

    def ask(status="../beat", period=0.3, folder=tmp_path / "conf", **more):
        keys = {"period": period, "grace": 3, "status": status, **more}
        monkeypatch.setenv("NCOLONY_CONFIG", json.dumps({"args": ["x"], "ncolony.beatcheck": keys}))
        monkeypatch.setenv("NCOLONY_NAME", "web")
        monkeypatch.setenv("NCOLONY_CONF_DIR", str(folder))
        return tmp_path / "beat"

    monkeypatch.delenv("NCOLONY_CONFIG", raising=False)
    return ask


def old(path):
    """Make a beat that is long past, to see the next."""
    path.touch()
    os.utime(path, (1000.0, 1000.0))


def fresh(path):
    """Tell whether there was a beat since."""
    return path.exists() and path.stat().st_mtime > 1000.0


def until(condition):
    """Wait for it."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


# The function -------------------------------------------------------------------------------------------------------


def test_a_beat_touches_the_file(asked):
    """It is made where it is not there; relative paths begin in the directory of programs."""
    path = asked()
    assert heart.beat()
    assert path.exists()
    old(path)
    assert heart.beat()
    assert fresh(path)


def test_in_a_directory_the_file_has_the_programs_name(asked, tmp_path):
    """So that one value does for all programs."""
    (tmp_path / "beat").mkdir()
    asked()
    assert heart.beat()
    assert (tmp_path / "beat" / "web").exists()


def test_beats_for_the_supervisor_are_made_too(asked, tmp_path, monkeypatch, caplog):
    """``"health": {"beat": …}`` asks for the same; who is looked after twice beats for both, at the shorter period."""
    path = asked(period=60)
    both = json.loads(os.environ["NCOLONY_CONFIG"]) | {"health": {"beat": "../health", "period": 15}}
    monkeypatch.setenv("NCOLONY_CONFIG", json.dumps(both))
    assert heart.beat()
    assert path.exists()
    assert (tmp_path / "health").exists()
    assert heart.find().interval == 5
    monkeypatch.setenv("NCOLONY_CONFIG", '{"health": {"beat": "../alone"}}')
    assert heart.beat()
    assert (tmp_path / "alone").exists()
    assert heart.find().interval == pytest.approx(10 / 3)
    for health in ('{"beat": 3}', '{"tcp": 80}', '"x"', "null"):
        monkeypatch.setenv("NCOLONY_CONFIG", f'{{"health": {health}}}')
        assert not heart.beat()
    assert not caplog.messages


def test_one_file_that_cannot_be_touched_keeps_no_other_from_it(asked, tmp_path, monkeypatch, caplog):
    """Each of those who look has a right to its beats."""
    asked("../away/beat")
    both = json.loads(os.environ["NCOLONY_CONFIG"]) | {"health": {"beat": "../health"}}
    monkeypatch.setenv("NCOLONY_CONFIG", json.dumps(both))
    assert not heart.beat()
    assert (tmp_path / "health").exists()
    assert len(caplog.messages) == 1


def test_under_an_older_supervisor_paths_begin_in_the_working_directory(asked, tmp_path, monkeypatch):
    """As NColony 2024.1 had it, which does not say where its files are."""
    asked("beat")
    monkeypatch.delenv("NCOLONY_CONF_DIR")
    monkeypatch.chdir(tmp_path)
    assert heart.beat()
    assert (tmp_path / "beat").exists()


@pytest.mark.parametrize("text", [None, "{}", '{"ncolony.beatcheck": null}'])
def test_where_nothing_is_asked_for_nothing_is_done(monkeypatch, text, caplog):
    """A program may call it always, in a colony or out of one."""
    monkeypatch.delenv("NCOLONY_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("NCOLONY_CONFIG", text)
    threads = threading.active_count()
    assert not heart.beat()
    with heart.beating():
        assert threading.active_count() == threads
    assert heart.makeService() is None
    assert not caplog.messages


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"ncolony.beatcheck": {"period": "x"}}', 'ncolony.beatcheck.period: found "x"'),
        ('{"ncolony.beatcheck": []}', "ncolony.beatcheck: found []"),
        ("nonsense", "text that is not JSON"),
    ],
)
def test_a_key_that_is_no_use_is_told_once_and_raises_nothing(monkeypatch, caplog, text, said):
    """A program must not end because of how it is looked after."""
    monkeypatch.setenv("NCOLONY_CONFIG", text)
    assert not heart.beat()
    assert not heart.beat()
    (line,) = caplog.messages
    assert said in line


def test_a_beat_that_cannot_be_made_is_told_once_and_tried_again(asked, tmp_path, caplog):
    """The directory may be there later; until then it is one line, not one a beat."""
    asked("../later/beat")
    assert not heart.beat()
    assert not heart.beat()
    assert len(caplog.messages) == 1
    assert "cannot beat" in caplog.messages[0]
    (tmp_path / "later").mkdir()
    assert heart.beat()


# The context manager ------------------------------------------------------------------------------------------------


def test_beats_go_on_inside_a_with_block_and_end_with_it(asked):
    """On a thread of their own, which is gone afterwards."""
    path = asked(period=0.03)
    threads = threading.active_count()
    with heart.beating():
        assert path.exists()
        for _ in range(3):
            old(path)
            until(lambda: fresh(path))
    assert threading.active_count() == threads
    old(path)
    with pytest.raises(RuntimeError), heart.beating():
        raise RuntimeError
    assert threading.active_count() == threads


def test_beats_go_on_inside_an_async_with_block_without_a_thread(asked):
    """On the loop: a loop that is stuck beats no more."""
    path = asked(period=0.03)
    threads = threading.active_count()

    async def program():
        async with heart.beating():
            assert threading.active_count() == threads
            for _ in range(3):
                old(path)
                while not fresh(path):  # noqa: ASYNC110 - a file tells nobody
                    await asyncio.sleep(0.005)
            old(path)
            time.sleep(0.1)  # noqa: ASYNC251 - stuck is what it is
            assert not fresh(path)
        old(path)
        await asyncio.sleep(0.1)
        assert not fresh(path)

    asyncio.run(program())


def test_no_twisted_is_imported_unless_it_is_asked_for(asked, tmp_path):
    """Most programs that beat are not written with it, and it costs 22 MB."""
    path = asked()
    code = (
        "import sys; from ncolony.client import heart\n"
        "heart.beat()\n"
        "with heart.beating(): pass\n"
        "assert not {'twisted', 'zope', 'zope.interface', 'asyncio', 'logging'} & set(sys.modules)\n"
        "assert heart.makeService() and 'twisted' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(SOURCE)})
    assert path.exists()


# The Twisted service ------------------------------------------------------------------------------------------------


def test_a_service_beats_while_it_runs(asked):
    """Three times a period."""
    path = asked(period=30)
    service = heart.makeService()
    service.clock = Clock()
    service.startService()
    assert path.exists()
    for _ in range(3):
        old(path)
        service.clock.advance(9.9)
        assert not fresh(path)
        service.clock.advance(0.1)
        assert fresh(path)
    service.stopService()
    old(path)
    service.clock.advance(100)
    assert not fresh(path)


def test_a_service_beats_on_after_a_beat_that_failed(asked, tmp_path, caplog):
    """A file system that was full for a moment must not be the end of the program."""
    asked("../later/beat", period=30)
    service = heart.makeService()
    service.clock = Clock()
    service.startService()
    (tmp_path / "later").mkdir()
    service.clock.advance(10)
    assert (tmp_path / "later" / "beat").exists()
    service.stopService()
    assert len(caplog.messages) == 1


def test_a_heart_is_added_where_one_is_asked_for(asked):
    """By its name, as in NColony 2024.1."""
    alone, parent = MultiService(), MultiService()
    heart.maybeAddHeart(alone)
    assert not list(alone)
    asked()
    heart.maybeAddHeart(parent)
    assert list(parent) == [parent.getServiceNamed("heart")]
    child = MultiService()
    wrapped = heart.wrapHeart(child)
    assert list(wrapped) == [child, wrapped.getServiceNamed("heart")]


def test_a_heart_touches_whatever_can_be_touched(tmp_path):
    """As it did in NColony 2024.1."""
    mine = heart.Heart(tmp_path / "beat")
    assert mine.getFile() == tmp_path / "beat"
    assert mine.beat()
    assert (tmp_path / "beat").exists()
