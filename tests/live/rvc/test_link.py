"""The engine's end of the voice child, with a real process: models are swapped during speech."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.ipc import Gate, Phase
from engine.live.rvc.converted_sound import ConvertedSound
from engine.live.rvc.entry import RvcConfig
from engine.live.rvc.link import VoiceLink
from engine.params import ParamStore
from tests.live.rvc.rig import BASE, BLOCK, LAG, RATE_HZ, pitch_of, tone

WaitFor = Callable[..., Any]
PIECE = RATE_HZ // 100
VALUES = {**BASE, "/rvc/f0": "yin"}


class Run:
    """A voice link, with the parameters, the voice and the listener of a run."""

    def __init__(self, config: RvcConfig, reports: Any, **values: object) -> None:
        self.store = ParamStore()
        self.store.set_many([*VALUES.items(), *values.items()], by="test")
        self.gate = Gate.create()
        self.refused: list[tuple[str, Any]] = []
        self.link = VoiceLink(config, gate=self.gate, report=reports, set_value=self._put_back)
        self.link.open_voice(RATE_HZ)
        self.listened = 0
        """Samples: how far the pipeline has come."""
        self._looked = ConvertedSound(self.link.supervisor, "converted")

    def _put_back(self, address: str, value: Any) -> None:
        self.refused.append((address, value))
        self.store.set(address, value)

    def start(self) -> None:
        self.link.start(self.store.snapshot())
        self.link.follow(self.store.snapshot())

    def set(self, address: str, value: object) -> None:
        self.store.set(address, value)
        self.link.follow(self.store.snapshot())

    @property
    def end_sample(self) -> int:
        voice = self.link._voice
        return 0 if voice is None else voice.end_sample

    def speak(self, wait_for: WaitFor) -> None:
        """Speak one block, and wait until all processes have converted it."""
        self.link.write_voice(tone(220.0, BLOCK, self.end_sample))
        end = self.end_sample - LAG
        wait_for(lambda: self._is_converted(end - 1), f"sample {end - 1}")
        processes = self.link.supervisor._active_counters
        wait_for(
            lambda: all(counters.progress[0] is not Phase.RUNNING for counters in processes),
            "the other's work",
        )

    def _is_converted(self, sample: int) -> bool:
        return bool(self._looked.read(sample, 1)[1][0])

    def listen(self, end: int) -> tuple[np.ndarray, np.ndarray]:
        """Read up to sample `end` in pieces of 10 ms, as the pipeline does."""
        pieces = [
            self.link.converted.read(first, PIECE) for first in range(self.listened, end, PIECE)
        ]
        self.listened = end
        sound, presence = (np.concatenate(each) for each in zip(*pieces, strict=True))
        return sound, presence

    def close(self) -> None:
        self.link.close()
        self._looked.close()
        self.gate.close()


@pytest.fixture
def folders(singing_voice: Path, tmp_path: Path) -> Path:
    """A folder of models: a v1 voice without its content encoder, a broken one, a good one."""
    other = tmp_path / "other.pth"
    shutil.copy(singing_voice / "voice.pth", other)
    shutil.copy(singing_voice / "voice.index", tmp_path / "other.index")
    stored = torch.load(other, weights_only=True)
    del stored["weight"]["dec.conv_pre.weight"]
    torch.save(stored, tmp_path / "partial.pth")
    (tmp_path / "short.pth").write_bytes(other.read_bytes()[:1000])
    return tmp_path


@pytest.fixture
def config(singing_voice: Path, folders: Path) -> RvcConfig:
    return RvcConfig(
        model=str(singing_voice / "voice.pth"),
        content=str(singing_voice / "content"),
        device="cpu",
        folders=(str(folders),),
    )


@pytest.fixture
def open_run(config: RvcConfig, reports: Any, fork_server: None) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def opened(**values: object) -> Run:
        runs.append(Run(config, reports, **values))
        return runs[-1]

    yield opened
    for run in runs:
        run.close()


@pytest.fixture
def run(open_run: Callable[..., Run], wait_for: WaitFor) -> Run:
    """A run with speech that is being converted."""
    run = open_run()
    run.start()
    wait_for(lambda: run.link.status().is_at_work, "its readiness")

    def is_audible() -> bool:
        run.link.write_voice(tone(220.0, BLOCK, run.end_sample))
        return run.link.status().results > 0

    wait_for(is_audible, "the first block")
    for _ in range(3):
        run.speak(wait_for)
    run.listened = run.end_sample - LAG - BLOCK
    return run


def test_another_model_takes_over_without_losing_a_sample(
    run: Run, folders: Path, wait_for: WaitFor
) -> None:
    before = run.link.status().pid
    run.set("/rvc/model", "other.pth")
    sounds: list[np.ndarray] = []
    follow_up = 4
    while follow_up:
        run.speak(wait_for)
        follow_up -= run.link.status().pid != before
        sound, presence = run.listen(run.end_sample - LAG - BLOCK)
        assert presence.all()
        sounds.append(sound)
    facts = run.link.status().facts
    assert (facts["model"], facts["index"]) == (
        str(folders / "other.pth"),
        str(folders / "other.index"),
    )
    assert pitch_of(np.concatenate(sounds)) == pytest.approx(220.0, rel=0.01)
    assert run.refused == [] and run.link.status().restarts == 0


def test_a_broken_model_is_refused_and_the_previous_one_continues_with_its_timing(
    run: Run, reports: Any, wait_for: WaitFor
) -> None:
    before = run.link.status().pid
    for name, why in (
        ("short.pth", "or truncated (neither a zip file nor a pickle)"),
        (
            "partial.pth",
            "1 tensors are missing, the first is dec.conv_pre.weight; keeping the previous ones",
        ),
    ):
        run.refused.clear()
        run.set("/rvc/model", name)
        wait_for(lambda: run.refused, "the refusal")
        assert run.refused == [("/rvc/model", "")]
        (line,) = [line for _, line in reports.lines if name in line]
        assert why in line and "\n" not in line
        run.link.follow(run.store.snapshot())
        run.speak(wait_for)
        assert run.link.status().pid == before
    wait_for(lambda: run.link.timing.work_p99_s, "the time of its work")
    assert (run.link.timing.block_s, run.link.timing.lag_s) == (0.1, 0.03)
    run.set("/rvc/block_ms", 200.0)
    assert run.link.timing.block_s == 0.2, "at once: the child may take it with its next block"
    wait_for(lambda: run.link.status().facts["block_ms"] == 200.0, "the longer blocks")
    run.set("/rvc/block_ms", 104.0)
    wait_for(lambda: run.link.timing.block_s == 0.1, "the shorter blocks, which are whole hops")


def test_it_starts_with_the_stored_model_or_the_default_if_that_is_gone(
    open_run: Callable[..., Run], folders: Path, reports: Any, wait_for: WaitFor
) -> None:
    restored = open_run(**{"/rvc/model": "other.pth"})
    restored.start()
    wait_for(lambda: "model" in restored.link.status().facts, "what it says of itself")
    assert restored.link.status().facts["model"] == str(folders / "other.pth")
    missing = open_run(**{"/rvc/model": "gone.pth"})
    missing.start()
    assert missing.refused == [("/rvc/model", "")] and "is not in" in reports.lines[-1][1]
    assert missing.link.supervisor.spec.settings["spec"]["model"].endswith("voice.pth")
