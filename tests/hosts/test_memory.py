"""What a colony keeps, put together anew: programs whose files cannot be used."""

from ncolony.core.kept import Kept
from ncolony.core.logspec import LogSpec
from ncolony.core.states import UP, Instance, Running
from ncolony.hosts.memory import settle
from tests.runtime.conftest import Stage


def settled(environ):
    """Settle what is left of a web that runs as pid 50, whose file is bad by now."""
    stage = Stage()
    stage.spawner.survivors = {50}
    stage.supervisor.remember({("web", 1): Kept("web", 1, Instance(Running(50, 1.0), UP, 0, 7), 0)})
    said = []
    settle(stage.supervisor, {"web"}, said.append, lambda _: LogSpec(), {50: environ}.get)
    return stage, said


def test_a_program_whose_file_cannot_be_used_is_described_by_its_own_process():
    """It was started with its description."""
    stage, said = settled({"NCOLONY_RUN": "c/web:1/7", "NCOLONY_CONFIG": '{"args": ["web", "1"]}'})
    assert stage.supervisor.programs["web"].args == ("web", "1")
    assert said == []


def test_a_process_that_has_got_the_pid_of_another_describes_nothing():
    """Else the one would be started as the other, with its sockets."""
    stage, said = settled({"NCOLONY_RUN": "c/db:1/7", "NCOLONY_CONFIG": '{"args": ["db"]}'})
    assert stage.supervisor.programs == {}
    assert said == ["web cannot be looked after until its file can be used; it goes on as it is"]
