"""The control socket of whole colonies: what clients ask of real supervisors with real processes."""

import os
import resource
import signal
import socket
import subprocess
import threading
import time

import pytest

from ncolony.control.client import Client, Denied, Unanswered
from tests.scenarios.colony import DEAF, SLEEP, is_alive, on_both, on_native, status_of, until


def connected(colony, **more):
    """Return a client, as soon as the supervisor listens."""
    state = colony.messages / ".ncolony"
    until((state / "control").exists, "the control socket")
    return Client(str(state), **{"timeout": 30.0, **more})


def instance(client, name="web"):
    """Return the only instance of a program as the status has it."""
    (found,) = client.ask("status", names=[name])["instances"]
    return found


@on_both
def test_a_client_sees_and_does_it_all(colony):
    """Status, stop, start, restart, signal, events and logs, with answers that come when the effect is there."""
    colony.conf("web", {"args": ["sh", "-c", "echo hello; exec sleep 1000"], "group": ["public"]})
    colony.start()
    first = colony.pid_of("web")
    with connected(colony) as client:
        assert client.hello["pid"] == colony.pid
        assert client.hello["host"] == ("native" if colony.host.native else "reactor")
        assert instance(client)["pid"] == first
        stopped = client.ask("stop", names=["@public"])["instances"]
        assert (stopped[0]["state"], is_alive(first)) == ("stopped", False)
        second = client.ask("start", names=["web"])["instances"][0]["pid"]
        assert second != first
        third = client.ask("restart", names=["web"])["instances"][0]["pid"]
        assert not is_alive(second)
        assert client.ask("signal", names=["web"], signal="KILL")["sent"] == 1
        fourth = colony.pid_of("web", other_than=third)
        with pytest.raises(Denied, match="did you mean 'web'") as caught:
            client.ask("stop", names=["wbe"])
        assert caught.value.kind == "no-such"
        told = [one for one in client.parts("events", since=0, follow=False) if one.get("kind") == "state"]
        assert [one["pid"] for one in told if one["state"] == "running"] == [first, second, third, fourth]
        until(lambda: "hello" in {one.get("line") for one in client.parts("logs", names=["web"])}, "its output")


@on_both
def test_a_client_ends_the_supervisor(colony):
    """The answer comes when nothing is left of the programs."""
    colony.conf("web", {"args": DEAF, "stop": {"timeout": "20s"}})
    colony.start()
    colony.wait_for("deaf")
    pid = colony.pid_of("web")
    with connected(colony) as client:
        client.ask("shutdown", within=0.2)
        assert not is_alive(pid)
    assert colony.ended() == 0
    state = str(colony.messages / ".ncolony")
    with pytest.raises(Unanswered, match="`ncolony run DIR` starts one"):
        Client(state)


@on_both
def test_the_next_supervisor_takes_the_socket_over(colony):
    """Bug 46: after a SIGKILL the old socket is still there, and keeps nobody from anything."""
    colony.conf("web", {"args": SLEEP})
    colony.start()
    pid = colony.pid_of("web")
    with connected(colony) as client:
        stream = client.hello["stream"]
        colony.send(signal.SIGKILL)
        colony.ended()
        colony.process.stdout.close()
        colony.start()
        client.reconnect()
        assert (client.hello["pid"], client.hello["stream"] != stream) == (colony.pid, True)
        until(lambda: client.ask("status")["instances"], "the program to be described")
        assert instance(client)["pid"] == pid
        assert instance(client)["uptime"] > 0


@on_native
def test_a_second_supervisor_does_not_disturb_the_socket_of_the_first(colony):
    """Bug 46: it does not even get as far."""
    colony.start()
    with connected(colony) as client:
        second = subprocess.run(
            [*colony.host.command, *colony.directories()], cwd=colony.folder, env=colony.environment(), timeout=30,
            capture_output=True, check=False,
        )  # fmt: skip
        assert second.returncode == 2
        assert client.ask("ping")["ok"]
        with connected(colony) as another:
            assert another.hello["pid"] == colony.pid


@on_native
def test_followers_get_over_an_upgrade(colony):
    """The pid stays, the stream is another; connections that are made meanwhile wait; nothing is missed."""
    colony.conf("web", {"args": SLEEP})
    colony.start()
    pid = colony.pid_of("web")
    seen = []
    with connected(colony) as client, connected(colony) as follower:

        def follow():
            for event in follower.events(since=0):
                seen.append(event)
                if event.get("cause") == "stop":
                    return

        thread = threading.Thread(target=follow)
        thread.start()
        stream = client.hello["stream"]
        assert client.ask("upgrade")["pid"] == colony.pid
        client.reconnect()
        assert (client.hello["pid"], client.hello["stream"] != stream) == (colony.pid, True)
        until(lambda: client.ask("status")["instances"], "the program to be described")
        assert instance(client)["pid"] == pid
        client.ask("stop", names=["web"])
        thread.join(30)
    kinds = [one["kind"] for one in seen]
    assert "taken-over" in kinds
    assert kinds.index("taken-over") > kinds.index("state")


