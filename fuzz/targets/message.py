"""A message in the directory of messages: any bytes make a request, or a problem in words."""

from fuzz.common import dictionary, is_one_line
from ncolony.core.parse import NotAnObject
from ncolony.directory.messages import RestartAll, RestartGroup, RestartOne, Upgrade, request

WORDS = dictionary(
    '{"type":', '"RESTART"', '"RESTART-GROUP"', '"RESTART-ALL"', '"UPGRADE"', '"name":"web"', '"group":"web"', "}", ","
)


def one_input(data):
    """Read a message."""
    try:
        made = request(data)
    except NotAnObject as error:
        assert is_one_line(str(error.problem)), str(error.problem)
        return
    assert isinstance(made, RestartOne | RestartGroup | RestartAll | Upgrade)
    for name in made.__match_args__:
        assert isinstance(getattr(made, name), str)
        assert getattr(made, name)
