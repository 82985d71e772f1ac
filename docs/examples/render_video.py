"""The engine as a library: draws a video faster than real time, with a value that changes on every
frame.

    python docs/examples/render_video.py video.mp4 [SECONDS]

The same call draws the same bytes each time. Leave `offline` out, and the picture is played live.
"""

import math
import sys

from engine import Config, MultiverseError, open_engine

FPS = 30


def main(path: str, seconds: float) -> None:
    config = Config(
        width=640, height=360, fps=FPS, audio="demo", offline=True, sinks=(f"record={path}",)
    )
    with open_engine(config) as engine:
        for frame in engine.frames(seconds=seconds):
            time_s = frame.index / FPS
            engine.params.set("/layer/1/angle", 180 * math.sin(time_s))
            if frame.index % FPS == 0:
                pitch_hz = frame.features[0].pitch_hz
                brightness = frame.read_rgba()[
                    ..., :3
                ].mean()  # (360, 640, 4) uint8, row 0 at the top
                print(
                    f"{time_s:.0f} s  pitch of channel 1 {pitch_hz:.0f} Hz  brightness "
                    f"{brightness:.0f} of 255"
                )


if __name__ == "__main__":
    try:
        path, seconds = sys.argv[1], float((*sys.argv, "5")[2])
    except (IndexError, ValueError):
        sys.exit(__doc__)
    try:
        main(path, seconds)
    except MultiverseError as error:  # one line: what is missing, and how to get it
        sys.exit(str(error))
