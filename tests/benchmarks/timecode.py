"""The LTC decoder on tapes with known labels: what a second of sound costs, and the share of frames read.

A tape is synthetic LTC (SMPTE 12M-1) played at any constant speed, forward or backward, with white noise.
"""

import time
from typing import Any, Final

import numpy as np

from engine.audio.ltc import LtcDecoder
from engine.bench.measuring import Progress
from tests.benchmarks.beat_songs import RATE_HZ

FPS = 25
SYNC = (0, 0, *[1] * 12, 0, 1)
LEVEL = 0.5
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


def ltc_tape(frames: int, *, speed: float = 1.0, snr_db: float | None = None) -> np.ndarray:
    """(n,) float32 at RATE_HZ: the labels 01:00:00:00 and on at 25 frames a second, `speed` times as fast; below 0 from
    the end. `snr_db`: of the square wave to white noise; None: none."""
    bits = np.array([_bits(number) for number in range(frames)]).ravel()
    flips = np.ones(2 * bits.size, int)  # biphase mark: at the start of each bit, and in the middle of a 1
    flips[1::2] = bits
    levels = 1.0 - 2.0 * (np.cumsum(flips) % 2)
    if speed < 0.0:
        levels = levels[::-1]
    halves_a_sample = 160.0 * FPS * abs(speed) / RATE_HZ
    places = np.arange(0.0, levels.size, halves_a_sample)
    areas = np.interp(places, np.arange(levels.size + 1), np.concatenate([[0.0], np.cumsum(levels)]))
    sound = LEVEL * np.diff(areas) / halves_a_sample  # each sample is the mean over its period
    if snr_db is not None:
        sound += np.random.default_rng(1).normal(0.0, LEVEL * 10.0 ** (-snr_db / 20.0), sound.size)
    samples: np.ndarray = sound.astype(np.float32)
    return samples


def label(number: int) -> tuple[int, int, int, int]:
    """Hours, minutes, seconds, frames of the `number`-th frame on the tape."""
    seconds, frame = divmod(number, FPS)
    return 1 + seconds // 3600, seconds // 60 % 60, seconds % 60, frame


def _bits(number: int) -> list[int]:
    """The 80 bits of a frame; each decimal digit has four places, the lowest bit first, and four user bits after it."""
    hours, minutes, seconds, frames = label(number)
    digits = [digit for value in (frames, seconds, minutes, hours) for digit in (value % 10, value // 10)]
    return [*(digit >> place & 1 if place < 4 else 0 for digit in digits for place in range(8)), *SYNC]
