"""What the pages say is held against the code: examples, links, names of files, and the generated pages as a whole."""

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ncolony.core.check import check
from ncolony.core.colonykeys import check_colony
from ncolony.core.parse import parse
from ncolony.core.program import Defaults
from ncolony.directory.messages import request

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
GENERATED = ["bugs.md", "cli.md", "keys.md", "options.md", "states.md"]
SCHEMAS = ["program.schema.json", "colony.schema.json"]
WALKTHROUGH = r"""
    $ mkdir messages conf
    $ python -m ncolony ctl --messages messages --config conf add --name=web --cmd=python --arg=-m --arg=twisted --arg=web
    $ python -m ncolony ctl --messages messages --config conf add --name=echo --cmd=python --arg=-m --arg=twisted --arg=ncolony-scheduler \
          --arg=--arg=echo --arg=--arg=hello --arg=--frequency=10 --arg=--timeout=5 --arg=--grace=10
    $ python -m twisted ncolony --messages messages --config conf
"""  # noqa: E501 - to the letter
NOT_EVEN_OURS = ("http://", "https://", "mailto:")


def name_of(page):
    """Name a test case by its page."""
    return page.relative_to(ROOT).as_posix()


def generate(*words):
    """Run docs/generate.py."""
    command = [sys.executable, ROOT / "docs" / "generate.py", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_generated_pages_are_fresh():
    """A reference that is not what the code says is worse than none."""
    done = generate("--check")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", GENERATED)
def test_a_stale_page_is_named_and_shown(page, tmp_path):
    """Whoever changes a docstring learns which page is stale, how, and what to run."""
    assert generate("--to", tmp_path).returncode == 0
    assert generate("--check", "--to", tmp_path).returncode == 0
    old = (tmp_path / page).read_text(encoding="utf-8")
    (tmp_path / page).write_text(old.replace("# ", "# Not ", 1), encoding="utf-8")
    done = generate("--check", "--to", tmp_path)
    assert done.returncode == 1
    assert f"{tmp_path / page}: is stale" in done.stdout
    assert "python docs/generate.py" in done.stdout
    assert (tmp_path / page).read_text(encoding="utf-8").startswith("# Not "), "--check wrote something"


def test_a_missing_page_is_named(tmp_path):
    """A page that was never generated is no less stale."""
    done = generate("--check", "--to", tmp_path)
    assert done.returncode == 1
    assert all(f"{tmp_path / page}: is missing" in done.stdout for page in GENERATED + SCHEMAS)


def test_pictures_of_a_terminal_are_drawn_with_its_colours():
    """Colours begin and end where the terminal says, over lines too; text is text, whatever is in it."""
    spec = importlib.util.spec_from_file_location("screenshots", ROOT / "scripts" / "screenshots.py")
    screenshots = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(screenshots)
    drawn = screenshots.svg("$ a <b> & c\n\033[1mNAME\033[0m \033[31mbad\033[39m  \033[7mon\n\033[0mno\n$ \n")
    root = ElementTree.fromstring(drawn)  # noqa: S314 - our own
    texts = {one.text: one.attrib for one in root.iter("{http://www.w3.org/2000/svg}text")}
    assert list(texts) == ["$ a <b> & c", "NAME", "bad", "on", "no"]
    assert texts["NAME"]["font-weight"] == "bold"
    assert texts["bad"]["fill"] == screenshots.COLORS[31]
    assert texts["on"]["fill"] == screenshots.PAPER
    assert "fill" not in texts["no"]
    for picture in (ROOT / "docs" / "images").glob("*.svg"):
        assert ElementTree.parse(picture).getroot().tag.endswith("svg")  # noqa: S314 - likewise


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed here")
def test_manual_pages_are_good_roff():
    """Every reader of manual pages takes them; mandoc says what some might not."""
    manuals = sorted((ROOT / "docs" / "man").rglob("*.[15]"))
    assert "ncolony-status.1" in {path.name for path in manuals}
    command = ["mandoc", "-T", "lint", "-W", "warning", *manuals]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_json_examples_are_accepted(page):
    """An example that is copied has to work: each is a program's file, the colony's or a message."""
    for example in re.findall(r"^```json\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        text, value = parse(example.encode())
        if "type" in value:
            request(example.encode())
        elif "args" not in value:
            assert not check_colony(value)[1]
        else:
            checked = check("example", text, value, Defaults())
            assert not checked.problems
            assert not checked.warnings


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    """Every link to a page, to a file or to a heading has its target."""
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(NOT_EVEN_OURS):
            continue
        path, _, heading = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{target} in {page.name}"
        if heading:
            assert heading in headings(there), f"{target} in {page.name}"


def headings(page):
    """Return the anchors of a page's headings, as code hosts make them."""
    found = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in found}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_that_are_named_exist(page):
    """A page that names `core/lifecycle.py` names a file that is there."""
    for name in re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.py)`", page.read_text(encoding="utf-8")):
        assert any((base / name).exists() for base in (ROOT, ROOT / "src" / "ncolony")), f"{name} in {page.name}"


def test_the_walkthrough_stands_in_the_readme_to_the_letter():
    """The first thing that anyone tries is the one thing that must not drift."""
    assert WALKTHROUGH in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_demo_walks_the_walkthrough():
    """scripts/demo runs what README.md shows."""
    spec = importlib.util.spec_from_file_location("demo", ROOT / "scripts" / "demo.py")
    demo = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(demo)
    lines = WALKTHROUGH.replace("\\\n", " ").strip().splitlines()
    assert [shlex.split(line)[1:] for line in lines] == demo.WALKTHROUGH


@pytest.mark.skipif(shutil.which("sh") is None, reason="no sh here")
@pytest.mark.parametrize(("words", "status"), [(["--help"], 0), (["--loudly"], 2)])
def test_the_demo_tells_how_it_is_used(words, status):
    """A script for newcomers answers --help, and says so where it is misused; nothing is installed for either."""
    done = subprocess.run(
        [ROOT / "scripts" / "demo", *words], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == status
    assert ("usage: scripts/demo" in done.stdout) == (status == 0)
    assert ("--help" in done.stderr) == (status == 2)


def test_the_demo_says_which_python_it_cannot_use(tmp_path):
    """An interpreter that is too old, or none at all, is told in one line."""
    done = subprocess.run(
        [ROOT / "scripts" / "demo"],
        env={"PATH": "/usr/bin:/bin", "PYTHON": str(tmp_path / "python")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"cannot use {tmp_path / 'python'}" in done.stderr
