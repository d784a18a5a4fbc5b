"""When a program has missed its beats, over virtual time, with real files."""

import os

import pytest
from twisted.python.filepath import FilePath

from ncolony import beatcheck, ctllib, httpcheck
from ncolony.client.beats import Beats
from ncolony.programs.beatcheck import Beatcheck, check
from ncolony.programs.beats import NEVER, Seen, is_stale, notice

BEATS = Beats(period=10.0, grace=3.0, status="beats")


class Clocks:
    """A wall clock and a steady one."""

    def __init__(self):
        self.now = 1_000_000.0
        self.set_by = 0.0

    def wall(self):
        """Return the time that may be set."""
        return self.now + self.set_by

    def steady(self):
        """Return the time that never jumps."""
        return self.now


class Stage:
    """A directory of programs, and a checker of it."""

    def __init__(self, folder, every=float("inf")):
        self.conf = folder / "conf"
        self.conf.mkdir()
        self.beats = folder / "beats"
        self.beats.mkdir()
        self.clocks = Clocks()
        self.restarted = []
        self.said = []
        self.checker = Beatcheck(
            str(self.conf), lambda name, why: self.restarted.append((name, why)), self._say,
            every=every, wall=self.clocks.wall, steady=self.clocks.steady,
        )  # fmt: skip

    def _say(self, line, *, trouble=False):
        self.said.append(line)

    def describe(self, name, text='{"ncolony.beatcheck": {"period": 10, "grace": 3, "status": "../beats"}}'):
        """Write the file of a program, now."""
        path = self.conf / name
        path.write_text(text, encoding="utf-8")
        os.utime(path, (self.clocks.wall(), self.clocks.wall()))

    def beat(self, name):
        """Beat in place of a program, now."""
        path = self.beats / name
        path.touch()
        os.utime(path, (self.clocks.wall(), self.clocks.wall()))

    def look(self, after=0.0):
        """Let time pass, and return the names that were restarted then."""
        self.clocks.now += after
        self.checker.look()
        names = [name for name, _ in self.restarted]
        self.restarted.clear()
        return names


@pytest.fixture
def stage(tmp_path):
    """Return a stage with no program yet."""
    return Stage(tmp_path)


# The rule -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("started", "beaten", "now", "stale"),
    [
        (100.0, NEVER, 130.0, False),
        (100.0, NEVER, 130.1, True),
        (100.0, 125.0, 135.0, False),
        (100.0, 125.0, 135.1, True),
        (100.0, 105.0, 125.0, False),
        (0.0, 100.0, 110.0, False),
        (0.0, 100.0, 110.1, True),
    ],
)
def test_stale_after_the_grace_and_a_period(started, beaten, now, stale):
    """Grace counts from the start, in periods, the period from the last beat; both bounds are inside."""
    assert is_stale(BEATS, started, beaten, now) == stale


def test_a_beat_of_the_future_counts_from_when_it_was_seen():
    """A clock that was set back a year must not give a stuck program a year."""
    seen, beaten = notice(Seen(), 9000.0, 100.0)
    assert beaten == 100.0
    seen, beaten = notice(seen, 9000.0, 105.0)
    assert beaten == 100.0
    seen, beaten = notice(seen, 9010.0, 106.0)
    assert beaten == 106.0
    assert notice(seen, 104.0, 106.0) == (Seen(), 104.0)


# The checker --------------------------------------------------------------------------------------------------------


def test_who_beats_is_left_alone_and_who_stops_is_restarted(stage):
    """That is all it is for."""
    stage.describe("web")
    stage.describe("mail")
    stage.describe("other", '{"args": ["true"]}')
    for _ in range(10):
        stage.beat("web")
        stage.beat("mail")
        assert stage.look(5.0) == []
    stage.beat("web")
    stage.clocks.now += 5.1
    stage.beat("web")
    assert stage.look() == ["mail"]


def test_a_program_that_never_beat_is_restarted_after_its_grace(stage):
    """The reason says so."""
    stage.describe("web")
    assert stage.look(30.0) == []
    stage.clocks.now += 0.1
    stage.checker.look()
    assert stage.restarted == [("web", "has made no beat, and should make one every 10 s")]


def test_after_a_restart_the_grace_begins_anew(stage):
    """Else a program that is slow to start would be restarted for ever, at every look."""
    stage.describe("web")
    stage.beat("web")
    assert stage.look(31.0) == ["web"]
    assert stage.look(10.0) == []
    assert stage.look(20.0) == []
    assert stage.look(0.1) == ["web"]


