"""`multiverse osc`, run against a real server."""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from engine.cli.osc import app, as_line, carry_out, read_argument
from engine.control import Reply
from engine.errors import MultiverseError, PresetError, UsageError
from engine.osc.decode import Message
from engine.osc.encode import encode_message
from tests.support import arena


@pytest.fixture
def drawing(rig: Any) -> Iterator[Any]:
    """A server whose frames are being drawn."""
    is_over = threading.Event()

    def draw() -> None:
        while not is_over.wait(0.005):
            rig.draw()

    thread = threading.Thread(target=draw)
    thread.start()
    yield rig
    is_over.set()
    thread.join()


class Output(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def osc(*args: str) -> Output:
    """Run the command in this process; stderr has its error."""
    done = CliRunner().invoke(app, list(args))
    error = done.exception if isinstance(done.exception, MultiverseError) else ""
    return Output(done.exit_code, done.stdout, f"{done.stderr}{error}")


def target(rig: Any) -> str:
    return "{}:{}".format(*rig.server.address)


@pytest.mark.parametrize("transport", [(), ("--tcp",)])
def test_send_wait_sets_a_value_and_returns_when_it_is_drawn(
    drawing: Any, transport: tuple[str, ...]
) -> None:
    done = osc("send", "/layer/1/angle", "-45", "--to", target(drawing), "--wait", *transport)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert drawing.store.get("/layer/1/angle") == -45.0


def test_send_without_waiting_prints_what_failed_and_with_it_returns_at_quit(rig: Any) -> None:
    assert osc("send", "/layer/1/angle", "45", "--to", target(rig)).returncode == 0
    wrong = osc("send", "/layr/1/angle", "45", "--to", target(rig))
    assert wrong.returncode == 1
    assert wrong.stdout.startswith("/fail /layr/1/angle ") and "/layer/1/angle" in wrong.stdout
    rig.commands.add("/preset/save", lambda reply, *args: reply.done(*args))
    saved = osc("send", "/preset/save", "dusk", "--to", target(rig))
    assert (saved.returncode, saved.stdout, saved.stderr) == (0, "", "")
    rig.commands.add("/engine/quit", lambda reply, *args: reply.done())
    ended = osc("send", "/engine/quit", "--to", target(rig), "--wait")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "/done /engine/quit\n", "")


BY_UDP = pytest.mark.only_on("linux", "darwin", reason="Wine tells a UDP socket of no closed port")


@pytest.mark.parametrize("over", [pytest.param((), marks=BY_UDP), ("--tcp",)])
def test_send_says_that_nothing_listens_and_what_to_do(
    free_port: Callable[[], int], over: tuple[str, ...]
) -> None:
    done = osc("send", "/layer/1/angle", "45", "--to", f"127.0.0.1:{free_port()}", *over)
    assert done.returncode == 1 and "nothing listens there" in done.stderr
    assert "start `multiverse run`, or give the engine's address with --to HOST:PORT" in done.stderr


def test_send_prints_answers_and_failures_and_waits_for_a_command_that_takes_its_time(
    drawing: Any,
) -> None:
    result = osc("send", "/get", "/layer/*/angle", "--to", target(drawing), "--wait")
    assert result.returncode == 0
    assert result.stdout.splitlines() == [
        f"/layer/{n}/angle {angle}" for n, angle in enumerate((0, 45, -20, 135), 1)
    ]

    def save(reply: Reply, name: str) -> None:
        if not name:
            raise PresetError("a preset needs a name")
        threading.Timer(0.2, reply.done, (name,)).start()

    drawing.commands.add("/preset/save", save)
    saved = osc("send", "/preset/save", "s:12", "--to", target(drawing), "--wait")
    assert (saved.returncode, saved.stdout) == (0, "/done /preset/save 12\n")
    failed = osc("send", "/preset/save", "s:", "--to", target(drawing), "--wait")
    assert failed == (1, "/fail /preset/save a preset needs a name\n", "")


