"""Pictures in: camera, video file, still picture, test card. Start at `open_source` in `opening.py`.

    source.py       what every source offers
    opening.py      a word from the user -> a source
    live.py         what is live may vanish and come back: the thread and the patience of the next three
    camera.py       a device of this machine, devices.py knows its names and options; stream.py opens an address
    ndi.py          a picture over NDI
    shared_ring.py  another engine's picture; published.py lists those in this machine's shared memory
    texture.py      a texture of another program, polled by the render thread: syphon.py, spout.py
    names.py        which of the pictures others offer is meant; senders.py: all that can be had here now
    current.py      the source of now, and the change to another in mid-show
    video_file.py   a looped file; decoding.py reads it once through, playout.py plays it by the clock;
                    awaited_pictures.py: what a damaged one has lost
    still.py        a picture file
    test_card.py    colours, orientation and motion for checking a rig, drawn in card_drawing.py
    pixels.py       any decoded picture -> RGB
    pictures.py     for offline jobs: a video, a picture or a folder, each picture once; look.py: how it plays;
                    batches.py: in groups; stream_copy.py: the other streams of a file, as they are;
                    live_pictures.py: the newest of a camera or a stream, whenever the job asks

Every source but a texture works in a thread of its own and the newest picture wins: `latest_frame()` reads a
reference.
"""

from engine.sources.devices import CameraDevice, list_cameras
from engine.sources.opening import open_source
from engine.sources.source import Polled, Source, SourceStatus

__all__ = ["CameraDevice", "Polled", "Source", "SourceStatus", "list_cameras", "open_source"]