@on_native
def test_an_upgrade_that_is_not_possible_is_refused_with_the_reason(colony):
    """Everything goes on."""
    colony.conf("web", {"args": SLEEP})
    colony.start()
    pid = colony.pid_of("web")
    with connected(colony) as client:
        (colony.messages / ".ncolony" / "records").write_text("from the future\n")
        with pytest.raises(Denied, match="cannot take over") as caught:
            client.ask("upgrade")
        assert caught.value.kind == "failed"
        assert instance(client)["pid"] == pid


@on_both
def test_a_thousand_clients_that_never_read_hold_up_nobody(colony):
    """Bug 51: programs are reaped and started again, and others are answered within a tenth of a second."""
    colony.conf("web", {"args": SLEEP, "restart": {"threshold": 0}})
    colony.start()
    before = colony.pid_of("web")
    crowd = []
    with connected(colony) as client:
        folder = os.open(colony.messages / ".ncolony", os.O_PATH)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        try:
            for number in range(1000):
                one = socket.socket(socket.AF_UNIX)
                one.connect(f"/proc/self/fd/{folder}/control")
                one.send([b'{"verb": "status"}\n' * 50, b'{"verb": "events", "since": 0}\n', b"{", b""][number % 4])
                crowd.append(one)
            client.reconnect()
            client.ask("ping")
            os.kill(before, signal.SIGKILL)
            until(lambda: instance(client)["pid"] not in {None, before}, "the next process")
            times = []
            for _ in range(20):
                begun = time.monotonic()
                client.ask("ping")
                times.append(time.monotonic() - begun)
            assert sorted(times)[len(times) // 2] < 0.1
            assert len(os.listdir(f"/proc/{colony.pid}/fd")) < 256 + 50  # noqa: PTH208 - it is no folder
        finally:
            for one in crowd:
                one.close()
            os.close(folder)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@on_native
def test_it_answers_while_there_are_too_few_descriptors(colony):
    """Bug 12: forty programs in sixty-four descriptors; some wait for room, and a client is told so."""
    for number in range(40):
        colony.conf(f"p{number}", {"args": SLEEP})

    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    colony.start(preexec_fn=limit)
    colony.wait_for("cannot make pipes")
    with connected(colony) as client:
        colony_now = client.ask("status")["colony"]
        assert colony_now["programs"] == 40
        assert colony_now["states"]["backoff"] > 0
        assert colony_now["states"]["running"] > 0


@on_native
def test_the_output_of_a_program_is_followed_wherever_it_goes(colony):
    """Into a file of its own too, which gets every byte all the same."""
    log = colony.folder / "web.log"
    script = "while read line; do echo $line; done < fifo"
    os.mkfifo(colony.folder / "fifo")
    colony.conf("web", {"args": ["sh", "-c", script], "cwd": str(colony.folder),
                        "log": {"file": str(log)}})  # fmt: skip
    colony.start()
    colony.pid_of("web")
    with connected(colony) as client, open(colony.folder / "fifo", "w", buffering=1) as fifo:  # noqa: PTH123
        fifo.write("one\n")
        until(lambda: log.exists() and log.read_text() == "one\n", "the first line")
        followed = client.parts("logs", names=["web"], follow=True)
        assert next(followed)["line"] == "one"
        fifo.write("two\n")
        assert next(followed)["line"] == "two"
        client.close()
        fifo.write("three\n")
        until(lambda: log.read_text() == "one\ntwo\nthree\n", "all lines")


@on_both
def test_clients_that_wait_cost_no_wake_up(colony):
    """Connected, following events and output: a colony in which nothing happens does nothing."""
    colony.conf("web", {"args": SLEEP})
    colony.start()
    colony.pid_of("web")
    with connected(colony) as one, connected(colony) as two, connected(colony) as three:
        three.ask("ping")
        for client, verb in ((one, "events"), (two, "logs")):
            client._send({"id": 1, "verb": verb, "follow": True})
        instance(three)

        def switches():
            return int(status_of(colony.pid)["voluntary_ctxt_switches"])

        def quiet():
            before = switches()
            time.sleep(1)
            return switches() - before <= (0 if colony.host.native else 1)

        until(quiet, "a second without a wake-up")


@on_native
def test_who_may_read_is_said_in_the_colonys_file(colony):
    """A reader from a group reaches the socket, sees, and may not touch."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    for folder in (colony.folder, *colony.folder.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o011)
    colony.conf(".colony", {"readers": 54321})
    colony.conf("web", {"args": SLEEP})
    colony.start()
    colony.pid_of("web")
    state = colony.messages / ".ncolony"
    until(lambda: state.stat().st_mode & 0o777 == 0o710, "the way to be open")
    answers = {}
    for group in (54321, 54322):
        read, write = os.pipe()
        child = os.fork()
        if not child:
            try:
                os.setgroups([group])
                os.setgid(60000)
                os.setuid(60001)
                with Client(str(state), timeout=20) as client:
                    client.ask("status")
                    try:
                        client.ask("stop", all=True)
                    except Denied as denied:
                        os.write(write, denied.kind.encode())
            except Denied as denied:
                os.write(write, f"cannot even ask: {denied.kind}".encode())
            except BaseException as error:  # noqa: BLE001 - a child of a test ends here, whatever it met
                os.write(write, repr(error).encode())
            finally:
                os._exit(0)
        os.close(write)
        os.waitpid(child, 0)
        answers[group] = os.read(read, 1000)
        os.close(read)
    assert answers == {54321: b"forbidden", 54322: b"cannot even ask: forbidden"}
