"""Are the tests of the core any good? Makes one small mistake after the other, and sees whether a test fails.

usage: python scripts/mutate.py [--budget SECONDS] [--jobs N] [--patience SECONDS] [--tests PATH]... [MODULE[:FROM]...]

Needs the `dev` extra. MODULE: of the core, without `ncolony.core.`; all where none is named. FROM: the mistake
to go on from. --jobs: how many mistakes are tried at a time (1). --tests: what is run (tests/core, tests/logs).
--patience: how much of the tests' own time may go by without one of them failing (10).

Prints what no test noticed, and how many mistakes there were in each module; docs/mutation.md says what became of them.

All tests are run once, to see which of them reach which lines. Then each mistake is tried in a fork of that process,
with the tests that reach its line, the quickest first, until one fails. In a function it replaces the function's code,
so whoever has imported it has the mistake too. One that is made when a module is imported takes a fork that imported
nothing yet, and imports the tests anew.
"""

import importlib
import importlib.abc
import importlib.util
import os
import pickle
import signal
import sys
import time
from pathlib import Path
from types import FunctionType, ModuleType

import hypothesis.strategies  # noqa: F401 - what every try needs is imported once
import pytest
from mutations import mistakes
from reach import ANYWHERE, CORE, ROOT, Failures, Reach, path_of, run

OPTIONS = (
    *("-q", "-s", "--assert=plain", "-o", "filterwarnings=", "-o", "timeout=0"),  # nothing that takes time
    *("-p", "no:cacheprovider", "-p", "no:xdist"),
)
UNNOTICED = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
# Of CPU time, as others may keep the machine busy; of time on the clock a hundred times as much.
SLACK = 3.0  # seconds: a test that takes these, and twenty times its own, has noticed a loop without end
IMPORTING = 60.0  # the same of a mistake that is made when a module is imported


class Job:
    """A mistake, or none, and the tests that could notice it."""

    def __init__(self, module, mistake, tests):
        self.module, self.mistake, self.tests = module, mistake, tests

    def code(self):
        """Return the code of the module, with the mistake."""
        path = path_of(self.module)
        text = Path(path).read_text()
        return compile(text if self.mistake is None else self.mistake.tree(text), path, "exec")

    def __str__(self):
        """Say where the mistake is, and what."""
        line = Path(path_of(self.module)).read_text().splitlines()[self.mistake.line - 1].strip()
        return f"{self.module}.py:{self.mistake.line}: {self.mistake.words}: {line} ({len(self.tests)} tests)"


def give_up_after(seconds):
    """Have this process die when it has used so much CPU time from now on."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, 100 * seconds)


# In functions: tried in a fork that has imported everything ---------------------------------------------------------


def transplant(job):
    """Give the function in which a mistake is its new code; without a mistake, all functions of the module theirs."""
    name = f"ncolony.core.{job.module}"
    old, new = importlib.import_module(name), ModuleType(name)
    new.__file__ = path_of(job.module)
    exec(job.code(), vars(new))  # noqa: S102 - that is the point
    if job.mistake is not None:
        take_over(*(at(module, job.mistake.owner.path) for module in (old, new)))
        return
    for key, value in vars(new).items():
        if isinstance(value, FunctionType) and value.__module__ == name:
            take_over(vars(old)[key], value)


def at(module, path):
    """Return what is found by a path of names."""
    found = module
    for name in path:
        found = vars(found)[name]
    return found


def take_over(old, new):
    """Replace the code of a function, of a property or of a method of a class."""
    for attribute in ("fget", "__func__"):
        old, new = (getattr(one, attribute, one) for one in (old, new))
    old.__code__ = new.__code__


class Warm:
    """Has imported and run everything; then has mistakes tried that need no other import."""

    def __init__(self, examine):
        self.examine, self.reach, self.items = examine, Reach(), {}

    def pytest_runtestloop(self, session):
        """Measure; then try all that is asked for."""
        if session.testsfailed:
            sys.exit("not all tests can be collected")
        self.items = {item.nodeid: item for item in session.items}
        self.reach.measure(session.items)
        self.examine(self.reach, self.try_it)
        return True

    def try_it(self, job):
        """Tell whether a test fails; in a fork."""
        transplant(job)
        for test in job.tests:
            give_up_after(SLACK + 20 * self.reach.seconds[test])
            if not run(self.items[test]):
                return True
        return False


# At the import: tried in a fork that has imported nothing -----------------------------------------------------------


class Instead(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports a module with a mistake in the place of the one without."""

    def __init__(self, job):
        self.name, self.path, self.job = f"ncolony.core.{job.module}", path_of(job.module), job

    def find_spec(self, name, _path, _target=None):
        """Find it, and nothing else."""
        return importlib.util.spec_from_loader(name, self, origin=self.path) if name == self.name else None

    def exec_module(self, module):
        """Run it."""
        module.__file__ = self.path
        exec(self.job.code(), vars(module))  # noqa: S102 - that is the point


class Chosen:
    """Runs only some of the tests, in their order."""

    def __init__(self, tests):
        self.places = {test: place for place, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items):
        """Choose them."""
        items[:] = sorted((one for one in items if one.nodeid in self.places), key=lambda one: self.places[one.nodeid])


