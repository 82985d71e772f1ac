"""Swaps of settings without a gap: the old pictures stay until the first new one."""

from dataclasses import replace
from typing import Any

import psutil

from engine.children.policy import Deadlines
from tests.children.toys import SERVERS, SOON, processes

ANOTHER = False, "replaced by a newer change"
STOPPED_FIRST = "stopping the previous ones first"


def test_a_swap_keeps_the_old_pictures_until_the_first_new_one(toys: Any, wait_for: Any) -> None:
    toy = toys({"grey": 1})
    toy.supervisor.set_values({"/toy/prompt": "a lake"})
    old = toy.run().pid
    assert toy.grey() == 1
    before = toy.supervisor.outputs
    toy.supervisor.set_values({"/toy/go": False})
    toy.swap({"grey": 2, "loading": "wait", "model": "another"})
    wait_for(lambda: len(processes()) == 2 + SERVERS, "the second process")
    wait_for(lambda: toy.status.coming == "loading", "its state")
    results = toy.status.results
    toy.until_results(results + 10)
    assert (toy.status.pid, toy.supervisor.outputs) == (old, before), (
        "the first keeps running beside the second"
    )
    assert toy.grey() == 1
    toy.supervisor.set_values({"/toy/go": True})
    wait_for(lambda: toy.status.pid not in (0, old), "the second process to become active")
    wait_for(lambda: toy.grey() == 2, "its picture")
    assert toy.swap_ends == [(True, "")] and toy.status.coming == ""
    assert toy.status.facts["loaded"] == "another"
    assert "restarting" not in toy.states
    assert toy.status.restarts == 0
    assert toy.status.results > results
    second = toy.status.pid
    psutil.Process(second).kill()
    toy.until("busy", not_pid=second)
    toy.until_results(toy.status.results + 3)
    assert toy.grey() == 2, "a death keeps the new settings"


def test_settings_that_fail_or_are_too_long_leave_the_old_ones_running(
    toys: Any, reports: Any
) -> None:
    toy = toys({"grey": 1})
    old = toy.run().pid
    whys = []
    for more, reason in (
        ({"loading": "raise"}, "ZeroDivisionError: one by nought"),
        ({"text": "x" * 50_000}, "toy: its settings do not fit into a message of 40000 bytes"),
    ):
        toy.swap({"grey": 2} | more)
        whys.append(f"new settings: {reason}; keeping the previous ones")
        toy.wait_for(lambda: toy.swap_ends == [(False, why) for why in whys], "the end of the swap")
        toy.until_results(toy.status.results + 5)
        assert (toy.status.pid, toy.grey()) == (old, 1)
    assert reports.lines == [("child.toy", f"toy: {why}") for why in whys]


def test_without_memory_for_two_the_first_is_stopped_and_the_second_tried_alone(
    toys: Any, reports: Any
) -> None:
    toy = toys({"grey": 1})
    old = toy.run().pid
    toy.swap({"grey": 2, "loading": "memory beside another"})
    toy.wait_for(lambda: toy.swap_ends, "the end of the swap")
    assert toy.swap_ends == [(True, "")]
    assert "memory: 7 GiB requested; stopping the previous ones first" in reports.lines[0][1]
    assert (toy.status.pid != old, toy.status.restarts, toy.grey()) == (True, 1, 2)


def test_settings_that_also_fail_alone_are_replaced_by_the_previous_ones(
    toys: Any, reports: Any
) -> None:
    toy = toys({"grey": 1})
    old = toy.run().pid
    toy.swap({"grey": 2, "loading": "memory, finally"})
    why = "new settings: memory: 7 GiB requested; "
    toy.wait_for(
        lambda: toy.swap_ends == [(False, why + "back to the previous ones")], "the end of the swap"
    )
    ends = STOPPED_FIRST, "back to the previous ones"
    assert reports.lines == [("child.toy", f"toy: {why}{end}") for end in ends]
    assert toy.grey() == 1, "the first one's last picture can still be read"
    status = toy.until("busy")
    assert (status.pid != old, status.facts["grey"], status.restarts) == (True, 1, 2)


def test_if_the_first_process_dies_during_a_swap_the_second_takes_over(toys: Any) -> None:
    toy = toys({"grey": 1})
    old = toy.run().pid
    toy.swap({"grey": 2, "loading": "wait"})
    toy.wait_for(lambda: len(processes()) == 2 + SERVERS, "the second process")
    psutil.Process(old).kill()
    toy.until("loading", not_pid=old)
    assert toy.grey() == 1
    toy.supervisor.set_values({"/toy/go": True})
    toy.until_results(toy.status.results + 3)
    assert toy.grey() == 2
    assert toy.status.restarts == 0


