"""Fake of Ableton Link's library: a session of its own, without a network.

FAKE_LINK names a file with what happens: `peers N`, `peers N playing` (since now), or `missing`,
`die`, `hang` at the next look at the session. Bars of three are one beat ahead of bars of four.
"""

import os
import time
from pathlib import Path

SHIFT_MICROS = 12_345_678
"""Its clock is ahead of `time.perf_counter` by this much."""


def _read_state() -> list[str]:
    return Path(os.environ["FAKE_LINK"]).read_text(encoding="utf-8").split()


if _read_state() == ["missing"]:
    raise ImportError("no module named link")


class Clock:
    def micros(self) -> int:
        return int(time.perf_counter() * 1e6) + SHIFT_MICROS


class SessionState:
    def __init__(self, bpm: float, beat: float, micros: int) -> None:
        self._line = bpm, beat, micros

        self._starts = 0

    def isPlaying(self) -> bool:
        is_playing = _read_state()[2:] == ["playing"]
        if not is_playing:
            self._starts = 0
        elif not self._starts:
            self._starts = Clock().micros()
        return is_playing

    def timeForIsPlaying(self) -> int:
        return self._starts

    def requestBeatAtStartPlayingTime(self, beat: float, quantum: float) -> None:
        self._line = self._line[0], beat, self._starts

    def tempo(self) -> float:
        return self._line[0]

    def beatAtTime(self, micros: int, quantum: float) -> float:
        bpm, beat, at = self._line
        return beat + (micros - at) * bpm / 60e6 + (4.0 - quantum)

    def setTempo(self, bpm: float, micros: int) -> None:
        self._line = bpm, self.beatAtTime(micros, 4.0), micros


class Link:
    def __init__(self, bpm: float) -> None:
        self.enabled = self.startStopSyncEnabled = False
        self._state = SessionState(bpm, 0.0, 0)

    def clock(self) -> Clock:
        return Clock()

    def numPeers(self) -> int:
        state = _read_state()
        if state == ["die"]:
            os._exit(7)
        if state == ["hang"]:
            time.sleep(3600)
        return int(state[1]) if state else 0

    def captureAppSessionState(self) -> SessionState:
        assert self.enabled
        return self._state

    def commitAppSessionState(self, state: SessionState) -> None:
        self._state = state
