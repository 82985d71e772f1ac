"""All faults of a child, with real processes. The `toys` fixture checks that nothing is left
afterwards."""

import os
import sys
import time
from dataclasses import replace
from typing import Any

import psutil
import pytest

from engine.children.launcher import CAN_FORK, Launcher
from engine.children.policy import Deadlines
from engine.system.closing import Closing
from tests.children.toys import (
    ATTENTIVE,
    FORKS,
    KILLED,
    SOON,
    SOON_KILLED,
    descriptors,
    processes,
    segments,
)
from tests.support.long_form import IS_SOAK, in_long_form

FORKED_AND_SPAWNED = [True, *in_long_form(False)] if CAN_FORK else [False]
STATES = ("loading", "compiling", "ready", "busy")


def bring_to(toy: Any, state: str) -> int:
    """Bring a toy into this state, in which it stays. Returns its process id."""
    if state == "busy":
        toy.supervisor.set_values({"/toy/busy": "wait"})
    elif state == "ready":
        toy.supervisor.set_values({"/toy/paint": False})
    toy.supervisor.start()
    return toy.wait_for(
        lambda: toy.status.pid if toy.status.state == state and toy.status.pid else 0, state
    )


def go_on(toy: Any) -> None:
    toy.supervisor.set_values({"/toy/go": True, "/toy/paint": True})


def test_a_child_killed_in_any_state_is_restarted(toys: Any, reports: Any) -> None:
    killed = {}
    for state in STATES:
        toy = toys({state: "wait"}, name=state)
        killed[toy] = bring_to(toy, state)
        psutil.Process(killed[toy]).kill()
        go_on(toy)
    for toy, pid in killed.items():
        toy.until("busy", not_pid=pid)
        toy.until_results()
        assert (toy.status.restarts, toy.status.detail) == (1, KILLED)
    assert sorted(reports.lines) == sorted(
        (f"child.{state}", f"{state}: {KILLED}") for state in STATES
    )


def test_a_child_stopped_in_any_state_is_detected_killed_and_restarted(toys: Any) -> None:
    stopped = {}
    for state in STATES:  # all at once, as the heartbeat timeout takes a while
        toy = toys({state: "wait"}, times=ATTENTIVE, name=state)
        stopped[toy] = bring_to(toy, state)
        psutil.Process(stopped[toy]).suspend()
    for toy, pid in reversed(stopped.items()):  # one that loads may be silent for longest
        toy.wait_for(lambda toy=toy: toy.status.detail, "the hang")
        assert toy.status.detail.startswith("hung: no heartbeat for ")
        assert "hung" in toy.states
        toy.wait_for(lambda pid=pid: not psutil.pid_exists(pid), "its end")
        go_on(toy)
        toy.until_results()


@pytest.mark.parametrize("is_stopped", [False, True], ids=["running", "stopped"])
def test_closing_in_any_state_leaves_nothing(is_stopped: bool, toys: Any) -> None:
    pids = {}
    with Closing() as closing:
        for state in STATES:
            toy = toys({state: "wait"}, times=SOON_KILLED, name=state)
            closing(toy.supervisor)
            pids[toy] = bring_to(toy, state)
            if is_stopped:
                psutil.Process(pids[toy]).suspend()
    for toy, pid in pids.items():
        assert (toy.status.state, toy.status.pid) == ("off", 0)
        assert not psutil.pid_exists(pid)


