"""What crosses process borders. All bytes are drawn in `layout`.

frame_ring.py     pictures, newest wins: START HERE, the other parts of shared memory are made like it
audio_ring.py     sound by sample number
child_words.py    what a child says of itself without a message
gate.py           who is using the GPU now
control_pipe.py   typed messages; windows_pipe.py what they go through there
ring_folder.py    where segments are found by name, and swept when their engine is dead
"""

from engine.ipc.audio_ring import AudioRing, AudioRingReader, AudioRingWriter
from engine.ipc.child_words import ChildWords, Phase
from engine.ipc.control_pipe import ControlPipe
from engine.ipc.frame_ring import FrameRing
from engine.ipc.gate import Gate
from engine.ipc.ring_folder import sweep_dead_rings
from engine.ipc.ring_reader import RingFrame, RingReader
from engine.ipc.ring_writer import RingOwner, RingWriter
from engine.ipc.segment import map_segment

__all__ = [
    "AudioRing",
    "AudioRingReader",
    "AudioRingWriter",
    "ChildWords",
    "ControlPipe",
    "FrameRing",
    "Gate",
    "Phase",
    "RingFrame",
    "RingOwner",
    "RingReader",
    "RingWriter",
    "map_segment",
    "sweep_dead_rings",
]
