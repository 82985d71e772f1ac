"""Byte layout of every shared memory segment. Raise a kind's `version` when you change a field.

A segment is one piece of shared memory. Every number is little-endian and aligned to its size, so
that one load or store moves it whole. Unused bytes are zero. There are four kinds; each has a
header of 4096 bytes and begins with the same head, at the same offsets in every version, so that
any engine can sweep any segment.

A table here is the layout: in each line the offset in bytes, NumPy's type, the field, and its
meaning.
"""

from typing import Final

import numpy as np

from engine.ipc.segment_kind import SegmentKind, dtype_of

PAGE_BYTES: Final = 4096
HEADER_BYTES: Final = PAGE_BYTES
SLOTS: Final = 3
MAX_TURNS: Final = 16  # eight models, each with two processes while one is replaced
SLOT_PIXELS: Final = 64  # offset of the pixels in a slot

OPEN = 1
CLOSED = 2
MOVED = 3
UINT8_DISPLAY: Final = 1


_HEAD: Final = """
    0       S8    magic             the kind, stored last at creation; all begin with "MV"
    8       u4    version           of the kind
    72      u8    heartbeat_ns      last heartbeat of a writer, ns since 1970
    80      u8    writer_pid        the process that made it and removes it
    88      f8    writer_start      when it started (see process_identity), against reused ids
    96      u8    writer_namespace  Linux: number of the pid namespace the id counts in; 0 elsewhere
    104     u8    created_ns        ns since 1970; among segments with one name the newest counts
    128     S64   name              UTF-8, padded with zeros
"""
HEAD: Final = dtype_of(_HEAD, HEADER_BYTES)

_FRAME_RING: Final = """
    12      u4    state             1 open, 2 closed (its maker ended), 3 moved to `successor`
    16      u4    width             pixels
    20      u4    height            pixels
    24      u4    channels          1 grey, 3 RGB, 4 RGBA
    28      u4    pixel_format      1: uint8, display values, alpha premultiplied
    32      u4    row_stride        bytes from a row to the next
    36      u4    slot_count        3
    40      u8    slot_stride       bytes from a slot to the next
    48      u8    first_slot        offset of slot 0
    56      f8    fps               nominal frames per second, 0 if there is none
    64      u8    newest            the newest whole frame, in slot newest % 3; 0: none
    112     u8    number_before     newest frame before a new size: numbers continue after it
    120     u8    generation_before generation of the first frame here, until its writer changes it
    192     S32   successor         segment name, ASCII, set before `state` becomes 3
"""
FRAME_RING: Final = SegmentKind(
    "frame ring", b"MVRING", 1, dtype_of(_HEAD + _FRAME_RING, HEADER_BYTES)
)
"""The header, then three slots. Rows run from the top of the picture.

Reading frame n: read `newest` = n, then `end` of slot n % 3, copy, then read `begin`. The copy is
whole if both are n. The writer cycles through the slots, so a reader has two frame times before its
slot is written again. A writer that is killed leaves a slot whose `begin` is newest + 1: no reader
reads it, and the next writer starts with that number.

On Linux a reader may sleep in futex(2) on the lower half of `newest`, and is woken after each
change. A ring that moves changes it once more, to a number whose slot does not have it.
"""

_SLOT: Final = """
    0       u8    begin             number of the frame being written, stored before its first pixel
    8       u8    end               number of the whole frame, stored after its last pixel
    16      u8    index             FrameId.index
    24      f8    time_s            FrameId.time_s
    32      u8    generation        which prompt, size or take it belongs to
"""
SLOT: Final = dtype_of(_SLOT, SLOT_PIXELS)
"""A slot of a frame ring, followed by its pixels: row_stride * height bytes."""

_AUDIO_RING: Final = """
    16      u4    channels          numbers in a frame
    20      u4    rate_hz           frames per second
    24      u8    capacity          frames the ring holds
    192     u8    announced         one past the last sample whose writing has begun
    200     u8    end               one past the last whole sample: stored after it
"""
AUDIO_RING: Final = SegmentKind(
    "audio ring", b"MVAUDIO", 1, dtype_of(_HEAD + _AUDIO_RING, HEADER_BYTES)
)
"""The header, then `capacity` frames of `channels` float32 each, interleaved; sample s lies in
frame s % capacity.

Reading samples a to b: b must not exceed `end`; copy; the copy is whole if `announced` then does
not exceed a + capacity. A writer never lowers `announced`, not even after one that was killed
between the two stores.
"""

_CHILD_COUNTERS: Final = """
    192     u8    alive_ns          last heartbeat of a thread that does nothing else
    200     u8    progress          phase * 2^60 + when the main loop entered it or renewed it, ns
    208     u8    results           results published so far
    216     f8    last_result_ms    duration of the newest
    224     u8    last_result_ns    time it was published
    232     u8    wants_frame       1: the next picture will be read; 0: make none for it
    240     f8    expected_s        longest piece of work it expects, s; 0: unknown
"""
CHILD_COUNTERS: Final = SegmentKind(
    "child counters", b"MVWORDS", 1, dtype_of(_HEAD + _CHILD_COUNTERS, HEADER_BYTES)
)
"""Status of one child process. Each field is written by one thread of the child. Times are
`time.perf_counter_ns` of the machine, not since 1970."""

_GATE: Final = """
    192     u8    draw_ns           time of this or the next draw, perf_counter_ns; 0: unknown
    200     u8    period_ns         frame period of the engine; an older draw stops nobody
    208     u8    late_frames       number of frames the engine has published late
    216     u8    voice_ns          time the voice child began the block under way; 0: none
"""
_TURNS: Final = """
    {0}     u8    device_{3}        from 1: the device on which this child takes turns; 0: none
    {1}     u8    wants_ns_{3}      time from which it waits for its turn; 0: it does not wait
    {2}     u8    works_ns_{3}      time it began the slice under way; 0: none
"""
_TURN_FIELDS: Final = "".join(
    _TURNS.format(224 + 24 * n, 232 + 24 * n, 240 + 24 * n, n + 1) for n in range(MAX_TURNS)
)
GATE: Final = SegmentKind(
    "gate", b"MVGATE", 3, dtype_of(_HEAD + _GATE + _TURN_FIELDS, HEADER_BYTES)
)
"""Which process is using the GPU; one for an engine and its children."""


def slot_stride(width: int, height: int, channels: int) -> int:
    """Bytes of one slot: its header and pixels, rounded up to whole pages."""
    return -(-(SLOT_PIXELS + width * height * channels) // PAGE_BYTES) * PAGE_BYTES


def segment_bytes(width: int, height: int, channels: int) -> int:
    """Bytes of a whole frame ring."""
    return HEADER_BYTES + SLOTS * slot_stride(width, height, channels)


def holds_pictures(buf: memoryview) -> bool:
    """True if three slots of the sizes in a frame ring's header lie in the segment: any program may
    have made it."""
    if len(buf) < HEADER_BYTES:
        return False
    header = np.frombuffer(bytes(buf[:HEADER_BYTES]), FRAME_RING.header)[0]
    width, height, channels = (int(header[field]) for field in ("width", "height", "channels"))
    stride = int(header["slot_stride"])
    first = int(header["first_slot"])
    is_picture = width > 0 and height > 0 and channels in (1, 3, 4)
    fits = SLOT_PIXELS + width * height * channels <= stride and first + SLOTS * stride <= len(buf)
    return is_picture and fits and first >= HEADER_BYTES
