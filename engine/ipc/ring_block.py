"""One ring's segment as arrays over its memory, for the writer and the readers."""

import numpy as np

from engine.errors import SharedMemoryError
from engine.ipc import layout

# Places in the arrays of words. An aligned word is one load or store, never half a counter; a field of a
# structured scalar would do too, but is far slower.
STATE = layout.header_offset("state") // 4
NEWEST = layout.header_offset("newest") // 8
HEARTBEAT = layout.header_offset("heartbeat_ns") // 8
BEGIN, END, INDEX, TIME, GENERATION = range(5)  # of a slot


class RingBlock:
    """Drop every reference to it before the memory is unmapped: arrays keep memory mapped."""

    def __init__(self, buf: memoryview) -> None:
        checked = np.frombuffer(bytes(buf[: layout.HEADER_BYTES]).ljust(layout.HEADER_BYTES, b"\0"), layout.HEADER)[0]
        if checked["magic"] != layout.MAGIC.rstrip(b"\0"):  # NumPy drops the zeros at the end
            raise SharedMemoryError("no frame ring, or one that is still being made")
        if checked["version"] != layout.VERSION:
            raise SharedMemoryError(f"a ring of version {checked['version']}; this engine reads {layout.VERSION}")
        self.shape = int(checked["height"]), int(checked["width"]), int(checked["channels"])
        self.header = np.frombuffer(buf, layout.HEADER, 1)[0]
        self.words = np.frombuffer(buf, np.uint64, layout.HEADER_BYTES // 8)
        self.states = self.words.view(np.uint32)[STATE : STATE + 1]
        self.slots = []
        """Of each slot: its words, the same words as floats (TIME is one), its pixels, shape `shape`."""
        for number in range(layout.SLOTS):
            offset = int(checked["first_slot"]) + number * int(checked["slot_stride"])
            words = np.frombuffer(buf, np.uint64, layout.SLOT_PIXELS // 8, offset)
            height, width, channels = self.shape
            pixels = np.frombuffer(buf, np.uint8, height * width * channels, offset + layout.SLOT_PIXELS)
            self.slots.append((words, words.view(np.float64), pixels.reshape(self.shape)))
