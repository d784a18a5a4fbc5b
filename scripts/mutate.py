"""Are the tests of the core any good? Makes one small mistake after the other, and sees whether a test fails.

usage: python scripts/mutate.py [--budget SECONDS] [MODULE[:FROM]...]    (FROM: the mistake to go on from)

Needs the project's `dev` extra.

Prints what no test noticed, and how many mistakes there were in each module; docs/mutation.md says what became of them.
Mistakes: comparisons at their edge or turned round, and/or, conditions turned round, +/-, numbers one more, true/false,
other words, results that are not returned, calls that are not made.
"""

import ast
import copy
import importlib.abc
import importlib.util
import os
import signal
import sys
import time
from pathlib import Path

import hypothesis.strategies  # noqa: F401 - what every try needs is imported once
import pytest

ROOT = Path(__file__).parent.parent
LIMIT = 30  # seconds for the tests of one mistake; a loop without end is a mistake that was noticed
TESTS = {
    "restarts": ["test_restarts", "test_schedule"],
    "plan": ["test_plan"],
    "kept": ["test_kept"],
    "needs": ["test_needs"],
    "groups": ["test_groups", "test_together"],
    "lifecycle": ["test_lifecycle"],
}
OPTIONS = ("-x", "-q", "--assert=plain", "-o", "filterwarnings=", "-p", "no:cacheprovider")  # nothing that takes time
SWAPS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
}  # fmt: skip


def ways(node):
    """Return the mistakes that can be made at a node: what is told of it, and what makes it."""
    if isinstance(node, ast.Compare):
        for at, op in enumerate(node.ops):
            yield type(op).__name__, lambda it, at=at, op=op: it.ops.__setitem__(at, SWAPS[type(op)]())
    elif isinstance(node, ast.BoolOp | ast.BinOp | ast.AugAssign) and type(node.op) in SWAPS:
        yield type(node.op).__name__, lambda it: setattr(it, "op", SWAPS[type(it.op)]())
    elif isinstance(node, ast.Constant):
        yield from constants(node.value)
    elif isinstance(node, ast.comprehension):
        for at in range(len(node.ifs)):
            yield "filter turned round", lambda it, at=at: it.ifs.__setitem__(at, ast.UnaryOp(ast.Not(), it.ifs[at]))
    else:
        yield from conditions_and_results(node)


def conditions_and_results(node):
    """Return those that turn a condition round, or lose a result."""
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        yield "condition turned round", lambda it: setattr(it, "test", ast.UnaryOp(ast.Not(), it.test))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not", lambda it: setattr(it, "operand", ast.UnaryOp(ast.Not(), it.operand))
    elif isinstance(node, ast.Return) and not (node.value is None or is_none(node.value)):
        yield "nothing returned", lambda it: setattr(it, "value", ast.Constant(None))
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield "call left out", lambda it: setattr(it, "value", ast.Constant(None))


def is_none(node):
    """Tell whether a node says None."""
    return isinstance(node, ast.Constant) and node.value is None


def constants(value):
    """Return the mistakes that can be made with a constant."""
    if isinstance(value, bool):
        yield f"{not value}", lambda it: setattr(it, "value", not value)
    elif isinstance(value, int | float):
        yield f"{value} + 1", lambda it: setattr(it, "value", value + 1)
    elif isinstance(value, str):
        yield f"other word for {value!r}", lambda it: setattr(it, "value", f"{value}x")


def is_for_readers(node):
    """Tell whether a statement is a docstring, or there for the type checker."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    asked = node.test if isinstance(node, ast.If) else node.targets[0] if isinstance(node, ast.Assign) else None
    return isinstance(asked, ast.Name) and asked.id == "TYPE_CHECKING"


def left_alone(tree):
    """Return the nodes that say nothing to Python, or only something to people."""
    found = set()
    for node in ast.walk(tree):
        said = [getattr(node, name, None) for name in ("annotation", "returns")]
        if isinstance(node, ast.JoinedStr | ast.Raise) or is_for_readers(node):
            said.append(node)
        for part in filter(None, said):
            found |= {id(inner) for inner in ast.walk(part)}
    return found


def mutants(tree):
    """Return every tree with one mistake, each with its line and what it is."""
    silent = left_alone(tree)
    for place, node in enumerate(ast.walk(tree)):
        if id(node) in silent:
            continue
        for words, make in ways(node):
            wrong = copy.deepcopy(tree)
            made = list(ast.walk(wrong))[place]
            make(made)
            line = next((one.lineno for one in (node, *ast.walk(node)) if hasattr(one, "lineno")), 0)
            yield line, words, ast.fix_missing_locations(wrong)


class Instead(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports a tree in the place of a module."""

    def __init__(self, name, path, tree):
        self.name, self.path, self.tree = name, path, tree

    def find_spec(self, name, _path, _target=None):
        """Find it, and nothing else."""
        return importlib.util.spec_from_loader(name, self, origin=self.path) if name == self.name else None

    def exec_module(self, module):
        """Run it."""
        module.__file__ = self.path
        exec(compile(self.tree, self.path, "exec"), vars(module))  # noqa: S102 - that is the point


def is_noticed(name, path, tree, tests):
    """Tell whether a test fails with this tree."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(LIMIT)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        sys.meta_path.insert(0, Instead(name, path, tree))
        status = 1
        try:
            status = int(pytest.main([*OPTIONS, *tests]))
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    return status != 0


def examine(module, begin, until):
    """Try the mistakes of a module from one on; tell of those that nobody noticed, and how many there were."""
    path = str(ROOT / "src/ncolony/core" / f"{module}.py")
    tree = ast.parse(Path(path).read_text(), path)
    tests = [f"tests/core/{name}.py" for name in TESTS[module]]
    name = f"ncolony.core.{module}"
    if is_noticed(name, path, tree, tests):
        sys.exit(f"the tests of {module} fail as it is")
    found = list(mutants(tree))
    tried = survived = 0
    for line, words, wrong in found[begin:]:
        if time.monotonic() > until:
            break
        tried += 1
        if not is_noticed(name, path, wrong, tests):
            survived += 1
            print(f"{module}.py:{line}: {words}: {Path(path).read_text().splitlines()[line - 1].strip()}", flush=True)
    print(f"{module}: {len(found)} mistakes, {tried} tried, {survived} survived", flush=True)


def main():
    """Run."""
    words = sys.argv[1:]
    budget = float("inf")
    if words[:1] == ["--budget"]:
        budget, words = float(words[1]), words[2:]
    os.chdir(ROOT)
    until = time.monotonic() + budget
    for word in words or TESTS:
        module, _, begin = word.partition(":")
        examine(module, int(begin or 0), until)


if __name__ == "__main__":
    main()
