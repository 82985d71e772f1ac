"""Other settings without a gap: the old pictures are there until the first new one."""

import os
import signal
from collections.abc import Callable
from typing import Any

import numpy as np

from engine.ipc import FrameRing
from tests.children.toys import processes


def test_a_swap_keeps_the_old_pictures_until_the_first_new_one(
    toys: Callable[..., Any], wait_for: Callable[..., Any]
) -> None:
    toy = toys({"grey": 1})
    toy.supervisor.set_values({"/toy/prompt": "a lake"})
    toy.supervisor.start()
    old = toy.until_results().pid
    assert toy.grey() == 1
    before = toy.supervisor.outputs
    toy.supervisor.set_values({"/toy/go": False})
    toy.supervisor.swap({"grey": 2, "loading": "wait", "model": "another"})
    wait_for(lambda: len(processes()) == 3, "the second process")
    results = toy.status.results
    toy.until_results(results + 10)
    assert (toy.status.pid, toy.supervisor.outputs) == (old, before), "the first goes on beside the second"
    assert toy.grey() == 1
    toy.supervisor.set_values({"/toy/go": True})
    wait_for(lambda: toy.status.pid not in (0, old), "the second in charge")
    wait_for(lambda: toy.grey() == 2, "its picture")
    assert toy.status.facts["loaded"] == "another"
    assert "restarting" not in toy.states
    assert toy.status.restarts == 0
    assert toy.status.results > results


def test_a_death_after_a_swap_starts_with_the_new_settings(
    toys: Callable[..., Any], wait_for: Callable[..., Any]
) -> None:
    toy = toys({"grey": 1})
    toy.supervisor.start()
    old = toy.until_results().pid
    toy.supervisor.swap({"grey": 2})
    wait_for(lambda: toy.grey() == 2, "the second's picture")
    second = toy.status.pid
    os.kill(second, signal.SIGKILL)
    assert toy.until("busy", not_pid=second).pid != old
    toy.until_results(toy.status.results + 3)
    assert toy.grey() == 2


def test_settings_that_fail_leave_the_old_ones_running(
    toys: Callable[..., Any], wait_for: Callable[..., Any], reports: Any
) -> None:
    toy = toys({"grey": 1})
    toy.supervisor.start()
    old = toy.until_results().pid
    toy.supervisor.swap({"grey": 2, "loading": "raise"})
    wait_for(lambda: reports.lines, "the report")
    assert reports.lines == [("child.toy", "toy: new settings: ZeroDivisionError: one by nought; the former go on")]
    toy.until_results(toy.status.results + 5)
    assert (toy.status.pid, toy.grey()) == (old, 1)


def test_without_memory_for_two_the_first_is_stopped_and_the_second_tried_alone(
    toys: Callable[..., Any], wait_for: Callable[..., Any], reports: Any
) -> None:
    toy = toys({"grey": 1})
    toy.supervisor.start()
    old = toy.until_results().pid
    toy.supervisor.set_values({"/toy/go": False})
    toy.supervisor.swap({"grey": 2, "loading": "memory"})
    status = toy.wait_for(lambda: toy.status if toy.status.pid not in (0, old) else None, "the second alone")
    assert "memory: 7 GiB asked for; the former are stopped first" in reports.lines[0][1]
    assert status.restarts >= 1
    assert toy.grey() == 1, "the first one's last picture is still there to be read"


def test_the_first_one_dying_during_a_swap_leaves_it_to_the_second(toys: Callable[..., Any]) -> None:
    toy = toys({"grey": 1})
    toy.supervisor.start()
    old = toy.until_results().pid
    toy.supervisor.swap({"grey": 2, "loading": "wait"})
    toy.wait_for(lambda: len(processes()) == 3, "the second process")
    os.kill(old, signal.SIGKILL)
    toy.until("loading", not_pid=old)
    assert toy.grey() == 1
    toy.supervisor.set_values({"/toy/go": True})
    toy.until_results(toy.status.results + 3)
    assert toy.grey() == 2
    assert toy.status.restarts == 0


