"""benchmarks/compare: in a tiny form it gives every figure, says who is missing, and what it writes can be read."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMPARE = ROOT / "benchmarks" / "compare"
TINY = ["--repeat", "1", "--most", "0", "--idle", "0.2", "--kills", "1", "--quick", "--no-install"]

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler here")


def compare(*words):
    """Run the command, as CI does."""
    command = [sys.executable, COMPARE, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=110)


def figures(**more):
    """Return what one run found."""
    found = {
        "first_child_ms": 20, "all_started_s": 1, "start_cpu_s": 0.1, "pss_mb": 10, "rss_mb": 12, "processes": 2,
        "idle_cpu_percent": 0, "wakeups_per_s": 0, "kill_one_ms": 2, "kill_all_s": 1, "kill_all_cpu_s": 0.1,
        "status_ms": 50, "restart_ms": 60, "stop_s": 0.2, "others_cpu_percent": 1,
    }  # fmt: skip
    return {**found, **more}


def kept(path, trials, carried=None):
    """Write a session as --json does, and return the words that load it."""
    data = {
        "facts": {"date": "2026-11-25 12:00 UTC", "CPUs": "2, a <CPU>", "memory": "24 GB", "kernel": "6.18.1-x",
                  "load": "0", "Python": "3.12.1"},
        "skipped": {"runit": "there is no runsvdir on PATH"},
        "passes_ms": [10.0],
        "trials": [
            {"contestant": name, "programs": programs, "figures": found, "failure": "" if found else "it fell over; /x"}
            for (name, programs), found in trials.items()
        ],
        "carried": carried or {},
        "megabytes": 50,
    }  # fmt: skip
    path.write_text(json.dumps(data))
    return ["--load", path]


def verdict(report, start):
    """Return the last cell of the goal that begins so."""
    (line,) = [line for line in report.splitlines() if line.startswith(f"| {start} |")]
    return line.split("|")[-2].strip()


@pytest.mark.timeout(120)
def test_a_tiny_comparison_gives_every_figure_and_names_who_is_missing(tmp_path):
    """CI runs it: 1 and 10 programs, and nothing that would have to be installed."""
    kept_in = tmp_path / "all.json"
    words = [
        "--programs",
        "1,10",
        "--megabytes",
        "5",
        "--contestants",
        "cloop,ncolony,circus",
        "--python",
        sys.executable,
    ]
    done = compare(*TINY, *words, "--json", kept_in)
    assert done.returncode == 0, done.stderr
    data = json.loads(kept_in.read_text())
    assert [(one["contestant"], one["programs"]) for one in data["trials"]] == [
        ("cloop", 1), ("ncolony", 1), ("cloop", 10), ("ncolony", 10)
    ]  # fmt: skip
    assert all(one["figures"][name] is not None for one in data["trials"][1::2] for name in figures())
    assert data["trials"][1]["figures"]["processes"] == 2, "the supervisor and its keeper"
    assert data["carried"]["ncolony"]
    assert "Circus was left out: it is not to be installed" in done.stdout


def test_a_goal_that_is_missed_is_said_to_be_missed(tmp_path):
    """A ratio counts against the C loop of the same session, by medians and by best runs."""
    trials = {
        ("cloop", 1000): figures(all_started_s=0.5),
        ("ncolony", 1000): figures(all_started_s=1, pss_mb=14, status_ms=31),
        ("ncolony", 10_000): figures(all_started_s=13, kill_all_s=11),
    }
    done = compare(*kept(tmp_path / "x.json", trials))
    assert done.returncode == 0, done.stderr
    assert verdict(done.stdout, "all started, 1000 programs") == "**no**"
    assert verdict(done.stdout, "kill all → all back, 1000 programs") == "yes"
    assert verdict(done.stdout, "PSS, 1000 programs") == "yes"
    assert verdict(done.stdout, "PSS, 1 program") == "not measured"
    assert verdict(done.stdout, "status of 1000") == "yes"
    assert verdict(done.stdout, "all started, a program, 10000 programs instead of 1000") == "**no**"
    assert verdict(done.stdout, "kill all → all back, a program, 10000 programs instead of 1000") == "yes"


def test_fewer_programs_than_ten_thousand_have_goals_in_proportion(tmp_path):
    """Where limits permit no more."""
    trials = {
        ("ncolony", 1000): figures(all_started_s=1),
        ("ncolony", 6000): figures(all_started_s=7, pss_mb=41),
    }
    report = compare(*kept(tmp_path / "x.json", trials)).stdout
    assert verdict(report, "PSS, 6000 programs") == "**no**"
    assert "| ≤ 40 MB | 41" in report
    assert verdict(report, "all started, a program, 6000 programs instead of 1000") == "yes"


def test_under_twisted_each_figure_that_is_behind_is_named(tmp_path):
    """Where a peer is ahead, the reader learns in what, and by how much."""
    trials = {("twisted", 100): figures(pss_mb=33), ("supervisord", 100): figures(pss_mb=32, status_ms=90)}
    report = compare(*kept(tmp_path / "x.json", trials)).stdout
    assert verdict(report, "under Twisted, 100 programs") == "**no**"
    assert "9 of 10; behind: PSS 33.0 (supervisord: 32.0) MB" in report


def test_logs_are_held_against_the_fastest_peer(tmp_path):
    """Speed and CPU are two goals, both against whoever is fastest; the best runs count."""
    carried = {
        "ncolony": [{"mb_s": 300, "cpu_s_gb": 0.9}, {"mb_s": 500, "cpu_s_gb": 0.7}],
        "supervisord": [{"mb_s": 400, "cpu_s_gb": 0.6}],
        "s6": [{"mb_s": 100, "cpu_s_gb": 0.1}],
    }
    report = compare(*kept(tmp_path / "x.json", {}, carried)).stdout
    assert verdict(report, "log throughput") == "yes"
    assert verdict(report, "its CPU a GB") == "**no**"


def test_a_run_without_figures_is_listed_and_is_the_exit_status(tmp_path):
    """Nobody has to guess why a row is not there."""
    done = compare(*kept(tmp_path / "x.json", {("circus", 10): None}))
    assert done.returncode == 1
    assert "* Circus, programs: 10: no figures: it fell over." in done.stdout


def test_pages_and_pictures_are_written(tmp_path):
    """README gets its chart and its measured rows and keeps every other line; the pictures are well-formed SVG."""
    old = (ROOT / "README.md").read_text(encoding="utf-8")
    (tmp_path / "README.md").write_text(old, encoding="utf-8")
    (tmp_path / "docs").mkdir()
    trials = {(name, size): figures() for name in ("cloop", "ncolony", "supervisord") for size in (1, 1000)}
    done = compare(*kept(tmp_path / "x.json", trials), "--write", tmp_path)
    assert done.returncode == 0, done.stderr
    new = (tmp_path / "README.md").read_text(encoding="utf-8")
    (row,) = [line for line in new.splitlines() if line.startswith("| `kill -9` of one in 1000: back after |")]
    assert row == "| `kill -9` of one in 1000: back after | 2.00 ms | 2.00 ms | | | | | |"
    assert "CPUs: 2, a <CPU>; 24 GB; Linux 6.18.1; Python 3.12.1" in new
    gone = set(old.splitlines()) - set(new.splitlines())
    assert len(gone) <= 8, "seven rows, and the line below the chart"
    for name in ("side-by-side", "growth"):
        picture = ElementTree.fromstring((tmp_path / "docs" / "compare" / f"{name}.svg").read_text())  # noqa: S314
        assert picture.find(".//{http://www.w3.org/2000/svg}title").text
    assert "runit was left out" in (tmp_path / "docs" / "compare.md").read_text()


def test_a_file_that_is_no_session_is_named(tmp_path):
    """Status 2: nothing could be shown, and why."""
    (tmp_path / "x.json").write_text("{}")
    done = compare("--load", tmp_path / "x.json")
    assert done.returncode == 2
    assert f'cannot read "{tmp_path / "x.json"}"' in done.stderr