def test_without_grace_a_restarted_program_still_has_its_period(stage):
    """It cannot have beaten before it was there."""
    stage.describe("web", '{"ncolony.beatcheck": {"period": 10, "grace": 0, "status": "../beats"}}')
    stage.beat("web")
    assert stage.look(10.1) == ["web"]
    assert stage.look(10.0) == []
    assert stage.look(0.1) == ["web"]


def test_a_changed_file_counts_at_the_next_look(stage):
    """Both for what it says and for the grace, as the program is started anew with it."""
    stage.describe("web")
    assert stage.look(29.0) == []
    stage.describe("web", '{"ncolony.beatcheck": {"period": 1, "grace": 1, "status": "../beats"}}')
    assert stage.look(1.0) == []
    assert stage.look(0.1) == ["web"]
    stage.describe("web", "{}")
    assert stage.look(1000.0) == []


def test_paths_begin_in_the_directory_of_programs(stage, monkeypatch, tmp_path):
    """A file there counts; one where this process is counts as well, as it did in NColony 2024.1."""
    monkeypatch.chdir(tmp_path / "beats")
    stage.describe("web", '{"ncolony.beatcheck": {"period": 10, "grace": 0, "status": "../a-file"}}')
    stage.clocks.now += 100.0
    os.utime(_made(stage.conf / "../a-file"), (stage.clocks.now, stage.clocks.now))
    assert stage.look(1.0) == []
    assert stage.look(10.0) == ["web"]
    stage.describe("old", '{"ncolony.beatcheck": {"period": 10, "grace": 0, "status": "here"}}')
    stage.clocks.now += 100.0
    os.utime(_made(tmp_path / "beats" / "here"), (stage.clocks.now, stage.clocks.now))
    assert "old" not in stage.look(1.0)


def _made(path):
    path.touch()
    return path


@pytest.mark.parametrize("by", [365 * 86400.0, -365 * 86400.0])
def test_a_clock_that_is_set_restarts_nobody(stage, by):
    """Bug 21: everybody gets the grace anew; who is stuck is found all the same."""
    stage.describe("web")
    stage.beat("web")
    assert stage.look(5.0) == []
    stage.clocks.set_by = by
    assert stage.look(1.0) == []
    assert stage.said == ["the clock was set, or all stood still for a while: every program gets its grace anew"]
    stage.beat("web")
    assert stage.look(9.0) == []
    assert stage.look(22.0) == ["web"]


def test_a_container_that_was_frozen_restarts_nobody(tmp_path):
    """Bug 55: its programs have missed no beat that they could have made."""
    stage = Stage(tmp_path, every=10.0)
    stage.describe("web")
    stage.beat("web")
    assert stage.look(25.0) == []  # one look left out, for load
    assert stage.said == []
    assert stage.look(500.0) == []
    assert len(stage.said) == 1
    assert [stage.look(10.0) for _ in range(4)] == [[], [], [], ["web"]]


def test_a_stuck_program_is_found_though_its_last_beat_is_of_the_future(stage):
    """Its beat was made before the clock was set back."""
    stage.describe("web")
    stage.beat("web")
    stage.clocks.set_by = -365 * 86400.0
    assert stage.look(1.0) == []
    assert stage.look(30.0) == []
    assert stage.look(1.0) == ["web"]


# Files that are no use ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("3", "ncolony.beatcheck: found 3, wanted an object with period, grace, status"),
        (
            '{"period": "soon", "grace": -1}',
            (
                'ncolony.beatcheck.period: found "soon", wanted a time above 0, like 10 or "500ms"; '
                "ncolony.beatcheck.grace: found -1, wanted a number of periods, 0 or more; "
                "ncolony.beatcheck.status: found no such key, wanted the path of a file or directory"
            ),
        ),
        ('{"period": 0, "grace": 1, "status": "x"}', "ncolony.beatcheck.period: found 0, wanted a time above 0"),
        ('{"period": true, "grace": 1, "status": "x"}', "ncolony.beatcheck.period: found true"),
        ('{"period": 1, "grace": 1, "status": "a\\u0000b"}', "ncolony.beatcheck.status: found"),
        ('{"period": 1, "grace": 1, "statsu": "x"}', 'ncolony.beatcheck.status: found no such key, but "statsu"'),
        ('{"period": 1e999, "grace": 1, "status": "x"}', "ncolony.beatcheck.period: found Infinity"),
    ],
)
def test_a_key_that_is_no_use_is_told_once_and_disturbs_no_other(stage, key, said):
    """By the program's name, with what was found and what is wanted, and all of it at once."""
    stage.describe("web", f'{{"ncolony.beatcheck": {key}}}')
    stage.describe("mail")
    assert stage.look(31.0) == ["mail"]
    stage.look(1.0)
    assert len(stage.said) == 1
    assert said in stage.said[0]
    assert f"cannot use '{stage.conf / 'web'}'" in stage.said[0]
    assert stage.said[0].endswith("web is not looked after until that is mended")
    stage.describe("web")
    assert sorted(stage.look(31.0)) == ["mail", "web"]
    assert len(stage.said) == 1


