"""A cron line: any text means moments, or has a mistake in words; the next comes after now, at a whole minute."""

from fuzz.common import dictionary, is_one_line
from ncolony.core.cronline import FIELDS, SHORTHANDS, parse
from ncolony.core.keyspec import Mismatch
from ncolony.core.schedule import Schedule, following, look

NAMES = tuple(name for field in FIELDS for name in field.names)
WORDS = dictionary("*", "*/", "-", ",", " ", "0 0 29 2 *", "59", *SHORTHANDS, *NAMES)
NOW = 1_800_000_000.0
CHANGES = 1_800_100_000  # when the clocks of this zone are put forward by an hour, and back a month later


def ahead(moment):
    """Return the offset of a zone whose clocks are changed soon."""
    return 7200 if CHANGES <= moment < CHANGES + 30 * 86400 else 3600


def one_input(data):
    """Judge a line."""
    try:
        cron = parse(data.decode("utf-8", "replace"))
    except Mismatch as mismatch:
        assert is_one_line(mismatch.found), mismatch.found
        assert is_one_line(mismatch.wanted), mismatch.wanted
        return
    moment = NOW
    for _ in range(3):
        after, moment = moment, following(cron, moment, ahead)
        assert moment > after
        assert moment % 60 == 0 or moment == CHANGES
    outlook = look(Schedule(cron=cron), NOW, moment, ahead)
    assert outlook.next > moment
    assert outlook.due
