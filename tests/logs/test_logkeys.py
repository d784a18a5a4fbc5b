"""The ``log`` key: every form that it may take, and every way to get it wrong."""

import json

import pytest

from ncolony.core.check import check
from ncolony.core.keyspec import Mismatch
from ncolony.core.logkeys import CONSOLE_KEYS, FACILITIES, FILE_KEYS, SYSLOG_KEYS, a_log
from ncolony.core.logspec import (
    DEFAULT_MAX_BYTES,
    ConsoleLog,
    FileLog,
    LogSpec,
    SyslogLog,
    from_text,
    is_device,
    path_of,
    to_text,
)
from ncolony.core.program import Defaults
from ncolony.core.readers import a_size

CONSOLE = ConsoleLog()
FILE = FileLog("/var/log/web.log")


@pytest.mark.parametrize(
    ("value", "targets"),
    [
        ("console", (CONSOLE,)),
        ("syslog", (SyslogLog(),)),
        ("none", ()),
        (None, ()),
        ([], ()),
        ({"console": "json", "to": "stdout"}, (ConsoleLog("json", "stdout"),)),
        ({"file": "/var/log/web.log"}, (FILE,)),
        ({"syslog": "udp:192.0.2.1:514", "facility": "local0", "format": "rfc5424"},
         (SyslogLog("udp:192.0.2.1:514", "rfc5424", 16),)),
        ({"syslog": "udp:[::1]:514"}, (SyslogLog("udp:[::1]:514"),)),
        (["console", {"file": "/var/log/web.log"}], (CONSOLE, FILE)),
        ({"file": "/a/b", "max_bytes": "10MB", "backups": 5, "max_age": "1d", "compress": True, "full": "block"},
         (FileLog("/a/b", 10_000_000, 5, 86400.0, compress=True, full="block"),)),
        ({"file": "/a/b", "max_bytes": 4096, "max_age": 60}, (FileLog("/a/b", 4096, max_age=60.0),)),
        ({"file": "/a/b", "max_bytes": 0}, (FileLog("/a/b", 0),)),
        ({"file": "/dev/null"}, (FileLog("/dev/null"),)),
        ({"file": "/a{b/c}d"}, (FileLog("/a{b/c}d"),)),
        ({"syslog": "udp:192.0.2.1:1"}, (SyslogLog("udp:192.0.2.1:1"),)),
        ({"syslog": "udp:192.0.2.1:65535"}, (SyslogLog("udp:192.0.2.1:65535"),)),
        ({"file": "/dev/shm/b", "max_bytes": 0}, (FileLog("/dev/shm/b", 0),)),
    ],
)  # fmt: skip
def test_one_value_is_for_both_streams(value, targets):
    """The short forms are what most files say."""
    assert a_log(value) == LogSpec(targets, targets)


def test_each_stream_can_go_its_own_way():
    """What is left out goes where it would without the key."""
    assert a_log({"stderr": {"file": "/var/log/web.log"}}) == LogSpec((CONSOLE,), (FILE,))
    assert a_log({"stdout": "none", "stderr": ["syslog"]}) == LogSpec((), (SyslogLog(),))


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/dev/stdout", ConsoleLog("plain", "stdout")),
        ("/dev/fd/1", ConsoleLog("plain", "stdout")),
        ("/proc/self/fd/2", ConsoleLog("plain", "stderr")),
        ("/dev/stderr", ConsoleLog("plain", "stderr")),
    ],
)
def test_our_own_descriptors_are_the_console(path, target):
    """As the supervisor writes there itself, and lines have to stay whole."""
    assert a_log({"file": path, "max_bytes": 0}) == LogSpec((target,), (target,))


@pytest.mark.parametrize(
    "path", ["/dev/stdout", "/dev/stderr", "/dev/fd/1", "/proc/self/fd/2", "/dev//./stdout", "/dev/tty"]
)
@pytest.mark.parametrize("asked", [{"max_bytes": "10MB"}, {"max_age": "1d"}, {"backups": 3}, {"compress": True}])
def test_what_cannot_be_renamed_is_not_rotated(path, asked):
    """Bug 25: rotation of /dev/stdout is refused when the file is read, not met as an error at every write."""
    with pytest.raises(Mismatch, match="cannot be renamed"):
        a_log({"file": path, **asked})


