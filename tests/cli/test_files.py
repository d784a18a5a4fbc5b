"""The verbs that work on files, as processes: init, add, remove, show, list, scale, with no supervisor there."""

import json

import pytest

from tests.cli.places import files, ncolony_process, written


@pytest.fixture
def run(places):
    """Run a verb in the folder of an empty colony, and return what it said, both streams."""

    def run(*words, status=0):
        done = ncolony_process(*words, cwd=places.config.parent)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def test_init_makes_what_is_missing_and_says_what_to_do_next(tmp_path):
    """A second one changes nothing, and an example never replaces a file."""
    first = ncolony_process("init", "new colony", "--example", cwd=tmp_path)
    assert first.stdout.splitlines()[:3] == [
        "made new colony/conf", "made new colony/messages", "made new colony/conf/hello",
    ]  # fmt: skip
    assert "  ncolony run 'new colony'" in first.stdout.splitlines()
    hello = tmp_path / "new colony" / "conf" / "hello"
    hello.write_text("mine")
    assert "everything is there already" in ncolony_process("init", "new colony", "--example", cwd=tmp_path).stdout
    assert hello.read_text() == "mine"


def test_init_says_why_it_cannot(tmp_path):
    """A file in the way, and two words."""
    (tmp_path / "conf").write_text("")
    done = ncolony_process("init", cwd=tmp_path)
    assert (done.returncode, "there is a file of that name" in done.stderr) == (1, True)
    assert ncolony_process("init", "a", "b", cwd=tmp_path).returncode == 2


def test_a_program_is_added_shown_listed_scaled_and_removed(run, places):
    """With the command behind NAME as one types it, and without a word where all is well."""
    assert run("add", "web", "--group", "public", "--", "python3", "-m", "http.server") == ""
    assert written(places, "web") == {"args": ["python3", "-m", "http.server"], "group": ["public"]}
    assert run("add", "--name", "job", "--cmd", "true") == ""
    assert run("list").splitlines() == ["job  true", "web  python3 -m http.server"]
    assert run("list", "--names") == "job\nweb\n"
    assert json.loads(run("show", "web", "--json"))["group"] == ["public"]
    assert "no supervisor runs" in run("scale", "web", "3")
    assert written(places, "web")["instances"] == 3
    assert run("remove", "job") == ""
    assert files(places) == ["web"]


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["add", "x"], 2, "the command is missing; end with -- CMD [ARG ...]"),
        (["add"], 2, "NAME is missing"),
        (["add", "--", "sleep", "1"], 2, "NAME is missing before --"),
        (["add", "x", "--cmd", "a", "--", "b"], 2, "the command is there twice"),
        (["add", "x", "--instances", "0", "--", "b"], 2, "instances: found 0, wanted"),
        (["add", "a/b", "--", "b"], 2, 'cannot add "a/b"'),
        (["remove", "wbe"], 4, 'there is no program "wbe" in "./conf"; did you mean "web"?'),
        (["remove", "web", "job"], 2, '"job" is one word too many'),
        (["show", "wbe"], 4, "did you mean"),
        (["list", "web"], 2, "`ncolony show NAME` shows one"),
        (["scale", "wbe", "2"], 4, 'cannot scale "wbe": there is no program "wbe"'),
        (["scale", "web", "0"], 2, "wanted a whole number from 1 up to 100000"),
        (["scale", "web", "many"], 2, "cannot use N many"),
        (["scale", "web"], 2, "wanted NAME and N"),
        (["scale", "bad", "2"], 2, 'cannot scale "bad": found text that is not JSON'),
        (["scale", "web", "2", "--wait", "soon"], 2, "cannot use --wait soon"),
        (["ping", "web"], 2, "found a word, wanted none"),
        (["ping"], 3, "none listens at './messages/.ncolony/control'; `ncolony run DIR` starts one"),
        (["health"], 1, "none listens at"),
        (["health", "--timeout", "0"], 2, "wanted a number of seconds above 0"),
        (["-C", "elsewhere", "add", "x", "--", "b"], 2, "there is no directory 'elsewhere/conf'"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_told_in_one_line_that_says_what_to_do(run, places, words, status, said):
    """And nothing is written."""
    (places.config / "web").write_text('{"args": ["true"]}')
    (places.config / "bad").write_text("{oops")
    told = run(*words, status=status)
    assert said in told
    assert told.count("\n") == 1
    assert files(places) == ["bad", "web"]
    assert written(places, "web") == {"args": ["true"]}


def test_ctl_takes_the_verbs_that_it_does_not_have_of_its_own(places):
    """``ctl`` with its two directories is another way to write the same."""
    places_of = ["--config", places.config, "--messages", places.messages]
    done = ncolony_process("ctl", *places_of, "status")
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "did you mean status?" in ncolony_process("ctl", *places_of, "statsu").stderr
    assert "status, why" in ncolony_process("ctl", "--help").stdout