def try_anew(job):
    """Tell whether a test fails, or cannot even be collected; in a fork."""
    give_up_after(IMPORTING)
    sys.meta_path.insert(0, Instead(job))
    files = dict.fromkeys(test.partition("::")[0] for test in job.tests)
    if not files:
        return False
    return pytest.main([*OPTIONS, "-x", *files], plugins=[Chosen(job.tests)]) not in UNNOTICED


# All of it ----------------------------------------------------------------------------------------------------------


class Trials:
    """Tries mistakes in forks, some at a time; counts them, and tells of those that nobody noticed."""

    def __init__(self, most, until):
        self.most, self.until = most, until
        self.out = os.fdopen(os.dup(1), "w")
        self.running = {}
        self.counts = {}

    def begin(self, job, try_it):
        """Try a job when there is a place for it; none where the time is over."""
        while len(self.running) >= self.most:
            self.end_one()
        if time.monotonic() > self.until:
            return
        pid = os.fork()
        if pid == 0:
            noticed = True
            try:
                silence()
                noticed = try_it(job)
            finally:
                os._exit(noticed)
        self.running[pid] = job

    def end_one(self):
        """Wait for one, and count it."""
        pid, status = os.wait()
        job = self.running.pop(pid)
        if job.mistake is None:
            if status:
                print(f"the tests of {job.module} fail as it is", file=sys.stderr, flush=True)
                os._exit(1)
            return
        tried, survived = self.counts.get(job.module, (0, 0))
        self.counts[job.module] = tried + 1, survived + (status == 0)
        if status == 0:
            print(job, file=self.out, flush=True)

    def end(self):
        """Wait for the rest."""
        while self.running:
            self.end_one()


def silence():
    """Have nothing printed from now on."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)


class Examination:
    """What is tried, of which modules."""

    def __init__(self, modules, patience, trials):
        self.modules, self.patience, self.trials = modules, patience, trials
        self.found = {name: list(mistakes(Path(path_of(name)).read_text())) for name in modules}

    def in_functions(self, reach, try_it):
        """Try the mistakes in functions, and first of all whether it is the mistakes that are noticed."""
        for module, begin in self.modules.items():
            self.trials.begin(Job(module, None, reach.tests(module, ANYWHERE, self.patience)), try_it)
            for mistake in self.found[module][begin:]:
                if mistake.owner is not None:
                    near = [(mistake.line,), mistake.owner.lines]  # not every line has code of its own
                    tests = next(filter(None, (reach.tests(module, lines, self.patience) for lines in near)), [])
                    self.trials.begin(Job(module, mistake, tests), try_it)
        self.trials.end()

    def at_import(self, reach):
        """Try the others."""
        for module, begin in self.modules.items():
            tests = reach.tests(module, ANYWHERE, self.patience)
            for mistake in self.found[module][begin:]:
                if mistake.owner is None:
                    self.trials.begin(Job(module, mistake, tests), try_anew)
        self.trials.end()

    def tell(self):
        """Tell how many there were."""
        for module, found in self.found.items():
            tried, survived = self.trials.counts.get(module, (0, 0))
            print(f"{module}: {len(found)} mistakes, {tried} tried, {survived} not noticed", flush=True)


def fork_and_report(work):
    """Return what some work returns that is done in a fork, so that this process imports nothing for it."""
    receiving, sending = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(receiving)
        with os.fdopen(sending, "wb") as pipe:
            silence()
            pickle.dump(work(), pipe)
        os._exit(0)
    os.close(sending)
    with os.fdopen(receiving, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(pid, 0)
    return pickle.loads(answer) if answer else sys.exit("the tests could not be run")  # noqa: S301 - it is our own


def asked(words):
    """Return the options, the paths of tests, and the modules with the first mistake of each."""
    options = {"--budget": "inf", "--jobs": "1", "--patience": "10"}
    paths = []
    while words and words[0].startswith("-"):
        if len(words) == 1 or words[0] not in (*options, "--tests"):
            sys.exit(__doc__)
        if words[0] == "--tests":
            paths.append(words[1])
        else:
            options[words[0]] = words[1]
        words = words[2:]
    names = words or sorted(path.stem for path in CORE.glob("*.py") if path.stem != "__init__")
    modules = {name: int(begin or 0) for name, _, begin in (word.partition(":") for word in names)}
    return options, paths or ["tests/core", "tests/logs"], modules


def main():
    """Run."""
    options, paths, modules = asked(sys.argv[1:])
    os.chdir(ROOT)
    trials = Trials(int(options["--jobs"]), time.monotonic() + float(options["--budget"]))
    examination = Examination(modules, float(options["--patience"]), trials)

    def in_functions():
        warm = Warm(examination.in_functions)
        pytest.main([*OPTIONS, *paths], plugins=[warm, Failures()])
        return warm.reach, trials.counts

    reach, trials.counts = fork_and_report(in_functions)
    examination.at_import(reach)
    examination.tell()


if __name__ == "__main__":
    main()
