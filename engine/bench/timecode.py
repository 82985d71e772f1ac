"""The LTC decoder on tapes with known labels: what a second of sound costs, and the share of frames read."""

import time
from typing import Any, Final

import numpy as np

from engine.audio.ltc import LtcDecoder
from engine.bench.beat_songs import RATE_HZ
from engine.bench.ltc_tape import FPS, label, ltc_tape
from engine.bench.progress import Progress

COST_S: Final = 20.0
FRAMES: Final = 250  # of a tape: ten seconds at its own speed
SPEEDS: Final = (0.6, 1.0, 2.0, -1.0)
NOISES_DB: Final = (20.0, 6.0, 3.0)  # of the square wave above the noise
BLOCK: Final = round(RATE_HZ * 0.01)


def measure(progress: Progress) -> dict[str, Any]:
    """Shares of the frames on each tape, by speed and signal-to-noise ratio; labels that are on no tape count apart."""
    progress("timecode", 0.0)
    sound = ltc_tape(round(COST_S * FPS))
    started_s = time.process_time()
    _decode(sound)
    cost_ms = 1000.0 * (time.process_time() - started_s) / COST_S
    labels = {label(number) for number in range(FRAMES)}
    shares, wrong = {}, 0
    for number, speed in enumerate(SPEEDS):
        progress("timecode", number / len(SPEEDS))
        for noise_db in NOISES_DB:
            read = _decode(ltc_tape(FRAMES, speed=speed, snr_db=noise_db))
            shares[f"speed {speed:g}, SNR {noise_db:g} dB"] = round(len(set(read) & labels) / FRAMES, 3)
            wrong += sum(each not in labels for each in read)
    return {"cpu_ms_per_second_of_sound": round(cost_ms, 2), "frames_read": shares, "wrong_frames": wrong}


def _decode(sound: np.ndarray) -> list[tuple[int, int, int, int]]:
    decoder = LtcDecoder(RATE_HZ)
    return [
        (frame.hours, frame.minutes, frame.seconds, frame.frames)
        for at in range(0, sound.size, BLOCK)
        for frame in decoder.feed(sound[at : at + BLOCK])
    ]
