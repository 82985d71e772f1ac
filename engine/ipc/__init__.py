"""Communication between processes: shared memory and pipes. `layout` documents all bytes.

frame_ring.py     pictures, newest wins: START HERE; the other segments of shared memory work alike
audio_ring.py     sound by sample number
child_counters.py heartbeat, phase and result count of a child
gate.py           says which process is using the GPU now, and when the next picture is drawn
control_pipe.py   typed messages; windows_pipe.py: its transport on Windows
ring_folder.py    finds segments by name, and removes those of dead engines
"""

from engine.ipc.audio_ring import AudioRing, AudioRingReader, AudioRingWriter
from engine.ipc.child_counters import ChildCounters, Phase
from engine.ipc.control_pipe import ControlPipe
from engine.ipc.frame_ring import FrameRing, RingFrame, RingOwner, RingReader, RingWriter
from engine.ipc.gate import Gate, Turns
from engine.ipc.ring_folder import sweep_dead_rings
from engine.ipc.segment import map_segment
