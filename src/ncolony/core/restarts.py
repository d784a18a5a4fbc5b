"""The arithmetic of restarts: pure functions from a policy and a run to what comes next.

NColony's rule: a run of at least ``threshold`` seconds is followed by another at once and forgives the short ones
before it; a shorter one waits ``min_delay``, and every further one twice as long, up to ``max_delay``.

With a ``window``, a program gives up when it was restarted more than ``attempts`` times within it, however long its
runs were: so one that ends just after the threshold, again and again, does not go on for ever.
"""

from __future__ import annotations

from binascii import crc32

from ncolony.core.program import PERMANENT, TRANSIENT, RestartPolicy
from ncolony.core.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ncolony.core.colonyspec import GroupRule

MAX_DOUBLINGS = 64  # beyond this every delay is over any max_delay; also keeps 2.0 ** n finite


@record
class Again:
    """Start once more, ``delay`` seconds from now; ``attempt`` runs in a row were too short."""

    delay: float
    attempt: int


@record
class Done:
    """The program ended as its policy wants it; leave it."""


@record
class GiveUp:
    """Too many short runs in a row, or too many restarts within the window."""

    attempt: int


Verdict = Again | Done | GiveUp


def after_run(policy: RestartPolicy, attempt: int, ran_for: float, status: int | None) -> Verdict:
    """Decide what follows a run of ``ran_for`` seconds that ended with ``status``."""
    if not wants_restart(policy, status):
        return Done()
    if ran_for >= policy.threshold:
        return Again(0.0, 0)
    return after_failure(policy, attempt)


def after_failure(policy: RestartPolicy, attempt: int) -> Verdict:
    """Decide what follows a start that came to nothing; ``attempt`` such had gone before it."""
    return after_failures(policy, attempt + 1)


def after_failures(policy: RestartPolicy, attempt: int) -> Verdict:
    """Decide what follows ``attempt`` failures in a row; after none, the next run starts at once."""
    if attempt == 0:
        return Again(0.0, 0)
    if policy.window is None and policy.attempts is not None and attempt >= policy.attempts:
        return GiveUp(attempt)
    return Again(delay(policy, attempt), attempt)


def of_a_job(policy: RestartPolicy, retries: int, attempt: int) -> Again:
    """Decide what follows ``attempt`` failed runs in a row of a program with a schedule: a retry, or its next time.

    For that it is launched too, and waits.
    """
    return Again(delay(policy, attempt), attempt) if 0 < attempt <= retries else Again(0.0, 0)


def wants_restart(policy: RestartPolicy, status: int | None) -> bool:
    """Tell whether the policy asks for another run after an end with ``status``."""
    if policy.policy == PERMANENT:
        return True
    return policy.policy == TRANSIENT and status not in policy.ok_exits


def delay(policy: RestartPolicy, attempt: int) -> float:
    """Return the seconds to wait after the ``attempt``-th short run in a row (the first is 1)."""
    doublings = min(attempt - 1, MAX_DOUBLINGS)
    return float(min(policy.min_delay * 2.0**doublings, policy.max_delay))


def shortened(policy: RestartPolicy, seconds: float, lot: str) -> float:
    """Return a wait as chance has it: shortened by a share of up to ``jitter``. The same ``lot`` has the same share.

    Programs that failed together are so started again one after the other.
    """
    if not policy.jitter:
        return seconds
    return seconds * (1.0 - policy.jitter * crc32(lot.encode("utf-8", "surrogatepass")) / 2**32)


def spend(rule: RestartPolicy | GroupRule, recent: tuple[float, ...], now: float) -> tuple[float, ...]:
    """Return the moments of the restarts that still count when there is one more; as many as it takes to judge them."""
    if rule.window is None or rule.attempts is None:
        return ()
    return (*(at for at in recent if at > now - rule.window), now)[-rule.attempts - 1 :]


def overspent(rule: RestartPolicy | GroupRule, recent: tuple[float, ...]) -> bool:
    """Tell whether there were more restarts within the window than the budget has."""
    return rule.window is not None and rule.attempts is not None and len(recent) > rule.attempts
