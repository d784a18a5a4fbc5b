"""Programs that need each other, over upgrades and deaths of their supervisor."""

import os
import signal

from tests.scenarios.colony import SLEEP, on_native, until


def describe(mortal):
    """Describe a database, what is done once with it, and what needs both."""
    mortal.conf("a-web", {"args": SLEEP, "needs": {"db": "ready", "setup": "done"}})
    mortal.conf("db", {"args": SLEEP})
    setup = ["sh", "-c", "echo tables are made"]
    mortal.conf("setup", {"args": setup, "restart": "transient", "needs": {"db": {"is": "ready", "on_loss": "ignore"}}})


@on_native
def test_an_upgrade_restarts_nobody_and_does_nothing_twice(mortal):
    """The database is as ready as it was; what was done is done. Afterwards a loss is a loss as before."""
    describe(mortal)
    mortal.start()
    web, db = mortal.one("a-web"), mortal.one("db")
    since = mortal.here()
    mortal.send(signal.SIGUSR2)
    mortal.wait_for(rf"a-web runs on, pid {web}$", since=since)
    mortal.wait_for(rf"db runs on, pid {db}$", since=since)
    mortal.fence()
    mortal.fence()
    assert mortal.one("a-web") == web
    assert mortal.count(r"setup \| tables are made") == 1
    os.kill(db, signal.SIGKILL)
    mortal.one("db", db)
    mortal.one("a-web", web)


@on_native
def test_what_is_lost_while_no_supervisor_lives_is_lost_for_the_next(mortal):
    """Its database has died meanwhile: what needs it is replaced, as it would have been."""
    describe(mortal)
    mortal.start()
    web, db = mortal.one("a-web"), mortal.one("db")
    mortal.kill()
    os.kill(db, signal.SIGKILL)
    until(lambda: db not in mortal.runs("db"), "the end of the database")
    mortal.again()
    mortal.one("db", db)
    mortal.one("a-web", web)
    assert mortal.count(r"setup \| tables are made") <= 1, "said before the death, or not at all"