WRONG = [
    (7, "", "7"),
    ("file", "", '"file"'),
    ({}, "", "{}"),
    ({"file": "web.log"}, ".file", '"web.log"'),
    ({"file": "/var/log/"}, ".file", '"/var/log/"'),
    ({"file": "/var/log/."}, ".file", '"/var/log/."'),
    ({"file": "/var/log/.."}, ".file", '"/var/log/.."'),
    ({"file": "/a/b", "max_bytes": 1}, ".max_bytes", "1"),
    ({"file": "/a/b", "max_bytes": 4095}, ".max_bytes", "4095"),
    ({"file": "/a/b", "max_age": 59.9}, ".max_age", "59.9"),
    ({"syslog": "udp:192.0.2.1:0"}, ".syslog", '"udp:192.0.2.1:0"'),
    ({"file": "/var/{host}.log"}, ".file", '"/var/{host}.log"'),
    ({"file": "/dev/fd/7"}, ".file", '"/dev/fd/7"'),
    ({"file": "/a/b", "max_bytes": "10 apples"}, ".max_bytes", '"10 apples"'),
    ({"file": "/a/b", "max_bytes": 100}, ".max_bytes", "100"),
    ({"file": "/a/b", "max_bytes": True}, ".max_bytes", "true"),
    ({"file": "/a/b", "max_age": "5s"}, ".max_age", '"5s"'),
    ({"file": "/a/b", "full": "panic"}, ".full", '"panic"'),
    ({"file": "/a/b", "backup": 3}, "", 'the unknown key "backup"'),
    ({"syslog": "udp:syslog.example:514"}, ".syslog", '"udp:syslog.example:514"'),
    ({"syslog": "udp:192.0.2.1:99999"}, ".syslog", '"udp:192.0.2.1:99999"'),
    ({"syslog": "/dev/log", "facility": "me"}, ".facility", '"me"'),
    ({"syslog": "/dev/log", "facility": ""}, ".facility", '""'),
    (["console", ["console"]], "[1]", '["console"]'),
    (["console", "console"], "[1]", '"console"'),
    ({"stdout": "console", "file": "/a/b"}, "", 'the key "file" beside them'),
    ({"stdout": {"console": "pretty"}}, ".stdout.console", '"pretty"'),
]


@pytest.mark.parametrize(("value", "at", "found"), WRONG)
def test_what_is_wrong_is_named_where_it_stands(value, at, found):
    """The author of the file should not have to search."""
    problem, *_ = check("web", "", {"args": ["web"], "log": value}, Defaults()).problems
    assert (problem.key, problem.found) == (f"log{at}", found)
    assert problem.wanted


def test_all_that_is_wrong_is_told_at_once():
    """One round of corrections is enough."""
    with pytest.raises(Mismatch) as caught:
        a_log({"stdout": {"file": "x", "full": "y", "backup": 1}, "stderr": [3, {"console": "z"}]})
    assert [one.at for one in caught.value.several] == [
        ".stdout.file", ".stdout.full", ".stdout", ".stderr[0]", ".stderr[1].console"
    ]  # fmt: skip


def test_a_near_miss_of_an_inner_key_is_named():
    """Typing errors are the most common ones."""
    with pytest.raises(Mismatch, match="did you mean max_bytes"):
        a_log({"file": "/a/b", "max_byte": 10})


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("10MB", 10**7),
        ("1GiB", 2**30),
        ("1.5kB", 1500),
        ("7", 7),
        ("64 KiB", 65536),
        ("100B", 100),
        (12, 12),
    ],
)
def test_sizes_are_bytes_or_carry_a_unit(text, size):
    """Decimal and binary units are told apart as the standards do."""
    assert a_size(text) == size


@pytest.mark.parametrize(
    ("text", "size"),
    [("9" * 18, int("9" * 18)), ("8.7MB", 8_700_000), ("1.000001MB", 1_000_001), ("0.0001kB", 0), ("1.5", 1)],
)
def test_sizes_are_exact(text, size):
    """Not a byte less because a computer counts by twos; of a part of a byte nothing is kept."""
    assert a_size(text) == size


