"""A frame ring's segment as arrays over its memory, for the writer and the readers."""

import numpy as np

from engine.ipc import layout

# Indexes into the arrays of words. An aligned word is read and written whole, never half a counter. A field of a
# structured scalar would work too, but is far slower.
NEWEST = layout.FRAME_RING.word("newest")
HEARTBEAT = layout.FRAME_RING.word("heartbeat_ns")
NUMBER_BEFORE = layout.FRAME_RING.word("number_before")
GENERATION_BEFORE = layout.FRAME_RING.word("generation_before")
STATE = 3  # offset 12, in words of 4 bytes
BEGIN, END, INDEX, TIME, GENERATION = range(5)  # of a slot


class RingBlock:
    """Arrays over a mapped ring. Drop all references before unmapping: arrays keep the memory mapped."""

    def __init__(self, buf: memoryview) -> None:
        self.header = np.frombuffer(buf, layout.FRAME_RING.header, 1)[0]
        self.shape = int(self.header["height"]), int(self.header["width"]), int(self.header["channels"])
        self.words = np.frombuffer(buf, np.uint64, layout.HEADER_BYTES // 8)
        self.states = self.words.view(np.uint32)[STATE : STATE + 1]
        self.slots = []
        """For each slot: its words, the same words as floats (TIME is one), its pixels with shape `shape`."""
        for number in range(layout.SLOTS):
            offset = int(self.header["first_slot"]) + number * int(self.header["slot_stride"])
            words = np.frombuffer(buf, np.uint64, layout.SLOT_PIXELS // 8, offset)
            height, width, channels = self.shape
            pixels = np.frombuffer(buf, np.uint8, height * width * channels, offset + layout.SLOT_PIXELS)
            self.slots.append((words, words.view(np.float64), pixels.reshape(self.shape)))

    @property
    def sequence(self) -> int:
        """Number of the newest whole frame, here or in the segment before a new size; 0 before the first."""
        return int(self.words[NEWEST]) or int(self.words[NUMBER_BEFORE])

    @property
    def generation(self) -> int:
        """Generation of the newest whole frame, or of the next one if there is none yet."""
        newest = int(self.words[NEWEST])
        if newest == 0:
            return int(self.words[GENERATION_BEFORE])
        return int(self.slots[newest % layout.SLOTS][0][GENERATION])
