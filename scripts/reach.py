"""Which tests reach which lines of the core, and how long each takes: so that scripts/mutate.py runs few of them."""

import sys
import time
from pathlib import Path

import coverage

ROOT = Path(__file__).parent.parent
CORE = ROOT / "src/ncolony/core"
ANYWHERE = range(1 << 31)  # all lines of a module


def path_of(module):
    """Return the path of a module's file."""
    return str(CORE / f"{module}.py")


class Reach:
    """Which tests reach which lines, and how long each takes."""

    def __init__(self):
        self.seconds = {}
        self.lines = {}

    def tests(self, module, lines, patience):
        """Return the tests that reach some lines: all in its own file, and others for so many seconds.

        The quickest come first.
        """
        found = {}
        for line, tests in self.lines.get(path_of(module), {}).items():
            if line in lines:
                found |= dict.fromkeys(tests)
        own = {test for test in self.seconds if f"/test_{module}.py::" in test and (test in found or lines is ANYWHERE)}
        found |= dict.fromkeys(own)  # of a module, also those that look at its constants alone
        kept, spent = [], 0.0
        for test in sorted(found, key=lambda test: (test not in own, self.seconds[test])):
            spent += 0.0 if test in own else self.seconds[test]
            if spent > patience and kept:
                break
            kept.append(test)
        return kept

    def measure(self, items):
        """Run all tests once; leave out those that fail as it is."""
        measured = coverage.Coverage(data_file=None, include=[f"{CORE}/*"], config_file=False)
        measured.start()
        for item in items:
            measured.switch_context(item.nodeid)
            began = time.monotonic()
            if run(item):
                self.seconds[item.nodeid] = time.monotonic() - began
            else:
                print(f"left out, as it fails anyway: {item.nodeid}", file=sys.stderr, flush=True)
        measured.stop()
        data = measured.get_data()
        for path in data.measured_files():
            lines = data.contexts_by_lineno(path).items()
            self.lines[path] = {line: [test for test in tests if test in self.seconds] for line, tests in lines}


class Failures:
    """Hears of tests that fail."""

    failed = False

    def pytest_runtest_logreport(self, report):
        """Hear of one."""
        Failures.failed |= report.failed


def run(item):
    """Run one test; tell whether it passed."""
    Failures.failed = False
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
    return not Failures.failed
