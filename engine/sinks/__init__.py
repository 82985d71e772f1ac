"""Pictures out. Read `null.py` first: it is the whole contract of a sink, doing nothing.

One module a sink; `registry.py` lists them, `sink_set.py` runs several at once and keeps one's failure from
the rest. For offline jobs: picture_video.py, new pictures in the place of a source's; whole_file.py, where
files lie until they are whole.
"""

from engine.sinks.registry import KindInfo, available_kinds
from engine.sinks.sink import Picture, Sink, SinkSpec, SinkStatus, Stage
from engine.sinks.sink_set import SinkSet

__all__ = ["KindInfo", "Picture", "Sink", "SinkSet", "SinkSpec", "SinkStatus", "Stage", "available_kinds"]
