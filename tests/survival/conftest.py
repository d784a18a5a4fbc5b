"""What the survival tests share: a colony whose supervisor is killed and started again."""

import os
import re
import signal

import pytest

from tests.scenarios.colony import RunningColony, environment_of, gone, is_alive, keepers, until, with_environment

# Numbers its lines, so that a lost or doubled one shows; flushes each, as a log should be.
COUNTER = """
import itertools, time
for number in itertools.count():
    print('line', number, flush=True)
    time.sleep(0.002)
"""


def leads_session(pid):
    """Tell whether a process is there, and the first of its session."""
    try:
        return os.getsid(pid) == pid
    except ProcessLookupError:  # reaped meanwhile
        return False


class Mortal(RunningColony):
    """A colony whose supervisor does not live long."""

    def kill(self):
        """SIGKILL the supervisor, and take in all that it had said."""
        self.send(signal.SIGKILL)
        self.ended()
        self.process.stdout.close()

    def kill_keeper(self):
        """SIGKILL the keeper, and return when it is gone."""
        found = keepers(self.folder)
        for pid in found:
            os.kill(pid, signal.SIGKILL)
        gone(*found)

    def again(self, *options, **more):
        """Start another supervisor on the same directories."""
        return self.start(*options, **more)

    def runs(self, name):
        """Return the live main processes of a program, whoever is their parent, by the mark of their run."""
        found = {}
        for pid in with_environment([self.mark.encode()]):
            run = environment_of(pid).get("NCOLONY_RUN", "")
            if run.split("/")[-2:-1] == [f"{name}:1"] and is_alive(pid) and leads_session(pid):
                found[pid] = run
                self._runs.add(run.split("/")[0])
        return found

    def one(self, name, other_than=None):
        """Wait until a program has one main process and return its pid."""

        def single():
            self.here()
            found = [pid for pid in self.runs(name) if pid != other_than]
            return found[0] if len(found) == 1 and len(self.runs(name)) == 1 else None

        return until(single, f"one process of {name!r}")

    def lines(self, name):
        """Return the numbers that the program's output in the log has, in order."""
        self.here()
        return [int(number) for number in re.findall(rf"{name} \| line (\d+)$", self.text, re.MULTILINE)]

    def records(self):
        """Return the text of the file of records."""
        return (self.messages / ".ncolony" / "records").read_bytes()

    def counter(self, name, **more):
        """Describe a program that counts its lines."""
        self.conf(name, {"args": ["python", "-c", COUNTER], **more})


@pytest.fixture
def mortal(tmp_path, host):
    """A colony on the host of the test, not started yet. It must leave nothing behind."""
    made = Mortal(tmp_path, host)
    yield made
    made.end()