def test_a_file_that_is_no_object_any_more_is_looked_after_as_before(stage):
    """As its program goes on as it was."""
    stage.describe("web")
    assert stage.look(1.0) == []
    stage.describe("web", "[]")
    stage.describe("mail", "[]")
    assert stage.look(31.0) == ["web"]
    web, mail = sorted(stage.said, reverse=True)
    assert web.endswith("found [], wanted one JSON object; it is looked after as before")
    assert mail.endswith("found [], wanted one JSON object; it is not looked after")


def test_files_that_are_none_of_ours_are_passed_over(stage):
    """Hidden ones, those still being written, directories."""
    for name in (".hidden", "web.new", "web~"):
        stage.describe(name)
    (stage.conf / "folder").mkdir()
    assert stage.look(31.0) == []
    assert len(stage.said) == 1
    assert "folder" in stage.said[0]


def test_a_directory_that_is_gone_is_told_once_and_looked_for_again(stage):
    """It may come back: a mount, a deployment."""
    stage.describe("web")
    stage.look()
    stage.conf.rename(stage.conf.parent / "away")
    assert stage.look(31.0) == stage.look(1.0) == []
    assert len(stage.said) == 1
    (stage.conf.parent / "away").rename(stage.conf)
    assert stage.look(31.0) == ["web"]


# What NColony 2024.1 had --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [str, FilePath, lambda path: path])
def test_check_as_in_2024(tmp_path, kind):
    """A directory, when the looking began, and what time it is: the names."""
    for name in ("web", "mail"):
        (tmp_path / name).write_text(
            f'{{"ncolony.beatcheck": {{"period": 10, "grace": 1, "status": "{tmp_path}/.{name}"}}}}'
        )
        os.utime(tmp_path / name, (1000.0, 1000.0))
    assert check(kind(tmp_path) if kind is not FilePath else FilePath(str(tmp_path)), 1000.0, 1010.0) == []
    assert check(str(tmp_path), 1000.0, 1011.0) == ["mail", "web"]
    assert check(str(tmp_path), 1005.0, 1011.0) == []
    os.utime(_made(tmp_path / ".web"), (1005.0, 1005.0))
    assert check(str(tmp_path), 1000.0, 1015.0) == ["mail"]


def test_the_old_names_are_there(tmp_path):
    """For code that was written for NColony 2024.1."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "messages").mkdir()
    options = {"config": str(tmp_path / "conf"), "messages": str(tmp_path / "messages"), "freq": 5}
    assert beatcheck.makeService(options).getServiceNamed("beatcheck").freq == 5
    ctllib.add(ctllib.Places(options["config"], options["messages"]), "web", "true")
    restart, path = beatcheck.parseConfig(options)
    assert path == options["config"]
    beatcheck.run(restart, lambda now: ["web"] if now == 3 else [], lambda: 3)
    assert len(list((tmp_path / "messages").iterdir())) == 1


# The command line ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [beatcheck, httpcheck])
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "cannot run without --config: give the directory, --config=DIR; cannot run without --messages"),
        (["--config=c", "--messages=m", "--freq=0"], "cannot use --freq '0': wanted a number of seconds"),
        (["--config=c", "--messages=m", "--freq=often"], "cannot use --freq 'often'"),
        (["--config=c", "--messages=m", "web"], "cannot use 'web': wanted options only"),
        (["--config=c", "--messages=m", "--loudly"], "cannot read the options: option --loudly not recognized"),
    ],
)
def test_a_command_line_that_is_no_use_ends_in_one_line(kind, words, said, capsys):
    """With status 2, as everywhere."""
    with pytest.raises(SystemExit) as ended:
        kind.Options().parseOptions(words)
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{kind.Options.program}: {said}")


def test_options_as_in_2024():
    """Seconds with fractions, or none: 10 then."""
    read = beatcheck.Options()
    read.parseOptions(["--config", "c", "--messages", "m"])
    assert (read["config"], read["messages"], read["freq"]) == ("c", "m", 10.0)
    read.parseOptions(["--config", "c", "--messages", "m", "--freq", "0.5"])
    assert read["freq"] == 0.5
