"""What ``ncolony top`` shows, without a terminal; tests/scenarios/test_top.py has one."""

import os

from ncolony.cli.board import Board, fitted, page, slot
from ncolony.cli.tables import width
from ncolony.cli.usage import Meter

COLONY = {"version": "1", "pid": 7, "uptime": 60.0, "states": {"running": 5}, "stopping": False}


def instance(name, number=1, of=1, state="running", **more):
    """Return an instance as a status has it."""
    return {"name": name, "number": number, "of": of, "state": state, "uptime": 5.0, "restarts": 0, "pid": 9,
            "labels": [], **more}  # fmt: skip


def board(*instances):
    """Return a board with these."""
    made = Board()
    made.take({"colony": COLONY, "instances": list(instances)})
    return made


def drawn(made, columns=80, height=8, **more):
    """Return the lines of a screen without colours."""
    return made.lines(columns, height, {}, more.get("said", {}), color=False)


def test_no_line_is_wider_and_no_screen_higher_than_the_terminal():
    """Whatever the names and the lines are, down to a terminal of one column."""
    made = board(*(instance("日本語" * number, labels=["x"]) for number in range(1, 30)))
    for columns in (1, 7, 40, 200):
        for height in (1, 3, 10):
            lines = drawn(made, columns, height, said={("日本語", 1): "あ" * 500})
            assert all(width(line.replace("\033[7m", "").replace("\033[0m", "")) <= columns for line in lines)
            assert len(lines) <= max(height, 4)


def test_the_selected_row_is_always_on_the_screen():
    """Up and down over more rows than there is room for, and beyond the ends."""
    made = board(*(instance(f"p{number:02}") for number in range(40)))
    for by, wanted in ((0, "p00"), (1, "p01"), (30, "p31"), (100, "p39"), (-5, "p34"), (-100, "p00")):
        made.move(by)
        assert made.selected["name"] == wanted
        (shown,) = (line for line in drawn(made) if line.startswith("\033[7m"))
        assert wanted in shown


def test_a_selection_stays_with_its_program_and_passes_on_when_that_goes():
    """Keys must not hit another program because the list has moved."""
    made = board(instance("a"), instance("b"), instance("c"))
    made.move(1)
    made.take({"colony": COLONY, "instances": [instance("a0"), instance("a"), instance("b"), instance("c")]})
    assert slot(made.selected) == ("b", 1)
    made.take({"colony": COLONY, "instances": [instance("a")]})
    assert made.selected["name"] == "a"
    made.take({"colony": COLONY, "instances": []})
    assert made.selected is None
    made.move(1)
    assert drawn(made)[0].startswith("NColony 1")


def test_the_filter_is_part_of_a_name_of_a_state_or_of_a_label():
    """Whichever of them one has in mind."""
    made = board(instance("web"), instance("db", state="backoff"), instance("job", labels=["batch"]))
    for wanted, found in (("we", ["web"]), ("backoff", ["db"]), ("batch", ["job"]), ("nothing", [])):
        made.filter = wanted
        assert [one["name"] for one in made.rows] == found
    assert "[only nothing]" in drawn(made, 120)[-1]


def test_what_a_terminal_might_obey_is_spelled_out():
    """Lines of programs are anybody's text."""
    made = board(instance("web"))
    assert "\033[2J" not in "".join(drawn(made, said={("web", 1): "\033[2J"}))
    assert "\033[2J" not in "".join(page("web", ["\033[2J"], 40, 5, color=False))


def test_a_page_shows_the_last_lines_that_there_is_room_for():
    """As a log is read."""
    assert page("t", ["a", "b", "c"], 40, 4, color=False) == ["t", "b", "c", "any key goes back"]
    assert page("t", ["a"], 3, 4, color=False) == ["t", "a", "", "any"]


def test_text_is_cut_by_columns_not_by_letters():
    """A wide letter takes two."""
    assert [fitted("日本", size) for size in range(5)] == ["", "", "日", "日", "日本"]


def test_the_meter_reads_cpu_and_memory_of_processes_that_are_there():
    """From the second look on; of those that are gone, nothing."""
    meter = Meter()
    assert meter.read([os.getpid(), 2**22 + 1], 1.0).keys() == {os.getpid()}
    cpu, memory = meter.read([os.getpid()], 2.0)[os.getpid()]
    assert cpu.endswith("%")
    assert float(memory.removesuffix(" MB")) > 1
