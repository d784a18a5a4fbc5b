"""The small mistakes that scripts/mutate.py makes: one at a time, in the syntax tree of a module."""

import ast

SWAPS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
}  # fmt: skip
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Mistake:
    """A mistake: where it is, and what it is."""

    def __init__(self, place, line, words, make, owner):
        self.place, self.line, self.words, self.make = place, line, words, make
        self.owner = owner  # the outermost function in whose body it is; None: it is made when the module is imported

    def tree(self, text):
        """Return the tree of the module's text, with this mistake in it."""
        tree = ast.parse(text)
        self.make(next(node for at, node in enumerate(ast.walk(tree)) if at == self.place))
        return ast.fix_missing_locations(tree)


class Owner:
    """The outermost function around a node: its path of names, and the lines of its body."""

    def __init__(self, path, node):
        self.path = path
        self.lines = range(node.body[0].lineno, node.end_lineno + 1)
        self.inside = {id(part) for statement in node.body for part in ast.walk(statement)}


def mistakes(text):
    """Return every mistake that can be made in a module of this text."""
    tree = ast.parse(text)
    silent, owners = left_alone(tree), list(functions(tree.body, ()))
    for place, node in enumerate(ast.walk(tree)):
        if id(node) not in silent:
            line = next((one.lineno for one in (node, *ast.walk(node)) if hasattr(one, "lineno")), 0)
            owner = next((owner for owner in owners if id(node) in owner.inside), None)
            for words, make in ways(node):
                yield Mistake(place, line, words, make, owner)


def functions(body, path):
    """Return the functions of a module, and the methods of its classes."""
    for node in body:
        if isinstance(node, FUNCTIONS):
            yield Owner((*path, node.name), node)
        elif isinstance(node, ast.ClassDef):
            yield from functions(node.body, (*path, node.name))


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


def sentences(tree):
    """Return the texts of more than one word to which a module gives names: they stand in errors."""
    for node in tree.body:
        text = node.value if isinstance(node, ast.Assign) else None
        if isinstance(text, ast.Constant) and isinstance(text.value, str) and " " in text.value:
            yield text


def words_for_people(node):
    """Return what a key's declaration tells: what it wants, its default and its meaning; and the words of an error."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return []
    if node.func.id in {"Mismatch", "Problem"}:
        return [given for given in node.args if isinstance(given, ast.Constant)]
    return node.args[2:] if node.func.id == "Key" else []


def left_alone(tree):
    """Return the nodes that say nothing to Python, or only something to people."""
    found = {id(text) for text in sentences(tree)}
    for node in ast.walk(tree):
        said = [getattr(node, name, None) for name in ("annotation", "returns")] + words_for_people(node)
        if isinstance(node, ast.JoinedStr | ast.Raise) or is_for_readers(node):
            said.append(node)
        for part in filter(None, said):
            found |= {id(inner) for inner in ast.walk(part)}
    return found