@FORKS
def test_a_closing_engine_does_not_wait_for_a_process_that_survives_sigkill(
    toys: Any, launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stopped server sends no exit code, so the child seems to keep running, as if stuck in a
    driver."""
    monkeypatch.setattr("engine.children.forked.STATUS_WAIT_S", 12.0)
    toy = toys({"busy": "wait"}, times=replace(SOON, stop_s=0.0, exit_at_end_s=0.1))
    bring_to(toy, "busy")
    psutil.Process(launcher.server_pid).suspend()
    began_s = time.perf_counter()
    toy.supervisor.close()
    assert time.perf_counter() - began_s < 10.0
    assert toy.status.state == "off"


@pytest.mark.soak
def test_a_child_killed_again_and_again_is_ready_each_time(toys: Any) -> None:
    toy = toys()
    toy.supervisor.start()
    pid, outputs = 0, {}
    measured: list[tuple[int, int, int]] = []
    kills = 100 if IS_SOAK else 4
    for kill in range(kills):
        pid, outputs = toy.until("busy", not_pid=pid).pid, toy.other_outputs(outputs)
        if kill >= 2:
            measured.append((descriptors(), len(segments()), len(processes())))
        psutil.Process(pid).kill()
        toy.wait_for(lambda pid=pid: toy.status.pid != pid, "another process")
    toy.until("busy")
    assert toy.status.restarts == kills
    assert len(set(measured)) == 1, "the same descriptors, segments and processes each time"


def test_a_loop_that_ends_is_restarted_with_its_reason_reported(toys: Any) -> None:
    ended = []
    for act, detail in (
        ("exit 3", "exit code 3: three it is"),
        ("sys.exit", "exit code 4"),
        ("raise", "ZeroDivisionError: one by nought"),
        ("memory", "memory: 7 GiB requested"),
    ):
        for where in ("loading", "/toy/idle"):
            toy = toys({where: act}, name=f"toy{len(ended)}")
            toy.supervisor.set_values({where: act})
            toy.supervisor.start()
            ended.append((toy, detail))
    for toy, detail in ended:
        toy.wait_for(lambda toy=toy, detail=detail: toy.status.detail.startswith(detail), detail)
        toy.wait_for(lambda toy=toy: toy.status.restarts >= 1, "another start")


@pytest.mark.parametrize("is_forking", FORKED_AND_SPAWNED)
def test_a_segfault_names_its_line(
    is_forking: bool, toys: Any, caplog: pytest.LogCaptureFixture
) -> None:
    toy = toys(
        {"compiling": "segfault"}, launcher=None if is_forking else Launcher(is_forking=False)
    )
    toy.supervisor.start()
    detail = toy.wait_for(lambda: toy.status.detail, "the reason")
    is_windows = sys.platform == "win32"
    crash = (
        "exit code 0xc0000005: access violation"
        if is_windows
        else "killed by SIGSEGV: Segmentation fault"
    )
    assert detail.startswith(f'{crash} in File "') and detail.endswith("in act")
    assert "toy.py" in caplog.text, "the log has the whole traceback"


def test_a_loop_that_hangs_in_its_work_or_with_the_gil_is_killed(toys: Any) -> None:
    hung = []
    for act, times, detail in (
        ("hang", replace(SOON, running_s=1.0), "hung: running for "),
        ("hold the GIL", replace(SOON, silent_s=3.0), "hung: no heartbeat for "),
    ):
        toy = toys(times=times, name=act.replace(" ", "_"))
        toy.supervisor.start()
        hung.append((toy, toy.until("busy").pid, detail))
        toy.supervisor.set_values({"/toy/busy": act})
    for toy, pid, detail in hung:
        toy.wait_for(lambda toy=toy: toy.status.detail, "the hang")
        assert "hung" in toy.states
        toy.supervisor.set_values({"/toy/busy": ""})
        toy.until("busy", not_pid=pid)
        assert toy.status.detail.startswith(detail)


def test_a_poisoned_prompt_is_quarantined_and_the_last_good_one_stays(
    toys: Any, reports: Any
) -> None:
    toy = toys()
    toy.supervisor.set_values({"/toy/prompt": "a lake"})
    toy.run()
    toy.supervisor.set_values({"/toy/prompt": "poison"})
    status = toy.wait_for(lambda: toy.status if toy.status.quarantined else None, "the quarantine")
    assert status.quarantined == ("/toy/prompt: poison",)
    toy.until("busy")
    toy.wait_for(lambda: toy.status.facts.get("prompt") == "a lake", "the last good prompt")
    assert toy.status.restarts == 3
    assert reports.lines[-1] == ("child.toy", f"toy: {KILLED}; quarantined /toy/prompt: poison")
    toy.supervisor.set_values({"/toy/prompt": "a tree"})
    toy.wait_for(lambda: toy.status.facts.get("prompt") == "a tree", "another prompt")
    toy.supervisor.set_values({"/toy/prompt": "poison"})
    toy.wait_for(lambda: toy.status.facts.get("prompt") == "a tree", "the last good prompt")
    assert toy.status.restarts == 3


def test_a_model_is_not_blamed_for_a_driver_that_fails_while_it_loads(toys: Any) -> None:
    toy = toys({"model": "good.safetensors", "loading": "driver"})
    toy.supervisor.start()
    status = toy.wait_for(
        lambda: toy.status if toy.status.restarts >= 4 else None, "a fifth process"
    )
    assert (status.quarantined, status.detail) == ((), "driver: the card has failed")


@pytest.mark.only_on("linux", "darwin", reason="Windows has no limit of open files")
@pytest.mark.parametrize("is_forking", FORKED_AND_SPAWNED)
def test_a_system_without_free_descriptors_is_named_and_the_start_is_retried(
    is_forking: bool, toys: Any
) -> None:
    """Allow one more descriptor each time until a start succeeds. Descriptors opened before a
    failure are closed."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    toy = toys(launcher=Launcher(is_forking=is_forking))
    in_use = {int(name) for name in os.listdir("/proc/self/fd")}
    free = [number for number in range(1000) if number not in in_use]
    details = set()
    for spare in range(30):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (free[spare], limits[1]))
            toy.supervisor.start()
            toy.wait_for(lambda: toy.status.detail or toy.status.pid, "a process or a reason")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        if toy.status.pid:
            break
        details.add(toy.status.detail)
        toy.supervisor.stop()
        toy.until("off")
    toy.until_results()
    assert all("Too many open files" in detail for detail in details)
    assert len(details) >= 2, "at the shared memory, and later"


