"""What holds for a whole colony: the file ``conf/.colony``, once core/colonykeys.py has read it.

Its name begins with a dot, so an older supervisor ignores it.
"""

from __future__ import annotations

from ncolony.core.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ncolony.core.hookkeys import HookRule
    from ncolony.core.metrickeys import MetricsFile

NAME = ".colony"
ONE_FOR_ONE, ONE_FOR_ALL, REST_FOR_ONE = "one_for_one", "one_for_all", "rest_for_one"


@record
class GroupRule:
    """What a group does when a member ends by itself and is to be started again, in OTP's words."""

    strategy: str = ONE_FOR_ONE
    attempts: int | None = None
    """More restarts of its members than this within the window, and the whole group gives up; None: never."""
    window: float = 60.0
    """Seconds."""


@record
class ColonySpec:
    """What holds for a whole colony."""

    readers: int | str | None = None
    """The group of users who may ask, and change nothing."""
    groups: tuple[tuple[str, GroupRule], ...] = ()
    """By label, sorted."""
    hooks: tuple[HookRule, ...] = ()
    metrics: MetricsFile | None = None
