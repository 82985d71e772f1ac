"""Captures `device:NAME` and prints its features as a line of JSON, 20 times per second, until
stdin closes.

A separate process, because PortAudio and ALSA read the environment that names the sound server once
per process.
"""

import json
import select
import sys

import numpy as np

from engine.audio.open import open_audio
from engine.audio.settings import AudioSettings
from engine.errors import AudioError
from engine.system.clock import SystemClock


def main(spec: str) -> None:
    reports: list[str] = []
    try:
        audio = open_audio(
            spec,
            offline=False,
            clock=SystemClock(),
            report=lambda key, message: reports.append(message),
        )
    except AudioError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return
    audio.settings = AudioSettings(auto=(False,) * 4)
    audio.start()
    newest = 0
    while not select.select([sys.stdin], [], [], 0.05)[0]:
        features, block = audio.latest_features(), audio.read_block(newest)
        newest = block.first_sample + len(block.samples)
        measured = {
            "choice": audio.choice,
            "state": audio.status().state,
            "channels": audio.source_channels,
            "end_sample": features.end_sample,
            "pitch_hz": [channel.pitch_hz for channel in features.channels],
            "rms": [channel.rms for channel in features.channels],
            "wave_peak": float(np.abs(features.waves).max()),
            "raw_peak": float(np.abs(block.samples).max(initial=0.0)),
            "reports": reports,
        }
        print(json.dumps(measured), flush=True)
    audio.close()


if __name__ == "__main__":
    main(sys.argv[1])
