"""The file ``.colony``: any bytes make a colony's spec, or problems in words."""

from fuzz.common import dictionary, is_one_line
from ncolony.core.colonykeys import COLONY_KEYS, check_colony
from ncolony.core.parse import NotAnObject, parse

WORDS = dictionary('{"groups":{"web":{', '"readers":"adm"', "}", ",", "5", '"1m"', "\\u000a", keys=COLONY_KEYS)


def one_input(data):
    """Judge a file."""
    try:
        _, value = parse(data)
    except NotAnObject as error:
        assert is_one_line(str(error.problem)), str(error.problem)
        return
    spec, problems = check_colony(value)
    assert (spec is None) == bool(problems)
    for problem in problems:
        assert is_one_line(str(problem)), str(problem)
