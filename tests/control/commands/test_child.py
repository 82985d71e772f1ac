"""Commands to a child over a real socket: each is answered once, when it has succeeded or can no
longer succeed."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engine.children.launcher import Launcher
from engine.children.spec import ChildSpec
from engine.children.supervisor import Supervisor
from engine.control.commands.child import ChildControl
from osc_schema.children import MAX_WAITING
from tests.children.toys import KILLED, SOON

START, STOP, RESTART = (f"/child/sd/{verb}" for verb in ("start", "stop", "restart"))


class ChildRig:
    """A client of an engine with a toy child instead of a model; without a supervisor there is no
    child."""

    def __init__(self, supervisor: Supervisor | None, rig: Any) -> None:
        self.messages: list[str] = []
        supervisors = {} if supervisor is None else {supervisor.spec.name: supervisor}
        missing = dict.fromkeys(("sd", "sam3"), "there is no model")
        calls = {"/sam3/empty_cache": ("sam3", "empty_cache")}
        lists = {
            "/sd": lambda: iter((("", "as configured: a", False), ("b", "b, large", True))),
            "/sd/loras": list,
        }
        ChildControl(supervisors, missing, self.messages.append, calls, lists).add_commands(
            rig.commands
        )
        self._client = rig.client()

    def say(self, *addresses: str) -> None:
        for address in addresses:
            self._client.say(address)

    def hears(self) -> tuple[str, ...]:
        """The next answer."""
        answer = self._client.hear()
        return (answer.address, *answer.args)


@pytest.fixture
def rigs(open_rig: Any, reports: Any) -> Iterator[Callable[..., tuple[ChildRig, Supervisor]]]:
    """`rigs(settings)`: a client and its toy child, which is off at first."""
    opened: list[Supervisor] = []

    def make(
        settings: dict[str, Any] | None = None, name: str = "sd"
    ) -> tuple[ChildRig, Supervisor]:
        spec = ChildSpec(name=name, loop="tests.children.toy:run", settings=settings or {})
        opened.append(Supervisor(spec, report=reports, times=SOON, launcher=Launcher()))
        return ChildRig(opened[-1], open_rig()), opened[-1]

    yield make
    for supervisor in opened:
        supervisor.close()


def test_each_command_is_answered_when_it_has_succeeded_and_a_line_says_when_it_is_ready_again(
    rigs: Any,
) -> None:
    rig, supervisor = rigs()
    pids = []
    for command in (START, START, RESTART, STOP, STOP, START):  # also if it runs or is off already
        rig.say(command)
        assert rig.hears() == ("/done", command)
        status = supervisor.status()
        assert (status.state == "off") == (command == STOP) == (not status.is_at_work)
        pids += [status.pid] if status.pid and status.pid not in pids else []
    assert rig.messages == [f"sd: ready (process {pid})" for pid in pids] and len(pids) == 3


def test_a_start_right_after_a_stop_wins_and_both_are_answered(rigs: Callable[..., Any]) -> None:
    rig, supervisor = rigs()
    rig.say(START)
    rig.hears()
    for _ in range(2):
        pid = supervisor.status().pid
        rig.say(STOP, START)
        assert rig.hears() == ("/fail", STOP, f"superseded by {START}")
        assert rig.hears() == ("/done", START)
        assert supervisor.status().is_at_work
        assert supervisor.status().pid != pid


def test_a_start_waits_while_the_child_keeps_crashing(
    rigs: Callable[..., Any], wait_for: Any
) -> None:
    rig, supervisor = rigs({"compiling": "raise"})
    rig.say(START)
    wait_for(lambda: supervisor.status().restarts >= 3, "a crash loop")
    rig.say(STOP)
    assert rig.hears() == ("/fail", START, f"superseded by {STOP}")
    assert rig.hears() == ("/done", STOP)


def test_a_child_that_fails_for_good_refuses_with_its_reason(rigs: Callable[..., Any]) -> None:
    rig, supervisor = rigs({"loading": "kill", "model": "broken.safetensors"})
    for address in (START, RESTART):
        rig.say(address)
        assert rig.hears() == ("/fail", address, f"{KILLED}; quarantined model: broken.safetensors")
    assert supervisor.status().state == "failed"


def test_the_number_of_waiting_commands_is_bounded(rigs: Callable[..., Any]) -> None:
    rig, supervisor = rigs({"loading": "wait"})
    rig.say(*[START] * (MAX_WAITING + 5))
    for _ in range(5):
        assert rig.hears() == (
            "/fail",
            START,
            f"{MAX_WAITING} of the same command are already waiting",
        )
    supervisor.set_values({"/toy/go": True})
    assert [rig.hears() for _ in range(MAX_WAITING)] == [("/done", START)] * MAX_WAITING


def test_a_missing_child_fails_with_its_reason(rig: Any) -> None:
    rig = ChildRig(None, rig)
    rig.say(START, "/sam3/empty_cache")
    for address in (START, "/sam3/empty_cache"):
        assert rig.hears() == ("/fail", address, "there is no model")


def test_a_line_reports_when_another_process_has_taken_over(rigs: Any, wait_for: Any) -> None:
    rig, supervisor = rigs()
    rig.say(START)
    assert rig.hears() == ("/done", START)
    first = supervisor.status()
    wait_for(lambda: supervisor.status().results > 0, "a result: else there is nothing to keep")
    supervisor.swap({"grey": 2})
    second = wait_for(
        lambda: supervisor.status().pid not in (0, first.pid) and supervisor.status(), "the second"
    )
    ready, over = f"sd: ready (process {first.pid})", f"sd: process {second.pid} has taken over"
    wait_for(lambda: rig.messages == [ready, over], f"both said, once each ({rig.messages})")


def test_a_command_for_a_child_is_answered_by_the_child(rigs: Callable[..., Any]) -> None:
    rig, _ = rigs(name="sam3")
    rig.say("/sam3/empty_cache")
    assert rig.hears() == ("/fail", "/sam3/empty_cache", "sam3 is off")
    rig.say("/child/sam3/start")
    assert rig.hears() == ("/done", "/child/sam3/start")
    rig.say("/sam3/empty_cache")
    assert rig.hears() == ("/done", "/sam3/empty_cache", "nothing was kept")


def test_what_is_in_the_folders_is_listed_also_without_a_child(open_rig: Any) -> None:
    rig = ChildRig(None, open_rig())
    rig.say("/sd/list")
    assert [rig.hears() for _ in range(3)] == [
        ("/sd/entry", "", "as configured: a", 0), ("/sd/entry", "b", "b, large", 1), ("/done",
            "/sd/list"),
    ]  # fmt: skip
    rig.say("/sd/loras/list")
    assert rig.hears() == ("/done", "/sd/loras/list")
