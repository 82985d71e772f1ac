"""Publishes the picture as an NDI source, for programs on other machines of the network.

Converting and compressing a picture takes milliseconds, so it is done on a thread. The frame loop
only passes on the newest picture, and does no readback while no receiver is connected. cyndilib
releases the GIL while it sends a picture (but not while a sender opens or closes, 1 and 10 ms). NDI
announces itself on the network, so it is off by default.

An opaque picture is sent as RGBX. After the first one with transparency (`/engine/alpha`) it is
RGBA with colours divided by alpha, because receivers treat NDI's alpha as straight by default.
NDI's codec only supports even sizes and cuts off the last column or row of others.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import SinkError
from engine.sinks.registry import broken, require_available
from engine.sinks.sink import TITLES, OutputFormat, PictureName
from engine.sinks.sink_thread import ThreadSink
from engine.system.schedule import exact_rate
from engine.values import PublishedFrame

if TYPE_CHECKING:
    from cyndilib.sender import Sender

POLL_S = 0.1  # polling interval for receivers while none is connected


@dataclass(frozen=True, slots=True)
class _Format:
    """Format of an open sender. A change reopens it, and receivers find it again within two
    seconds."""

    width: int
    height: int
    fps: float
    has_alpha: bool


class NdiSink(ThreadSink):
    kind = "ndi"
    max_close_s = 5.0

    def __init__(self, argument: str, picture: PictureName = "main") -> None:
        name = argument or TITLES[picture]
        super().__init__(name, f"ndi {name}")
        self._waiting: np.ndarray | None = None
        """The newest picture not sent yet."""
        self._output_format: OutputFormat | None = None
        self._connections = 0
        self._full_name = ""

    def start(self, output_format: OutputFormat, *, may_wait: bool = False) -> None:
        require_available(self.kind)
        self._output_format = output_format
        self._thread.start()
        if may_wait:
            self._wait_until_open()

    def set_format(self, output_format: OutputFormat) -> None:
        with self._change:
            self._output_format = output_format

    def publish(self, frame: PublishedFrame) -> None:
        self._raise_error()
        assert self._output_format is not None
        self._frames += 1
        if not self._connections:
            return  # no receiver: no readback
        pixels = frame.read_rgba()
        with self._change:
            if self._output_format.is_offline:
                self._change.wait_for(lambda: self._waiting is None or self._error)
            if self._waiting is not None:
                self._frames -= 1
                self._dropped += 1
            self._waiting = pixels
            self._change.notify_all()

    def _status_detail(self) -> str:
        receivers = f"{self._connections} receiver{'' if self._connections == 1 else 's'}"
        return f"{self._full_name}, {receivers}" if self._full_name else ""

    def _store_error(self, error: Exception) -> None:
        self._connections = 0
        super()._store_error(error)

    def _run(self) -> None:
        """Send the newest picture to connected receivers until the end; poll for receivers."""
        assert self._output_format is not None
        output_format = self._output_format
        form = _Format(output_format.width, output_format.height, output_format.fps, False)
        sender = self._open(form)
        try:
            while True:
                self._connections = sender.get_num_connections(0.0)
                with self._change:
                    self._change.wait_for(
                        lambda: self._waiting is not None or self._is_ending, timeout=POLL_S
                    )
                    pixels = self._waiting
                    self._waiting = None
                    fps = self._output_format.fps
                    self._change.notify_all()
                if pixels is None:
                    if self._is_ending:
                        return
                    continue
                height, width = pixels.shape[:2]
                new_form = _Format(width, height, fps, form.has_alpha or not is_opaque(pixels))
                if new_form != form:
                    sender.close()
                    form = new_form
                    sender = self._open(form)
                sender.write_video(
                    (to_straight_alpha(pixels) if form.has_alpha else pixels).reshape(-1)
                )
        finally:
            sender.close()

    def _open(self, form: _Format) -> "Sender":
        try:
            from cyndilib.audio_frame import AudioSendFrame
            from cyndilib.sender import Sender
            from cyndilib.video_frame import VideoSendFrame
            from cyndilib.wrapper.ndi_structs import FourCC
        except (ImportError, OSError) as error:
            raise broken(self.kind, error) from error
        picture = VideoSendFrame()
        picture.set_resolution(form.width, form.height)
        picture.set_frame_rate(exact_rate(form.fps))
        picture.set_fourcc(FourCC.RGBA if form.has_alpha else FourCC.RGBX)
        sender = Sender(self.name, clock_video=False)  # the frame loop does the pacing
        sender.set_video_frame(picture)
        # stays empty; without it a rejected name causes a segfault
        sender.set_audio_frame(AudioSendFrame())
        try:
            sender.open()
        except MemoryError:  # how cyndilib reports a rejected name
            raise SinkError(
                f"ndi: this machine already has a source called {self.name}; give this one "
                "another name"
            ) from None
        self._full_name = sender.name
        self._opened()
        return sender


def is_opaque(rgba: np.ndarray) -> bool:
    """True if alpha is 255 everywhere in (height, width, 4) uint8."""
    return bool(rgba[..., 3].min() == 255)


def to_straight_alpha(rgba: np.ndarray) -> np.ndarray:
    """Convert premultiplied `rgba`, (height, width, 4) uint8, to straight alpha: colours divided by
    alpha, rounded to nearest (halves to even); black where alpha is 0."""
    import cv2  # 0.1 s, and most pictures are opaque

    alpha = rgba[..., 3]
    colours = cv2.divide(rgba, cv2.merge([alpha] * 4), scale=255)  # by 0: 0
    colours[..., 3] = alpha
    return np.asarray(colours)
