"""Pictures in: camera, video file, still picture, test card. Start at `open_source` in `opening.py`.

    source.py       what every source offers
    opening.py      a word from the user -> a source
    camera.py       a live device that may vanish and come back; devices.py knows its names and options
    video_file.py   a looped file; decoding.py reads it once through, playout.py plays it by the clock
    still.py        a picture file
    test_card.py    colours, orientation and motion for checking a rig, drawn in card_drawing.py
    pixels.py       any decoded picture -> RGB

Every source works in a thread of its own and the newest picture wins: `latest_frame()` reads a reference.
"""

from engine.sources.devices import CameraDevice, list_cameras
from engine.sources.opening import open_source
from engine.sources.source import Source, SourceStatus

__all__ = ["CameraDevice", "Source", "SourceStatus", "list_cameras", "open_source"]
