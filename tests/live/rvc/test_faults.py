"""Failures of the voice child: a real process with a tiny voice and injected faults."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from engine.ipc import Gate
from tests.children.toys import ATTENTIVE
from tests.live.full_card import CARD_FREE_MB
from tests.live.rvc.faults import FULL, SPOILT, TIGHT
from tests.live.rvc.rig import BLOCK, VoiceRig, pitch_of
from tests.support.hostile_pickle import Call

SOON = 320  # samples: what a pitch tracker and a crossfade blur
WaitFor = Callable[..., Any]
Open = Callable[..., VoiceRig]


@pytest.fixture(scope="module")
def gate() -> Iterator[Gate]:
    gate = Gate.create()
    yield gate
    gate.close()


@pytest.fixture(scope="module")
def rig(singing_voice: Path, gate: Gate, fork_server: None) -> Iterator[VoiceRig]:
    """The rig shared by the faults that the child survives."""
    rig = VoiceRig(singing_voice, loop="tests.live.rvc.faults:run", gate=gate, times=ATTENTIVE)
    rig.supervisor.start()
    yield rig
    rig.close()


@pytest.fixture
def singing(rig: VoiceRig, wait_for: WaitFor) -> VoiceRig:
    """The shared rig in mid-phrase."""
    rig.reset({})
    rig.wait_until_applied(wait_for)
    rig.sing_on(wait_for, 3)
    return rig


def sing_until_converted(rig: VoiceRig, wait_for: WaitFor, pid: int) -> None:
    """Send sound until another process than `pid` makes output."""
    converted_end = rig.converted_end()

    def is_converted() -> bool:
        if rig.status.pid not in (0, pid) and rig.status.is_at_work:
            rig.wait_until_applied(wait_for)
            rig.sing()
        return rig.converted_end() > converted_end

    wait_for(is_converted, "what another process makes")


def assert_in_time(rig: VoiceRig, wait_for: WaitFor) -> None:
    """The output keeps the sample numbers of the input: a fifth rises where it rose."""
    rig.skip()
    first = rig.read_to
    rig.sing_on(wait_for, 2)
    step = rig.voice.end_sample - first
    rig.sing_on(wait_for, 3, hz=330.0)
    sound, presence = rig.take(5 * BLOCK)
    assert presence.all()
    assert pitch_of(sound[: step - SOON]) == pytest.approx(220.0, rel=0.01)
    assert pitch_of(sound[step + SOON :]) == pytest.approx(330.0, rel=0.01)


def test_after_a_kill_in_mid_phrase_the_output_stays_and_the_next_process_continues_in_time(
    singing: VoiceRig, wait_for: WaitFor, gate: Gate
) -> None:
    restarts, killed = singing.status.restarts, singing.status.pid
    singing.read_to = singing.converted_end() - BLOCK
    singing.sing()
    psutil.Process(killed).kill()
    sing_until_converted(singing, wait_for, killed)
    assert singing.take(BLOCK)[1].all(), "what the killed one made is still to be heard"
    assert_in_time(singing, wait_for)
    assert singing.status.restarts == restarts + 1
    wait_for(
        lambda: not gate.is_voice_running(time.perf_counter_ns()),
        "the gate of the killed one to open",
    )


def test_nan_output_is_dropped_and_counted(singing: VoiceRig, wait_for: WaitFor) -> None:
    singing.skip()
    first, pid = singing.read_to, singing.status.pid
    singing.set({"/rvc/rms_mix": SPOILT})
    singing.wait_until_applied(wait_for)
    before = singing.fact("nan") or 0
    for _ in range(2):
        singing.sing()
        singing.wait_until_applied(wait_for)
    singing.set({"/rvc/rms_mix": 0.0})
    singing.wait_until_applied(wait_for)
    singing.sing_on(wait_for, 3)
    sound, presence = singing.take(5 * BLOCK)
    assert not sound[: 2 * BLOCK].any() and not presence[: 2 * BLOCK].any()
    assert presence[2 * BLOCK + 320 :].all(), "but for the first crossfade"
    notes = [line for key, line in singing.reports if key == "child.rvc.nan"]
    assert len(notes) == 1 and "not finite" in notes[0]
    wait_for(lambda: singing.fact("nan") == before + 2, "the count")
    assert singing.status.pid == pid and first == singing.read_to - 5 * BLOCK
    assert_in_time(singing, wait_for)


def test_out_of_memory_frees_caches_and_retries(singing: VoiceRig, wait_for: WaitFor) -> None:
    pid = singing.status.pid
    singing.set({"/rvc/rms_mix": TIGHT})
    singing.wait_until_applied(wait_for)
    singing.sing_on(wait_for, 4)
    assert singing.status.pid == pid
    assert_in_time(singing, wait_for)


def test_a_device_that_stays_out_of_memory_ends_the_child_without_restart_and_names_a_remedy(
    open_rvc: Open, singing_voice: Path, wait_for: WaitFor
) -> None:
    rig = open_rvc(singing_voice)
    rig.wait_until_applied(wait_for)
    rig.sing_on(wait_for)
    wait_for(
        lambda: rig.fact("card_free_mb") == CARD_FREE_MB,
        "what a card has left, with the other facts",
    )
    rig.set({"/rvc/rms_mix": FULL})
    rig.wait_until_applied(wait_for)
    rig.sing()
    detail = rig.failure(wait_for)
    assert (
        detail == "memory: cpu: no memory for a window of 300 ms; set a smaller /rvc/extra_ms or "
        "/rvc/block_ms"
    )


def test_what_cannot_be_loaded_ends_the_child_without_restart_and_runs_no_code(
    open_rvc: Open, tiny_voice: Path, tmp_path: Path, wait_for: WaitFor
) -> None:
    from tests.support.tiny_voice import write_index

    sprung, narrow = tmp_path / "sprung", tmp_path / "narrow.index"
    trapped, cut = (
        shutil.copytree(tiny_voice, tmp_path / name) / "voice.pth" for name in ("trapped", "cut")
    )
    torch.save(
        torch.load(trapped, weights_only=True) | {"info": Call(os.system, f"touch {sprung}")},
        trapped,
    )
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    write_index(narrow, np.random.default_rng(0).standard_normal((64, 256)).astype(np.float32))
    cases = (
        (
            open_rvc(tiny_voice, settings={"no_room": True}),
            ("voice.pth: not enough memory for its weights on cpu",),
        ),
        (open_rvc(trapped.parent), (str(trapped), "refused", "system")),
        (open_rvc(cut.parent), (f"model: {cut}",)),
        (open_rvc(tiny_voice, spec={"index": str(narrow)}), (str(narrow), "256", "768")),
        (open_rvc(tmp_path), (str(tmp_path / "voice.pth"),)),
    )
    for rig, phrases in cases:
        detail = rig.failure(wait_for)
        assert all(phrase in detail for phrase in phrases), detail
    assert not sprung.exists()