def test_a_command_that_outlasts_the_wait_is_not_reported_as_a_missing_engine(drawing: Any) -> None:
    drawing.commands.add("/child/sd/restart", lambda reply, *args: None)  # the model is loading
    unfinished = (
        r"^127\.0\.0\.1:\d+: the engine answers, but /child/sd/restart is still running after 1 s; "
    )
    with pytest.raises(MultiverseError, match=unfinished + r".*osc listen.* /engine/status --wait"):
        carry_out("/child/sd/restart", [], target(drawing), within_s=1.0)


def test_the_status_is_printed_while_no_frame_is_drawn_and_an_engine_without_frames_reported(
    rig: Any,
) -> None:
    rig.commands.add("/engine/status", lambda reply, *args: reply.done())
    status = osc("send", "/engine/status", "--to", target(rig), "--wait")
    assert (status.returncode, status.stdout, status.stderr) == (0, "/done /engine/status\n", "")
    with pytest.raises(
        MultiverseError,
        match=r"answers, but has drawn no picture for 0\.5 s; .*/engine/status --wait",
    ):
        carry_out("/get", ["/layer/1/angle"], target(rig), within_s=0.5)
    rig.commands.add("/child/sd/restart", lambda reply, *args: None)
    with pytest.raises(MultiverseError, match=r"no answer in 0\.5 s; does the engine run there\?$"):
        carry_out("/child/sd/restart", [], target(rig), within_s=0.5)


def test_heard_lists_unmapped_messages(rig: Any) -> None:
    def unmapped_lines(*args: str) -> Any:
        return CliRunner().invoke(app, ["heard", "--to", target(rig), *args])

    rig.commands.add("/map/heard", rig.dispatcher.unmapped.on_list, is_listing=True)
    assert unmapped_lines().output == "No unmapped messages.\n"
    program = rig.client()
    for packet in (
        arena.message("", 0.5), encode_message("/fader/2", 0.25), encode_message("/fader/1", 1,
            "on\x1b[2J"),
    ):  # fmt: skip
        program.send(packet)
        program.send(packet)
    program.say("/engine/notify", 1)
    program.hear("/done")
    lines = unmapped_lines().output.splitlines()
    assert lines[0] == f"udp 127.0.0.1:{program.port}: 3 addresses not mapped"
    addresses = [line.rsplit("  (", 1)[0].strip() for line in lines[1:-1]]
    assert addresses == ["(empty) 0.5", r'/fader/1 1 "on\x1b[2J"', "/fader/2 0.25"]
    assert all("(2 times, " in line for line in lines[1:-1])
    program.say("/button", 1)
    assert "  /button 1  (once)" in unmapped_lines("button").output.splitlines()
    (entry,) = json.loads(unmapped_lines("FADER", "0.25", "--json").output)
    assert entry | {"rate_hz": 0} == {
        "address": "/fader/2", "sender": f"udp 127.0.0.1:{program.port}", "count": 2, "rate_hz": 0,
        "arguments": "0.25",
    }  # fmt: skip
    assert "3 more are not listed (--most N)." in unmapped_lines("--most", "1").output
    assert "not listed" not in unmapped_lines("fader").output
    assert unmapped_lines("nothing of that").output == "No entry contains these words.\n"


def test_listen_prints_every_value(drawing: Any, wait_for: Callable[..., Any]) -> None:
    lines = osc("listen", "--to", target(drawing), "--seconds", "1").stdout.splitlines()
    assert "/layer/2/angle 45" in lines and "/mode multiverse" in lines
    assert as_line(Message("/fail", ("\x1b[2J\nforged", 0.5), "sf")) == r"/fail \x1b[2J\nforged 0.5"
    wait_for(
        lambda: drawing.dispatcher.feedback.next_due_s() is None, "the end of its subscription"
    )


def test_an_arguments_type_follows_its_spelling_unless_a_prefix_sets_it() -> None:
    for text, value in [
        ("1", 1),
        ("-.5", -0.5),
        ("1e3", 1000.0),
        ("true", True),
        ("add", "add"),
        ("s:12", "12"),
        ("s:", ""),
        ("f:3", 3.0),
        ("C:\\pictures", "C:\\pictures"),
        ("", ""),
    ]:
        assert read_argument(text) == value, text
        assert type(read_argument(text)) is type(value), text
    for text in ("3.5e38", "f:1e300", str(2**63), str(-(2**63) - 1)):
        with pytest.raises(UsageError, match="more than"):
            read_argument(text)
