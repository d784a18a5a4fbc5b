"""docs/states.md: the life cycle, from its table and from running its step."""

from itertools import product

from generating.markdown import NOTE, block, code, complete, join, promise, table
from ncolony.core import lifecycle, states
from ncolony.core.program import PERMANENT, TEMPORARY, TRANSIENT, Need, Program, ReadyRule, RestartPolicy
from ncolony.core.schedule import Schedule

NOW = 1000.0
VALUES = {  # of each field of states and inputs, those that make a difference
    "core": (False,),
    "deadline": (NOW,),
    "hold": (False,),
    "hurried": (False, True),
    "killed": (False, True),
    "left": (False, True),
    "oom": (False,),
    "pid": (2,),
    "run": (1,),
    "seconds": (60.0,),
    "since": (NOW - 1000.0, NOW - 0.5),  # a long run and a short one
    "status": (0, 1),
    "then": (None, states.Backoff(NOW), states.Backoff(NOW + 1.0), states.Exited(0), states.Fatal("sample")),
    "why": ("sample",),
    "usage": (None,),
    "within": (None, 0.0),
}


def page(_root):
    """Return the page."""
    leads = _explore()
    return join(
        "# The life cycle of one instance",
        NOTE,
        "A program has one or more *instances*, numbered slots with one process each at most. Each is in one of the"
        f" {len(states.STATES)} states below. Commands and facts come in; [`core/lifecycle.py`]"
        "(../src/ncolony/core/lifecycle.py) is the only place where a state changes. Its table has a cell for every"
        " state and every input; what each cell does is said further down.",
        "## States",
        table(["state", "carries", "meaning"], [_described(state) for state in states.STATES]),
        "Apart from its state an instance has a *want* (`up` or `down`: what was last asked), the number of *attempts*"
        " in a row that ended too soon, and the number of its latest *run*. A restart is a stop that is still wanted"
        " up.",
        "## Inputs",
        "Commands may be refused. Facts have happened; they name the run, or the deadline, that they belong to, and one"
        " that comes too late is dropped before it reaches the table.",
        table(["input", "kind", "carries", "meaning"], [_given(given) for given in states.INPUTS]),
        "## The table",
        "`–` cannot happen, and raises `ImpossibleInput`: a bug of ours, never passed over. `=` changes nothing.",
        _grid(),
        "## Cells",
        "*Leads to* was found by running `step` over instances, programs and inputs of every kind. Where a cell names"
        " the state it is in, the state stays and what was wanted, or its deadline, may change.",
        table(["cell", "what it does", "leads to"], _cells(leads)),
        "## Outputs",
        "What a step asks for; the runtime carries it out.",
        table(["output", "carries", "meaning"], [_described(output, lower=False) for output in _outputs()]),
        "## Drawn",
        "Every arrow was seen by running `step`; inputs that leave an instance in its state are left out.",
        block("mermaid", _diagram(leads)),
    )


def _outputs():
    return (states.Spawn, states.Signal, states.Await, states.Refuse, states.Warn)


def _described(record, *, lower=True):
    name = record.__name__.lower() if lower else record.__name__
    return [code(name), _fields(record), promise(record)]


def _given(record):
    kind = "command" if record in states.COMMANDS else "fact"
    return [code(record.__name__), kind, _fields(record), promise(record)]


def _fields(record):
    return ", ".join(code(name) for name in record._fields)


def _grid():
    signs = {lifecycle.impossible: "–", lifecycle.stay: "="}
    rows = []
    for state in states.STATES:
        cells = [lifecycle.TABLE[state, given] for given in states.INPUTS]
        rows.append([code(state.__name__.lower()), *(signs.get(cell) or code(cell.__name__) for cell in cells)])
    return table(["", *(given.__name__ for given in states.INPUTS)], rows)


def _cells(leads):
    rows = []
    for cell in dict.fromkeys(lifecycle.TABLE.values()):
        found = {after for (_, given_cell, _, after) in leads if given_cell is cell}
        names = [code(state.__name__.lower()) for state in states.STATES if state in found]
        if cell is not lifecycle.impossible:
            rows.append([code(cell.__name__), promise(cell), ", ".join(names) or "the same state"])
    return rows


def _diagram(leads):
    arrows = {}
    for before, _, given, after in leads:
        if before is not after:
            arrows.setdefault((before, after), set()).add(given)
    lines = ["stateDiagram-v2", "    [*] --> stopped"]
    for before, after in product(states.STATES, states.STATES):
        if inputs := arrows.get((before, after)):
            words = ", ".join(given.__name__ for given in states.INPUTS if given in inputs)
            lines.append(f"    {before.__name__.lower()} --> {after.__name__.lower()}: {words}")
    return "\n".join(lines)


# Running the machine --------------------------------------------------------------------------------------------------


def _explore():
    """Return what leads where: (state, cell, input, state after) for every step that changes an instance."""
    fields = {field for kind in (*states.STATES, *states.INPUTS) for field in kind._fields}
    complete("VALUES in docs/generating/states.py", VALUES, fields)
    found = {}
    givens = _samples(states.INPUTS)
    for state, given, program in product(_samples(states.STATES), givens, _all_programs()):
        cell = lifecycle.TABLE[type(state), type(given)]
        if cell in (lifecycle.impossible, lifecycle.stay):
            continue
        for want, attempt in product((states.UP, states.DOWN), (0, 1)):
            before = states.Instance(state, want, attempt, run=1)
            after, outputs = lifecycle.step(before, program, given, NOW)
            if after != before and not any(isinstance(output, states.Refuse) for output in outputs):
                found[type(state), cell, type(given), type(after.state)] = None
    return list(found)


def _samples(kinds):
    """Return every kind of record with every sample of its fields."""
    made = []
    for kind in kinds:
        fields = [VALUES[name] for name in kind._fields]
        made += [kind(*values) for values in product(*fields)]
    return made


def _all_programs():
    policies = (
        RestartPolicy(policy, attempts=limit) for policy in (PERMANENT, TRANSIENT, TEMPORARY) for limit in (None, 1)
    )
    rules = (None, ReadyRule(after=1.0), ReadyRule())
    for policy, rule, needs in product(tuple(policies), rules, ((), (Need("db"),))):
        yield Program("sample", ("sample",), restart=policy, ready=rule, needs=needs)
    for rule, retries in product(rules, (0, 1)):
        yield Program("sample", ("sample",), ready=rule, schedule=Schedule(every=60.0, retries=retries))