@pytest.mark.only_on("linux", reason="only Linux shows another process's files")
def test_what_a_child_prints_stays_below_a_megabyte(toys: Any, wait_for: Any) -> None:
    toy = toys()
    toy.supervisor.set_values({"/toy/idle": "chatter"})
    toy.supervisor.start()
    pid = toy.until_results(5).pid
    file = f"/proc/{pid}/fd/2"
    toy.supervisor.set_values({"/toy/idle": ""})
    wait_for(lambda: os.stat(file).st_size < 1 << 20, "the cut")


@pytest.mark.only_on("linux", "darwin", reason="signals and sessions of POSIX")
def test_a_signal_to_the_whole_group_does_not_end_a_child(toys: Any) -> None:
    toy = toys()
    pid = toy.run().pid
    for number in (2, 15):  # SIGINT, SIGTERM
        os.kill(pid, number)
    toy.until_results(toy.status.results + 5)
    assert toy.status.pid == pid
    assert os.getsid(pid) != os.getsid(0), "Ctrl-C in the engine's terminal does not reach it"


@FORKS
def test_a_child_survives_its_fork_server_and_the_next_one_starts(
    toys: Any, launcher: Launcher
) -> None:
    toy = toys()
    pid = toy.run().pid
    psutil.Process(launcher.server_pid).kill()
    toy.until_results(toy.status.results + 20)
    assert (toy.status.pid, toy.states.count("restarting")) == (pid, 0)
    psutil.Process(pid).kill()
    toy.until("busy", not_pid=pid)
    assert toy.status.detail == "ended, exit status unknown (its fork server was gone)"


@FORKS
def test_a_fork_server_that_hangs_while_it_imports_is_replaced(
    toys: Any, launcher: Launcher
) -> None:
    times = Deadlines(starting_s=0.3, first_delay_s=0.02, max_delay_s=0.02)
    toy = toys(preload=("tests.children.endless_import",), times=times)
    toy.supervisor.start()
    server = toy.wait_for(lambda: launcher.server_pid, "the server")
    toy.wait_for(lambda: toy.status.detail.startswith("hung: starting for"), "the hang")
    toy.wait_for(lambda: launcher.server_pid not in (0, server), "another server")
    assert toy.status.pid == 0


@FORKS
def test_closing_while_the_fork_server_imports_leaves_nothing(
    toys: Any, launcher: Launcher
) -> None:
    toy = toys(preload=("tests.children.endless_import",))
    toy.supervisor.start()
    toy.wait_for(lambda: launcher.server_pid, "the server")
    assert toy.until("loading").pid == 0
    toy.supervisor.close()
    assert launcher.server_pid == 0


@FORKS
def test_a_process_that_survives_sigkill_is_a_driver_failure(toys: Any, launcher: Launcher) -> None:
    """A stopped server sends no exit code, so the child seems to run a second longer, as if stuck
    in a driver."""
    toy = toys({"busy": "wait"}, times=replace(SOON, running_s=1.0, exit_s=0.2))
    pid, server = bring_to(toy, "busy"), launcher.server_pid
    psutil.Process(server).suspend()
    assert toy.until("failed").detail == f"driver: process {pid} has not exited 0.2 s after SIGKILL"
    psutil.Process(server).resume()
    toy.wait_for(lambda: toy.status.pid == 0, "its end")
    assert toy.status.state == "failed"
    go_on(toy)
    toy.run()


@FORKS
def test_a_fork_server_that_dies_with_a_request_is_replaced(toys: Any, launcher: Launcher) -> None:
    toy = toys(preload=("decimal", "xml.dom.minidom", "asyncio"))
    toy.supervisor.start()
    server = toy.wait_for(lambda: launcher.server_pid, "the server")
    psutil.Process(server).kill()
    toy.until_results()
    assert (launcher.server_pid != server, toy.status.restarts, toy.status.detail) == (True, 0, "")


def test_closing_during_the_delay_after_a_death_leaves_nothing(toys: Any) -> None:
    toy = toys({"loading": "kill"}, times=Deadlines(first_delay_s=1000.0, max_delay_s=1000.0))
    toy.supervisor.start()
    toy.until("restarting")
    toy.supervisor.close()
    assert toy.status.state == "off"