def test_a_working_model_is_restored_if_it_is_killed_during_a_failing_swap(toys: Any) -> None:
    toy = toys({"grey": 1})
    old = toy.run().pid
    toy.swap({"grey": 2, "loading": "wait", "compiling": "memory, finally"})
    toy.wait_for(lambda: len(processes()) == 2 + SERVERS, "the second process")
    psutil.Process(old).kill()
    second = toy.until("loading", not_pid=old).pid
    toy.supervisor.set_values({"/toy/go": True})
    why = "new settings: memory: 7 GiB requested; back to the previous ones"
    toy.wait_for(lambda: toy.swap_ends == [(False, why)], "the end of the swap")
    status = toy.until("busy", not_pid=second)
    assert (status.facts["grey"], status.detail, "failed" in toy.states) == (1, why, False)


def test_a_paused_childs_swap_ends_and_its_last_picture_stays(toys: Any) -> None:
    toy = toys({"grey": 1}, times=replace(SOON, quiet_s=0.2))
    old = toy.run().pid
    toy.supervisor.set_values({"/toy/paint": False})
    toy.until("ready")
    before = toy.supervisor.outputs
    toy.swap({"grey": 2})
    toy.wait_for(lambda: toy.swap_ends == [(True, "")], "the end of the swap")
    toy.wait_for(lambda: len(processes()) == 1 + SERVERS, "the end of the first process")
    assert (toy.status.pid != old, toy.supervisor.outputs, toy.grey()) == (True, before, 1)
    toy.supervisor.set_values({"/toy/paint": True})
    toy.wait_for(lambda: toy.grey() == 2, "its picture")


def test_a_stop_or_restart_aborts_a_swap(toys: Any) -> None:
    toy = toys({"grey": 1})
    toy.supervisor.start()
    for order, why in (
        (toy.supervisor.stop, "it was stopped"),
        (toy.supervisor.restart, "it was restarted"),
    ):
        toy.supervisor.start()
        toy.grey()
        toy.swap_ends.clear()
        toy.swap({"grey": 2, "loading": "wait"})
        toy.wait_for(lambda: len(processes()) == 2 + SERVERS, "the second process")
        order()
        toy.wait_for(lambda why=why: toy.swap_ends == [(False, why)], "the end of the swap")
    toy.wait_for(lambda: len(processes()) == 1 + SERVERS, "the end of the other process")
    toy.wait_for(
        lambda: toy.status.state == "busy" and toy.status.facts.get("grey") == 1, "the old settings"
    )
    toy.swap({"grey": 3, "loading": "wait"})
    toy.supervisor.close()  # leaves nothing


def test_a_swap_to_the_same_settings_changes_nothing(toys: Any) -> None:
    toy = toys({"grey": 1})
    pid = toy.run().pid
    toy.swap({"grey": 1})
    toy.until_results(toy.status.results + 5)
    toy.swap({"grey": 2, "loading": "wait"})
    toy.wait_for(lambda: len(processes()) == 2 + SERVERS, "the second process")
    toy.swap({"grey": 1})
    toy.wait_for(lambda: len(processes()) == 1 + SERVERS, "its end")
    assert (toy.status.pid, toy.grey()) == (pid, 1)
    assert toy.swap_ends == [(True, ""), ANOTHER, (True, "")]


def test_other_settings_end_a_failure_and_the_same_do_not(toys: Any) -> None:
    toy = toys({"loading": "memory, finally"})
    toy.supervisor.start()
    toy.until("failed")
    toy.swap({"loading": "memory, finally"})
    answers: list[str] = []
    toy.supervisor.call("double", 1, on_answer=lambda is_done, text: answers.append(text))
    toy.wait_for(lambda: answers == ["toy is failed"], "the answer")
    toy.swap({"grey": 5})
    toy.until_results()
    assert toy.grey() == 5


def test_a_stop_keeps_settings_that_have_replaced_others_for_the_next_start(toys: Any) -> None:
    toy = toys({"grey": 1, "loading": "wait"})
    toy.supervisor.start()
    toy.until("loading")
    toy.swap({"grey": 2, "loading": "wait", "model": "another"})
    toy.supervisor.stop()
    toy.wait_for(lambda: toy.swap_ends == [(True, "")], "the end of the swap")
    toy.supervisor.set_values({"/toy/go": True})
    toy.run()
    assert toy.grey() == 2


def test_failing_settings_for_a_child_that_just_died_are_replaced_by_the_previous_ones(
    toys: Any,
) -> None:
    toy = toys({"grey": 1}, times=Deadlines(first_delay_s=1000.0, max_delay_s=1000.0))
    toy.supervisor.start()
    psutil.Process(toy.until_results().pid).kill()
    toy.until("restarting")
    toy.swap({"grey": 2, "loading": "raise"})
    toy.wait_for(lambda: toy.swap_ends, "the end of the swap")
    assert toy.until("busy").facts["grey"] == 1