def test_every_unit_is_known():
    """By thousands and by 1024, as the standards have them; `KB` is what people write for `kB`."""
    units = {"B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
    units |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
    assert {unit: a_size(f"1{unit}") for unit in units} == units


@pytest.mark.parametrize("text", ["1." + "0" * 7, "0" * 18 + "1", "10x", "x10", "10xB", "1.B", ".5B", "1.2.3MB"])
def test_no_more_digits_are_read_than_a_size_can_have(text):
    """And nothing but digits."""
    with pytest.raises(Mismatch):
        a_size(text)


@pytest.mark.parametrize(
    "text", ["", "MB", "-1", "1e9", "10mb", "1MiBs", "9" * 40, "1." + "0" * 40, None, -1, 2**61, 1.5]
)
def test_other_sizes_are_refused(text):
    """Rather than guessed at."""
    with pytest.raises(Mismatch):
        a_size(text)


@pytest.mark.parametrize(
    "value",
    [
        *({"file": "/a/b", "format": word} for word in ("raw", "prefix", "json")),
        *({"file": "/a/b", "full": word} for word in ("drop", "block")),
        *({"console": word} for word in ("prefix", "json", "plain")),
        *({"syslog": "/dev/log", "format": word} for word in ("rfc3164", "rfc5424")),
    ],
)
def test_the_words_of_the_reference_are_taken(value):
    """These and no others: they stand in people's files."""
    (target,) = a_log(value).stdout
    assert set(value.values()) <= {getattr(target, name) for name in target.__match_args__}


def test_facilities_have_the_numbers_of_syslog():
    """RFC 5424, table 1; those that are no business of programs have no name."""
    names = ["kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"]
    numbers = {**{name: number for number, name in enumerate(names)}, **{f"local{n}": 16 + n for n in range(8)}}
    for name, number in numbers.items():
        assert a_log({"syslog": "/dev/log", "facility": name}).stdout == (SyslogLog(facility=number),)
    assert {name for name in FACILITIES if name} == set(numbers)


@pytest.mark.parametrize(
    "value",
    [{"file": "/a/b", "backups": 0}, {"file": "/a/b", "backups": 1000}, {"console": "json", "to": "stderr"}],
)
def test_what_is_just_within_the_limits_is_taken(value):
    """The limits are the largest and the least that there may be."""
    assert a_log(value)


@pytest.mark.parametrize("value", [{"file": "/a/b", "backups": -1}, {"file": "/a/b", "backups": 1001}])
def test_what_is_just_beyond_them_is_refused(value):
    """Not cut down in silence."""
    with pytest.raises(Mismatch):
        a_log(value)


def test_the_defaults_of_keys_and_records_are_the_same():
    """Two places that say one thing; the reference in docs/ is made of the first."""
    defaults = {key.name: key.default.strip('"') for key in (*SYSLOG_KEYS, *CONSOLE_KEYS, *FILE_KEYS)}
    assert a_size(defaults["max_bytes"]) == DEFAULT_MAX_BYTES
    assert str(FILE.backups) == defaults["backups"]
    assert (FILE.format, FILE.full, FILE.compress) == (defaults["format"], defaults["full"], False)
    assert (CONSOLE.format, CONSOLE.to) == (defaults["console"], defaults["to"])
    assert (SyslogLog().address, FACILITIES[SyslogLog().facility]) == (defaults["syslog"], defaults["facility"])
    assert SyslogLog().format == "rfc3164"


def test_a_file_rotates_where_its_program_asks_for_it():
    """By size or by age; the default size is none that was asked for."""
    assert not FILE.rotates
    assert not a_log({"file": "/a/b", "max_bytes": 0}).stdout[0].rotates
    assert a_log({"file": "/a/b", "max_bytes": "1MB"}).stdout[0].rotates
    assert a_log({"file": "/a/b", "max_age": "1d"}).stdout[0].rotates


@pytest.mark.parametrize(
    "path", ["/dev/null", "/dev//./null", "//dev/null", "/./dev/null", "/dev/shm", "/proc/self/fd/1", "/dev/.", "/dev/"]
)
def test_a_device_is_known_by_its_path(path):
    """However it is spelled."""
    assert is_device(path)


@pytest.mark.parametrize(
    "path", ["/dev/shm/a", "/dev/./shm//a", "//dev/shm/a", "/devices/a", "/var/dev/a", "dev/a", "/dev", "/proc"]
)
def test_files_are_no_devices(path):
    """Also those in memory, which lie where devices do."""
    assert not is_device(path)


def test_the_note_of_a_log_is_as_it_was():
    """A supervisor of this version reads what another of this version has noted."""
    log = a_log({"stdout": ["console", {"file": "/a/b"}, "syslog"], "stderr": None})
    assert json.loads(to_text(log)) == [
        [
            ["console", "prefix", "stderr"],
            ["file", "/a/b", None, 10, None, False, "raw", "drop"],
            ["syslog", "/dev/log", "rfc3164", 3],
        ],
        [],
    ]


def test_a_path_is_filled_in_once():
    """A program whose name looks like a field gets a file of that name."""
    log = FileLog("/var/log/{name}-{instance}.{stream}")
    assert path_of(log, "{stream}", 3, "stderr") == "/var/log/{stream}-3.stderr"


@pytest.mark.parametrize(
    ("value", "joined"),
    [
        ({"file": "/a/b"}, True),
        ({"file": "/a/{stream}"}, False),
        ([{"file": "/a/b"}, "console"], False),
        ("console", False),
        (None, False),
        ({"stdout": {"file": "/a/b"}, "stderr": {"file": "/a/b"}}, True),
        ({"stdout": {"file": "/a/b"}, "stderr": {"file": "/a/b", "backups": 1}}, False),
    ],
)
def test_two_streams_of_one_file_are_one_stream(value, joined):
    """So that the file has the lines in the order in which they were written."""
    assert a_log(value).joined is joined


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"console": "json", "to": "stdout"},
        {"file": "/var/log/{name}.é", "max_bytes": "10MB", "max_age": "1d", "format": "json", "full": "block"},
        {"stdout": ["console", {"syslog": "udp:127.0.0.1:514", "facility": "local0"}], "stderr": None},
    ],
)
def test_a_log_can_be_noted_and_read_again(value):
    """The keeper has the note, for when nothing else tells any more where output was to go."""
    log = a_log(value)
    assert from_text(to_text(log)) == log


@pytest.mark.parametrize("text", ["", "no JSON", "7", "[]", '[[["file"]], []]', '[[["drum", 1]], []]', "[[], [], []]"])
def test_a_note_of_something_else_means_the_usual_log(text):
    """Another version may have written it."""
    assert from_text(text) == LogSpec()
    assert to_text(LogSpec()) == ""


def test_every_key_says_what_it_is():
    """The reference is made of them."""
    for key in (*FILE_KEYS, *CONSOLE_KEYS, *SYSLOG_KEYS):
        assert key.wanted
        assert key.meaning.endswith(".")
