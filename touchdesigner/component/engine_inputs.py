"""A picture, sound, timecode and beat from TouchDesigner to the engine. TouchDesigner's main
thread.

The picture goes by Syphon, Spout or NDI, and the engine opens it as its camera: layer 5, and a
source of SD. The sender exists only while Picture In is on, because Spout limits their number.
Sound is read once a frame: what has come since the last one. Timecode is text, `/mtc hh:mm:ss:ff
30`.
"""

import sys
from collections.abc import Callable
from typing import Any

PICTURE_OUT = "picture_out"
SENDERS = {"local": "syphonspoutoutTOP", "ndi": "ndioutTOP"}
LOOPBACK = ("127.0.0.1", "localhost", "::1")
TIMECODE_FPS = 30


class EngineInputs:
    def __init__(
        self, comp: Any, sender: Any, send: Callable[..., None], put: Callable[[str, Any], None]
    ) -> None:
        """`send`: sends an OSC message; `put`: moves a parameter of the engine here."""
        self._comp = comp
        self._sender = sender
        self._send = send
        self._put = put
        self._bpm: float | None = None
        self._opened = ""
        """The source that this component had the engine open."""
        self._label = ""

    def offer_picture(self) -> None:
        """Make or remove the sender of input 1, as Picture In says."""
        kind = SENDERS.get(self._own("Picturein"))
        out = self._comp.op(PICTURE_OUT)
        if out is not None and out.OPType != kind:
            out.destroy()
            out = None
        if kind is None:
            return
        if out is None:
            out = self._comp.create(kind, PICTURE_OUT)
            out.inputConnectors[0].connect(self._comp.op("in1_picture"))
        name = self._picture_name()
        (out.par.name if kind == "ndioutTOP" else out.par.sendername).val = name

    def open_picture(self) -> str:
        """Have the engine open what `offer_picture` offers, or its own camera again. Returns a
        message, or "". Call it when connected, and after each change while connected."""
        way = self._own("Picturein")
        if way == "off":
            if self._opened:
                self._send("/camera/open", "start")
            self._opened = ""
            return ""
        if way == "local" and self._own("Host") not in LOOPBACK:
            return f"Picture In is local, but the engine runs at {self._own('Host')}: choose ndi"
        kind = "ndi" if way == "ndi" else "syphon" if sys.platform == "darwin" else "spout"
        self._opened = f"{kind}:{self._picture_name()}"
        self._send("/camera/open", self._opened)
        return ""

    def forget(self) -> None:
        """Forget what was opened, because another engine, or none, is connected."""
        self._opened = ""
        self._bpm = None

    def send_sound(self) -> None:
        """Send what input 2 has brought since the last frame, if Audio In is on."""
        if not self._own("Audioin"):
            return
        sound = self._comp.op("audio_resampled")
        if sound.numChans:
            self._sender.send(
                sound.numpyArray(),
                self._own("Audioinchan"),
                self._own("Host"),
                self._own("Audioinport"),
            )

    @property
    def audio_option(self) -> str:
        """The value that the engine's --audio must have."""
        return f"rtp:{self._own('Audioinport')}/48000/{self._own('Audioinchan')}"

    def sound_trouble(self, engines_sound: str) -> str:
        """The reason why Audio In is not heard, or "". `engines_sound`: the description of its
        source by the engine."""
        if not self._own("Audioin"):
            return ""
        if not self._comp.op("in2_audio").numChans:
            return "Audio In is on, but nothing is connected to input 2"
        channels = self._own("Audioinchan")
        if f":{self._own('Audioinport')} ({channels} channels, 48000 Hz)" in engines_sound:
            return ""
        return (
            f"Audio In is not heard: start the engine with --audio {self.audio_option} (it has "
            f"{engines_sound})"
        )

    def send_time(self) -> None:
        """Send the position of the component's timeline when its label changes, and its tempo, as
        Send Time says."""
        way = self._own("Timeto")
        if way == "off":
            return
        time = self._comp.time
        label = label_at(time.seconds)
        if label != self._label:
            self._send("/mtc", label, TIMECODE_FPS)
        self._label = label
        if way == "beat" and time.tempo != self._bpm:
            self._bpm = time.tempo
            self._put("/tempo/bpm", float(time.tempo))

    def choose_clocks(self) -> None:
        """Have the engine follow what `send_time` sends. Call it when connected, and when Send Time
        changes."""
        way = self._own("Timeto")
        if way != "off":
            self._put("/timecode/source", "mtc")
        if way == "beat":
            self._put("/tempo/source", "timecode")

    def close(self) -> None:
        self._sender.close()

    def _picture_name(self) -> str:
        """One for each component; without "multiverse", by which the component finds the engine's
        own pictures."""
        return f"TouchDesigner {self._own('Listenport')}"

    def _own(self, name: str) -> Any:
        return getattr(self._comp.par, name).eval()


def label_at(seconds: float) -> str:
    """The label hh:mm:ss:ff (30 frames/s) of the frame at `seconds`. Pure."""
    frames = int(max(0.0, seconds) * TIMECODE_FPS + 1e-6)  # a frame's time may be rounded down
    whole, frame = divmod(frames, TIMECODE_FPS)
    return f"{whole // 3600 % 24:02}:{whole // 60 % 60:02}:{whole % 60:02}:{frame:02}"
