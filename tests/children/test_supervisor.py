"""A child's normal operation: values, inputs, outputs, commands, restarts, stops."""

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from engine.children.launcher import Launcher
from engine.children.process import MAX_CALLS
from engine.children.spec import ChildStatus
from engine.children.supervisor import Supervisor
from engine.errors import SharedMemoryError
from engine.ipc import AudioRing, FrameRing, Gate
from tests.children.toys import SOON_KILLED, SPEC


def test_a_child_loads_then_publishes_pictures(toys: Any) -> None:
    toy = toys({"model": "tiny", "grey": 7}, niceness=13)
    assert toy.status.state == "off"
    toy.supervisor.start()
    status = toy.until_results(3)
    assert toy.grey() == 7
    assert status.pid != os.getpid()
    assert status.ms_a_result > 0.0
    assert status.facts["loaded"] == "tiny"
    if sys.platform != "win32":  # there the class is set by CreateProcess, which Wine ignores
        assert status.facts["nice"] == max(13, os.nice(0))
    group = Path(f"/proc/{status.pid}/autogroup")
    assert not group.exists() or group.read_text(encoding="ascii").endswith("nice 10\n"), (
        "the kernel compares groups"
    )
    assert toy.states[0] == "loading"
    toy.until("busy")
    toy.supervisor.close()
    assert (toy.status.state, toy.status.pid, toy.status.facts["loaded"]) == ("off", 0, "tiny"), (
        "its last facts stay"
    )
    assert toy.status.ms_a_result > 0.0
    toy.supervisor.close()  # and calls afterwards are harmless
    toy.supervisor.start()
    toy.supervisor.set_values({"/toy/prompt": "too late"})
    toy.supervisor.connect_input("source", "none")
    assert (toy.status.state, toy.supervisor.wants_frame) == ("off", False)


def test_more_values_than_fit_into_one_message_all_arrive_and_a_note_is_reported_under_its_name(
    toys: Any, wait_for: Any, reports: Any
) -> None:
    toy = toys({"compiling": "note"})
    toy.supervisor.set_values({f"/toy/text/{number}": "x" * 30_000 for number in range(20)})
    toy.supervisor.set_values({"/toy/long": "x" * 70_000, "/toy/prompt": "the last"})
    toy.supervisor.start()
    wait_for(lambda: toy.status.facts.get("prompt") == "the last", "the last value")
    assert sorted(reports.lines) == [
        ("child.toy.odd", "toy: the lake is frozen"),  # a note of the child
        ("child.toy.value", "toy: /toy/long does not fit into a message of 40000 bytes: not sent"),
    ]


def test_a_stopped_child_does_not_fill_the_pipe(toys: Any, reports: Any) -> None:
    toy = toys()
    pid = toy.run().pid
    psutil.Process(pid).suspend()
    refused: list[str] = []
    for number in range(MAX_CALLS + 50):
        toy.supervisor.set_values({"/toy/prompt": f"{number}" + "x" * 30_000})
        toy.supervisor.call("double", number, on_answer=lambda is_done, text: refused.append(text))
        # each refusal proves one more round of the supervisor; in total 1.5 MB
        if number >= MAX_CALLS:
            toy.wait_for(lambda seen=number - MAX_CALLS: len(refused) > seen, "a refusal")
    assert set(refused) == {"toy: 64 commands are already waiting for an answer"}
    psutil.Process(pid).resume()
    toy.supervisor.set_values({"/toy/prompt": "after all"})
    toy.wait_for(lambda: toy.status.facts["prompt"] == "after all", "the newest prompt")
    assert (toy.status.pid, reports.lines) == (pid, [])


def test_a_command_is_answered_later_and_a_refusal_lists_the_commands(
    toys: Any, wait_for: Any
) -> None:
    toy = toys()
    answers: list[tuple[bool, str]] = []
    ask = toy.supervisor.call

    def note(is_done: bool, text: str) -> None:
        answers.append((is_done, text))
        assert threading.current_thread().name == "child toy"

    ask("double", 21, on_answer=note)
    wait_for(lambda: answers == [(False, "toy is off")], "the refusal")
    toy.run()
    ask("double", 21, on_answer=note)
    ask("treble", 21, on_answer=note)
    ask("double", "x" * 9000, on_answer=note)
    wait_for(lambda: len(answers) == 4, "the answers")
    assert sorted(answers[1:]) == [
        (False, "double: its arguments do not fit into a message of 8000 bytes"),
        (False, "unknown command 'treble'; available: empty_cache, double, grumble"),
        (True, "42"),
    ]
    ask("grumble", on_answer=note)  # kills the child
    wait_for(lambda: answers[4:] == [(False, "toy ended before it answered")], "the answer")