def test_stopping_and_closing_during_a_swap_leave_nothing(toys: Callable[..., Any]) -> None:
    toy = toys({"grey": 1})
    toy.supervisor.start()
    toy.until_results()
    toy.supervisor.swap({"grey": 2, "loading": "wait"})
    toy.wait_for(lambda: len(processes()) == 3, "the second process")
    toy.supervisor.stop()
    toy.until("off")
    toy.supervisor.start()
    toy.until_results(toy.status.results + 1)
    toy.supervisor.swap({"grey": 3, "loading": "wait"})
    toy.supervisor.close()


def test_the_last_of_several_swaps_in_a_row_wins(toys: Callable[..., Any], wait_for: Callable[..., Any]) -> None:
    toy = toys({"grey": 1})
    toy.supervisor.start()
    toy.until_results()
    for grey in (2, 3, 4):
        toy.supervisor.swap({"grey": grey})
    wait_for(lambda: toy.grey() == 4, "the last settings' picture")


def test_a_swap_to_what_there_is_changes_nothing(toys: Callable[..., Any]) -> None:
    toy = toys({"grey": 1})
    toy.supervisor.start()
    pid = toy.until_results().pid
    toy.supervisor.swap({"grey": 1})
    toy.until_results(toy.status.results + 5)
    toy.supervisor.swap({"grey": 2, "loading": "wait"})
    toy.wait_for(lambda: len(processes()) == 3, "the second process")
    toy.supervisor.swap({"grey": 1})
    toy.wait_for(lambda: len(processes()) == 2, "its end")
    assert (toy.status.pid, toy.grey()) == (pid, 1)


def test_a_failure_is_not_led_out_of_by_the_same_settings(toys: Callable[..., Any]) -> None:
    toy = toys({"loading": "memory, finally"})
    toy.supervisor.start()
    toy.until("failed")
    toy.supervisor.swap({"loading": "memory, finally"})
    answers: list[str] = []
    toy.supervisor.call("double", 1, on_answer=lambda is_done, text: answers.append(text))
    toy.wait_for(lambda: answers == ["toy is failed"], "the answer")


def test_settings_too_long_for_a_letter_leave_the_old_ones_running(toys: Callable[..., Any], reports: Any) -> None:
    toy = toys({"grey": 1})
    toy.supervisor.start()
    pid = toy.until_results().pid
    toy.supervisor.swap({"grey": 2, "text": "x" * 50_000})
    why = "new settings: toy: its settings do not fit into a letter of 40000 bytes; the former go on"
    toy.wait_for(lambda: toy.status.detail == why, "the reason")
    assert (toy.status.pid, toy.grey()) == (pid, 1)


def test_a_swap_while_off_is_for_the_next_start(toys: Callable[..., Any], wait_for: Callable[..., Any]) -> None:
    toy = toys({"grey": 1})
    toy.supervisor.swap({"grey": 2})
    toy.supervisor.start()
    wait_for(lambda: toy.grey() == 2, "the picture")


def test_other_settings_lead_out_of_a_failure(toys: Callable[..., Any]) -> None:
    toy = toys({"loading": "memory, finally"})
    toy.supervisor.start()
    toy.until("failed")
    toy.supervisor.swap({"grey": 5})
    toy.until_results()
    assert toy.grey() == 5


def test_readers_keep_the_last_picture_of_a_child_that_was_killed(toys: Callable[..., Any]) -> None:
    toy = toys({"grey": 9})
    toy.supervisor.start()
    toy.until_results()
    reader = FrameRing.attach(toy.wait_for(lambda: toy.supervisor.outputs.get("picture"), "the output"))
    os.kill(toy.status.pid, signal.SIGKILL)
    toy.until("restarting", "loading")
    frame = reader.latest()
    np.testing.assert_array_equal(frame.pixels, 9)
    reader.close()
