"""docs/bugs.md: which of the classic bugs of supervisors a test of ours would catch.

A test says so in its docstring, `Bug 13: …`, or `Bugs 2, 3: …`. The names of the bugs are in ../bugs.txt.
"""

import ast
import re

from generating.markdown import NOTE, Incomplete, code, join, table

CLAIM = re.compile(r"\bBugs? (\d+(?:(?:, | and |, and )\d+)*):")


def page(root):
    """Return the page."""
    bugs = _names(root / "docs" / "bugs.txt")
    tests = _claims(root / "tests")
    unknown = sorted(set(tests) - set(bugs))
    if unknown:
        raise Incomplete(f"docs/bugs.txt: tests name bugs that it does not have: {unknown}")
    covered = [number for number in bugs if number in tests]
    still_open = [number for number in bugs if number not in tests]
    return join(
        "# Classic bugs of supervisors",
        NOTE,
        f"These are {len(bugs)} ways in which supervisors have gone wrong. {len(covered)} of them have a test here that"
        " names them. For the others nothing is promised: the part may not be built yet, or the test may be missing.",
        "## Covered by a test",
        table(["#", "bug", "test"], [[number, bugs[number], _links(tests[number])] for number in covered])
        if covered
        else "None yet.",
        "## Open",
        table(["#", "bug"], [[number, bugs[number]] for number in still_open]) if still_open else "None.",
    )


def _names(path):
    bugs = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            number, name = line.split(maxsplit=1)
            assert int(number) == len(bugs) + 1, line
            bugs[int(number)] = name
    return bugs


def _claims(tests):
    """Return {bug: [(file, test)]} of all tests that name a bug."""
    found = {}
    for path in sorted(tests.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for name, docstring in _tests(tree):
            for claim in CLAIM.finditer(docstring):
                for number in re.findall(r"\d+", claim[1]):
                    test = (path.relative_to(tests.parent).as_posix(), name)
                    if test not in found.setdefault(int(number), []):
                        found[int(number)].append(test)
    return found


def _tests(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            yield node.name, ast.get_docstring(node) or ""


def _links(tests):
    return "<br>".join(f"[{code(f'{path}::{name}')}](../{path})" for path, name in tests)