def test_an_input_is_read_and_another_in_its_place_too(toys: Any, wait_for: Any) -> None:
    toy = toys()
    first, second = (FrameRing.create("source", 2, 2, channels=3) for _ in range(2))
    try:
        first.write(np.full((2, 2, 3), 50, np.uint8), index=0, time_s=0.0)
        second.write(np.full((2, 2, 3), 60, np.uint8), index=0, time_s=0.0)
        toy.supervisor.connect_input("source", first.segment)
        toy.run()
        assert toy.grey() == 50
        toy.supervisor.connect_input("source", second.segment)
        wait_for(lambda: toy.grey() == 60, "the second ring's picture")
    finally:
        first.close()
        second.close()


def test_an_output_of_another_size_is_a_new_segment(toys: Any, wait_for: Any) -> None:
    toy = toys()
    toy.run()
    outputs = toy.wait_for(lambda: toy.supervisor.outputs, "outputs")
    before = outputs["picture"]
    toy.until_results(20)
    assert toy.supervisor.outputs is outputs
    with pytest.raises(TypeError):
        outputs["picture"] = "mine"
    toy.supervisor.set_values({"/toy/width": 16})
    wait_for(lambda: toy.supervisor.outputs["picture"] != before, "a new segment")
    reader = FrameRing.attach(toy.supervisor.outputs["picture"])
    assert reader.shape == (4, 16, 3)
    reader.close()
    with pytest.raises(SharedMemoryError):
        FrameRing.attach(before)


def test_a_stopped_child_is_off_publishes_and_wants_nothing_until_started_again(toys: Any) -> None:
    toy = toys({"stopping": "exit 3"})
    first = toy.run()
    assert not toy.supervisor.wants_frame
    toy.supervisor.set_values({"/toy/wants_frame": True})
    toy.wait_for(lambda: toy.supervisor.wants_frame, "the wish")
    toy.supervisor.stop()
    status = toy.until("off")
    assert (status.pid, status.restarts, dict(toy.supervisor.outputs)) == (0, 0, {})
    assert status.detail == "", "it is not killed before its timeout"
    assert not toy.supervisor.wants_frame
    toy.supervisor.start()
    assert toy.until("busy").pid != first.pid
    assert toy.status.restarts == 0


def test_a_restart_replays_values_and_inputs_to_another_process(toys: Any, wait_for: Any) -> None:
    toy, ring = toys(), FrameRing.create("source", 2, 2, channels=3)
    try:
        ring.write(np.full((2, 2, 3), 90, np.uint8), index=0, time_s=0.0)
        toy.supervisor.connect_input("source", ring.segment)
        toy.supervisor.set_values({"/toy/prompt": "a lake"})
        toy.supervisor.start()
        pid = toy.until("busy").pid
        toy.supervisor.restart()
        toy.until("busy", not_pid=pid)
        wait_for(lambda: toy.status.facts.get("prompt"), "its first picture")
        assert (toy.status.facts["prompt"], toy.status.restarts, toy.grey()) == ("a lake", 1, 90)
    finally:
        ring.close()


def test_the_old_process_is_gone_before_the_next_starts(toys: Any) -> None:
    toy = toys(times=SOON_KILLED)
    old = toy.run().pid
    both: list[bool] = []

    def look(status: ChildStatus) -> None:
        if status.pid not in (0, old):
            both.append(psutil.pid_exists(old))

    toy.supervisor.subscribe(look)
    psutil.Process(old).suspend()
    toy.supervisor.restart()
    toy.wait_for(lambda: both, "the next process")
    assert not any(both)


def test_the_frame_loop_never_waits_while_a_child_is_being_started(
    toys: Any, launcher: Launcher
) -> None:
    """Counted, not timed: thousands of calls happen while one process and its server start."""
    toy = toys()
    toy.supervisor.start()
    calls = 0
    while toy.status.results == 0:
        toy.supervisor.set_values({"/toy/number": calls})
        _ = toy.supervisor.outputs, toy.supervisor.wants_frame
        calls += 1
        time.sleep(0)
    assert calls > 100


def test_a_child_sees_the_engines_gate(wait_for: Any, reports: Any) -> None:
    gate = Gate.create()
    gate.period_ns = 16_666_667
    supervisor = Supervisor(SPEC, report=reports, gate=gate)
    try:
        supervisor.start()
        wait_for(
            lambda: supervisor.status().facts.get("period_ns") == 16_666_667, "the gate's period"
        )
    finally:
        supervisor.close()
        gate.close()


def test_sound_goes_through_a_child_by_sample_number(toys: Any, wait_for: Any) -> None:
    toy = toys(loop="tests.children.toy:hum")
    voice, reader = AudioRing.create("voice", channels=2, rate_hz=1000, seconds=1.0), None
    try:
        ramp = np.arange(600, dtype=np.float32).reshape(300, 2)
        voice.write(ramp)
        toy.supervisor.connect_input("voice", voice.segment)
        toy.supervisor.start()
        reader = AudioRing.open(wait_for(lambda: toy.supervisor.outputs.get("voice"), "the output"))
        wait_for(lambda: reader.end_sample == 300, "all of it")
        np.testing.assert_array_equal(reader.read(0, 300), 2.0 * ramp)
    finally:
        voice.close()
        if reader is not None:
            reader.close()
