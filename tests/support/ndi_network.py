"""NDI between processes of this machine: discovery over loopback, and sender and receiver programs in child processes.

The library reads its configuration when it is loaded. Without an mDNS daemon it finds no senders unless it is
configured where to look.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

NDI_CLOSES = pytest.mark.only_on("linux", "darwin", reason="Wine 8: NDI's library never returns from closing a sender")

RECEIVER = """
import sys, time
import numpy as np
from cyndilib.finder import Finder
from cyndilib.receiver import Receiver
from cyndilib.video_frame import VideoFrameSync
from cyndilib.wrapper.ndi_recv import RecvBandwidth, RecvColorFormat

name, target = sys.argv[1:]
finder = Finder()
while not (found := [full for full in finder.update_sources() if f"({name})" in full]):
    time.sleep(0.02)
receiver = Receiver(color_format=RecvColorFormat.RGBX_RGBA, bandwidth=RecvBandwidth.highest)
frame = VideoFrameSync()
receiver.frame_sync.set_video_frame(frame)
receiver.set_source(finder.get_source(found[0]))
for line in sys.stdin:
    receiver.frame_sync.capture_video()
    width, height = frame.get_resolution()
    if not width:
        print("-", flush=True)
        continue
    np.save(target, frame.get_array().reshape(height, width, 4))
    print(f"{frame.get_fourcc().name} {width}x{height} {float(frame.get_frame_rate()):.3f}", flush=True)
"""

SENDER = """
import sys, time
from fractions import Fraction
import numpy as np
from cyndilib.sender import Sender
from cyndilib.video_frame import VideoSendFrame
from cyndilib.wrapper.ndi_structs import FourCC

name, source, fourcc = sys.argv[1:]
picture = np.load(source)
frame = VideoSendFrame()
frame.set_resolution(picture.shape[1], picture.shape[0])
frame.set_frame_rate(Fraction(30))
frame.set_fourcc(getattr(FourCC, fourcc))
sender = Sender(name, clock_video=True)
sender.set_video_frame(frame)
sender.open()
print(sender.name, flush=True)
while True:
    sender.write_video(picture.reshape(-1))
"""


def use_loopback(folder: Path) -> None:
    """Make the library in this process and its children search for senders on 127.0.0.1. Call before it is loaded."""
    if "NDI_CONFIG_DIR" not in os.environ:
        configuration = {"ndi": {"machinename": "stage", "networks": {"ips": "127.0.0.1,"}}}
        (folder / "ndi-config.v1.json").write_text(json.dumps(configuration))
        os.environ["NDI_CONFIG_DIR"] = str(folder)


class NdiReceiver:
    """Another program that receives a source."""

    def __init__(self, name: str, folder: Path) -> None:
        self._target = folder / f"{name}.npy"
        self._process = subprocess.Popen(
            [sys.executable, "-c", RECEIVER, name, str(self._target)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def look(self) -> str:
        """`RGBX 64x48 30.000`, or `-` while there is no picture. Waits until the source was found."""
        assert self._process.stdin and self._process.stdout
        print("look", file=self._process.stdin, flush=True)
        return self._process.stdout.readline().strip()

    def seen(self) -> np.ndarray:
        """The picture of the last `look`, (height, width, 4) uint8."""
        return np.load(self._target)

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


class NdiSender:
    """Another program that sends one picture, (height, width, 4) uint8, repeatedly."""

    def __init__(self, name: str, picture: np.ndarray, folder: Path, fourcc: str = "RGBX") -> None:
        source = folder / f"sent {name}.npy"
        np.save(source, picture)
        self._process = subprocess.Popen(
            [sys.executable, "-c", SENDER, name, str(source), fourcc], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout
        self.full_name = self._process.stdout.readline().strip()

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
