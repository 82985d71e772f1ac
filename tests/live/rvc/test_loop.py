"""The voice child: a real process with a tiny voice that makes a sine at the input's pitch, or
noise."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from engine.ipc import Gate
from tests.live.rvc.rig import BLOCK, LAG, VoiceRig, pitch_of, tone
from tests.support.long_form import in_long_form

WaitFor = Callable[..., Any]
CENT = 2 ** (1 / 1200)
SOON = 320  # samples: what a pitch tracker and a crossfade blur


@pytest.fixture(scope="module")
def rig(singing_voice: Path, fork_server: None) -> Iterator[VoiceRig]:
    rig = VoiceRig(singing_voice)
    rig.supervisor.start()
    yield rig
    rig.close()


@pytest.fixture
def singing(rig: VoiceRig, wait_for: WaitFor) -> VoiceRig:
    """A rig in the middle of a 220 Hz phrase; the listener is at the end of the output."""
    rig.reset({})
    rig.wait_until_applied(wait_for)
    rig.sing_on(wait_for, blocks=3)
    rig.skip()
    return rig


def convert_tone(rig: VoiceRig, wait_for: WaitFor, blocks: int, hz: float = 220.0) -> np.ndarray:
    """The output during a tone, which must be complete."""
    rig.sing_on(wait_for, blocks, hz)
    sound, presence = rig.take(blocks * BLOCK)
    assert presence.all()
    return sound


def test_sample_n_of_the_output_is_made_from_sample_n_of_the_input(
    singing: VoiceRig, wait_for: WaitFor
) -> None:
    """The tone keeps its pitch, and rises a fifth at sample `step`, and so does the output; no
    sample is missing."""
    first = singing.read_to
    singing.sing_on(wait_for, 2)
    step = singing.voice.end_sample
    singing.sing_on(wait_for, 3, hz=330.0)
    sound, presence = singing.take(5 * BLOCK)
    assert presence.all() and np.sqrt(np.mean(sound**2)) > 0.1
    before, after = sound[: step - first - SOON], sound[step - first + SOON :]
    assert pitch_of(before) == pytest.approx(220.0, rel=20 * (CENT - 1))
    assert pitch_of(after) == pytest.approx(330.0, rel=20 * (CENT - 1))
    assert singing.fact("skipped") in (0, None) and singing.status.restarts == 0
    singing.set({"/rvc/pitch": 12.0})
    singing.wait_until_applied(wait_for)
    sound = convert_tone(singing, wait_for, 3, hz=330.0)
    assert pitch_of(sound[LAG + SOON :]) == pytest.approx(660.0, rel=20 * (CENT - 1)), (
        "from the next block on"
    )


def test_blocks_of_another_length_continue_in_time_without_repeating_a_sample(
    singing: VoiceRig, wait_for: WaitFor
) -> None:
    singing.set({"/rvc/block_ms": 150.0, "/rvc/crossfade_ms": 50.0})
    wait_for(lambda: singing.fact("block_ms") == 150.0, "blocks of another length")
    assert singing.fact("lag_ms") == 60.0
    singing.wait_until_applied(wait_for)
    block, lag, began = 2400, 960, singing.voice.end_sample
    for _ in range(9):
        singing.sing()
        end = singing.voice.end_sample // block * block - lag
        if end > began:
            wait_for(lambda end=end: singing.converted_end() >= end, f"sample {end}")
    sound, presence = singing.take(end - singing.read_to)
    assert not (presence[began - end :] == 0.0).any(), "whole from the change on"
    assert pitch_of(sound[began - end :]) == pytest.approx(220.0, rel=20 * (CENT - 1))


def test_it_stops_when_switched_off_and_continues_when_switched_on(
    singing: VoiceRig, wait_for: WaitFor
) -> None:
    singing.set({"/rvc/enable": False})
    singing.wait_until_applied(wait_for)
    converted_end, results = singing.converted_end(), singing.status.results
    singing.sing(blocks=3)
    singing.wait_until_applied(wait_for)
    assert (singing.converted_end(), singing.status.results) == (converted_end, results)
    singing.set({"/rvc/enable": True})
    singing.wait_until_applied(wait_for)
    wait_for(lambda: singing.status.state == "ready", "its waiting for the voice: nothing hangs")
    began = singing.voice.end_sample
    singing.sing_on(wait_for, 3)
    sound, presence = singing.take(singing.voice.end_sample - LAG - singing.read_to)
    assert presence[began - (singing.voice.end_sample - LAG) :].all()
    assert not presence[: -(3 * BLOCK + LAG)].any(), "what was said meanwhile is not made up for"
    assert pitch_of(sound[-2 * BLOCK :]) == pytest.approx(220.0, rel=20 * (CENT - 1))


def test_more_than_a_block_behind_it_skips_blocks_and_counts_them(
    singing: VoiceRig, wait_for: WaitFor
) -> None:
    before = singing.fact("skipped") or 0
    singing.sing(blocks=8)
    singing.sing_on(wait_for)
    wait_for(lambda: (singing.fact("skipped") or 0) > before, "the count")
    skipped = singing.fact("skipped") - before
    assert 5 <= skipped <= 8, "of nine, the newest is made, and what came in the meantime"
    _, presence = singing.take(9 * BLOCK)
    assert (presence == 0.0).sum() >= skipped * BLOCK
    assert presence[-BLOCK + LAG :].all()


@pytest.mark.parametrize("sample", [np.nan, 1e30, *in_long_form(np.inf, -np.inf)])
def test_nan_input_does_no_harm(singing: VoiceRig, wait_for: WaitFor, sample: float) -> None:
    pid = singing.status.pid
    spoilt = tone(220.0, BLOCK, singing.voice.end_sample)
    spoilt[::7] = sample
    singing.hear(spoilt)
    convert_tone(singing, wait_for, 4)
    sound = convert_tone(singing, wait_for, 2)
    assert np.isfinite(sound).all() and np.abs(sound).max() <= 1.0
    assert pitch_of(sound) == pytest.approx(220.0, rel=20 * (CENT - 1))
    assert singing.status.pid == pid


def test_a_missing_speaker_is_noted_and_the_first_is_used(
    singing: VoiceRig, wait_for: WaitFor
) -> None:
    singing.set({"/rvc/speaker": 5})
    convert_tone(singing, wait_for, 2)
    wait_for(lambda: singing.last_report("asked"), "a report of it")
    assert "/rvc/speaker 5" in singing.last_report("asked") and "0..1" in singing.last_report(
        "asked"
    )


def test_it_reports_its_facts_and_on_request_its_stages_and_what_emptying_the_cache_freed(
    singing: VoiceRig, wait_for: WaitFor
) -> None:
    singing.set({"/rvc/profiling": True})
    stage_keys = {
        "gate_ms",
        "resample_ms",
        "content_ms",
        "pitch_ms",
        "encode_ms",
        "flow_ms",
        "decode_ms",
        "sola_ms",
    }

    def are_reported() -> bool:
        convert_tone(singing, wait_for, 1)
        return (singing.fact("decode_ms") or 0) > 0 and singing.fact("rtf") is not None

    wait_for(are_reported, "its stages")
    facts = singing.status.facts
    assert stage_keys | {"work_p50_ms", "work_p99_ms", "skipped", "memory_mb"} <= set(facts)
    assert (facts["rate_hz"], facts["version"], facts["pitch"], facts["index"]) == (
        40_000,
        "v2",
        "yin",
        "none",
    )
    assert (facts["device"], facts["dtype"], facts["block_ms"], facts["lag_ms"]) == (
        "cpu",
        "float32",
        100.0,
        30.0,
    )
    assert facts["rtf"] == pytest.approx(facts["work_p50_ms"] / 100.0, abs=1e-3)
    assert 0 < facts["work_p50_ms"] <= facts["work_p99_ms"]
    singing.set({"/rvc/profiling": False})
    wait_for(
        lambda: all(singing.fact(key) == 0.0 for key in stage_keys), "nothing of them any more"
    )
    answers: list[tuple[bool, str]] = []
    singing.supervisor.call(
        "empty_cache", on_answer=lambda is_done, text: answers.append((is_done, text))
    )
    wait_for(lambda: answers, "the answer")
    assert answers == [(True, f"freed 0 MiB, {singing.fact('memory_mb')} MiB in use")]
    convert_tone(singing, wait_for, 1)


def test_it_has_the_priority_of_the_engine(rig: VoiceRig, wait_for: WaitFor) -> None:
    """On a CPU, where children of pictures run at the lowest priority."""
    wait_for(lambda: rig.status.is_at_work, "its readiness")
    child = psutil.Process(rig.status.pid)
    assert child.nice() == psutil.Process().nice()
    if hasattr(os, "sched_getscheduler"):
        assert os.sched_getscheduler(child.pid) == os.sched_getscheduler(0)


def test_the_gate_is_up_while_it_works_and_the_environment_variables_of_voices_apply(
    open_rvc: Callable[..., VoiceRig], gate: Gate, singing_voice: Path, wait_for: WaitFor
) -> None:
    environment = {"RVC_PROFILING": "yes", "RVC_USE_FP16": "0"}
    rig = open_rvc(singing_voice, gate=gate, settings={"environment": environment})
    rig.wait_until_applied(wait_for)

    def is_seen_at_work() -> bool:
        rig.sing()  # each time: a busy machine may run the child only while this process waits
        return any(gate.is_voice_running(time.perf_counter_ns()) for _ in range(5000))

    for _ in range(2):
        assert not gate.is_voice_running(time.perf_counter_ns())
        wait_for(is_seen_at_work, "its work")
        wait_for(lambda: rig.converted_end() >= rig.voice.end_sample - LAG, "the end of it")
        wait_for(lambda: not gate.is_voice_running(time.perf_counter_ns()), "the open gate")

    def are_reported() -> bool:
        rig.sing_on(wait_for)
        return (rig.fact("decode_ms") or 0) > 0

    wait_for(are_reported, "its stages")
    assert rig.fact("dtype") == "float32"


@pytest.mark.soak
def test_its_memory_is_flat(singing: VoiceRig, wait_for: WaitFor) -> None:
    child = psutil.Process(singing.status.pid)
    for _ in range(10):
        convert_tone(singing, wait_for, 10)
    before, files = child.memory_info().rss, child.num_fds()
    for _ in range(400):
        convert_tone(singing, wait_for, 10)
    assert child.memory_info().rss - before < 8 << 20
    assert child.num_fds() == files


def test_auto_pitch_brings_a_voice_to_the_target(singing: VoiceRig, wait_for: WaitFor) -> None:
    """220 Hz to 330 Hz: a fifth in two seconds, without a step; switched off, it glides back."""
    singing.set({"/rvc/pitch_auto": True, "/rvc/pitch_target_hz": 330.0})
    singing.wait_until_applied(wait_for)
    sound = convert_tone(singing, wait_for, 26)[LAG:]
    pitches = [
        pitch_of(sound[first : first + BLOCK]) for first in range(0, len(sound) - BLOCK, BLOCK)
    ]
    steps = np.abs(12.0 * np.log2(np.array(pitches[1:]) / pitches[:-1]))
    assert pitches[-1] == pytest.approx(330.0, rel=30 * (CENT - 1)) and steps.max() < 1.0
    wait_for(
        lambda: singing.fact("transposed_semitones") == pytest.approx(7.02, abs=0.1), "the figures"
    )
    assert (
        singing.fact("speaker_hz") == pytest.approx(220.0, rel=0.01)
        and singing.fact("target_hz") == 330.0
    )
    singing.set({"/rvc/pitch_auto": False})
    singing.wait_until_applied(wait_for)
    sound = convert_tone(singing, wait_for, 24)
    assert pitch_of(sound[-2 * BLOCK :]) == pytest.approx(220.0, rel=20 * (CENT - 1))
