"""Pictures in: camera, video file, still picture, test card. Start at `open_source` in
`opening.py`.

    source.py       the interface of every source
    opening.py      opens the source that the user names, and those that live models request
    live.py         base of live sources: the thread that reads them and reconnects after a loss
    camera.py       a device of this machine; devices.py knows names and options; or a stream at an
                    address
    ndi.py          a picture over NDI
    shared_ring.py  another engine's picture; published.py lists those in this machine's shared
                    memory
    texture.py      a texture of another program, polled by the render thread: syphon.py, spout.py
    names.py        finds a sender by name; senders.py lists all senders and cameras
    current.py      the current source, and switching to another one during a show
    video_file.py   a looped file; decoding.py reads it once, playout.py plays it by the clock
    still.py        a picture file
    test_card.py    colours, orientation and motion for checking a rig
    pixels.py       converts any decoded picture to RGB; rate and colour tags of a video
    pictures.py     for offline jobs: a video, a picture or a folder, each picture once, or in
                    batches; stream_copy.py: copies the other streams of a file; live_pictures.py:
                    the newest picture of a camera or a stream, on demand

Every source except a texture has its own thread and keeps only the newest picture, which
`latest_frame()` reads.
"""
