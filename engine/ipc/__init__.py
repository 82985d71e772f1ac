"""What crosses process borders. Start with `frame_ring`; its bytes are drawn in `layout`."""

from engine.ipc.frame_ring import FrameRing
from engine.ipc.ring_folder import sweep_dead_rings
from engine.ipc.ring_reader import RingFrame, RingReader
from engine.ipc.ring_writer import RingWriter

__all__ = ["FrameRing", "RingFrame", "RingReader", "RingWriter", "sweep_dead_rings"]
