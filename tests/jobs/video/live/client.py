"""A client of the live server on a raw socket: sends any message, and collects the answers."""

import json
from typing import Any

import numpy as np
import simplejpeg

from engine.jobs.video.live.protocol import PICTURE, Frame, pack, unpack
from tests.web.socket_client import SocketClient

MAX_READ = 100  # messages within which the expected one must arrive


def card(width: int = 64, height: int = 64, level: int = 128) -> np.ndarray:
    """(height, width, 3) uint8: grey on the left, red on the right."""
    pixels = np.full((height, width, 3), level, np.uint8)
    pixels[:, width // 2 :] = (200, 40, 40)
    return pixels


def frame(
    index: int, pixels: np.ndarray, *, kind: int = PICTURE, captured_ms: float = 0.0
) -> Frame:
    height, width = pixels.shape[:2]
    jpeg = simplejpeg.encode_jpeg(pixels, 90)
    return Frame(
        kind=kind, index=index, captured_ms=captured_ms, width=width, height=height, jpeg=jpeg
    )


class LiveClient(SocketClient):
    def __init__(
        self, address: tuple[str, int], path: str = "/live/socket", **headers: str
    ) -> None:
        super().__init__(address, path, **headers)
        self.painted: list[Frame] = []
        """All received messages."""
        try:
            self.hello = self.hear("hello")
        except BaseException:
            self.close()
            raise

    def show(self, index: int, pixels: np.ndarray | None = None, **about: Any) -> None:
        """Send a picture to be painted."""
        self.send(pack(frame(index, card() if pixels is None else pixels, **about)))

    def ask(self, **settings: Any) -> None:
        self.send(json.dumps({"settings": settings}))

    def hear(self, kind: str) -> Any:
        """The value of the next JSON message of this kind."""
        for _ in range(MAX_READ):
            message = self.read()
            if isinstance(message, bytes):
                self.painted.append(unpack(message, most_bytes=1 << 24))
            elif kind in (value := json.loads(message)):
                return value[kind]
        raise AssertionError(f"no {kind}")

    def hear_line(self) -> str:
        """The text of the next error or lost message."""
        for _ in range(MAX_READ):
            message = self.read()
            value = {} if isinstance(message, bytes) else json.loads(message)
            if line := value.get("error") or value.get("lost", {}).get("reason"):
                return line
        raise AssertionError("nothing was said")

    def take(self, index: int | None = None) -> Frame:
        """The next painted picture, or the next of this index."""
        for _ in range(MAX_READ):
            message = self.read()
            if isinstance(message, bytes):
                self.painted.append(unpack(message, most_bytes=1 << 24))
                if index is None or self.painted[-1].index == index:
                    return self.painted[-1]
        raise AssertionError("nothing painted came")

    def paint(self, index: int, pixels: np.ndarray | None = None) -> np.ndarray:
        """Send a picture and return the painted one: (h, w, 3) uint8."""
        self.show(index, pixels)
        return simplejpeg.decode_jpeg(self.take(index).jpeg)
