"""Only a few batches of a clip are in memory, however long it is."""

import tracemalloc
from pathlib import Path

from engine.jobs.video import paint_video
from tests.jobs.segment.disc_movie import disc_picture
from tests.jobs.video.conftest import MakeJob
from tests.support.long_form import only_soak

WIDTH, HEIGHT = 640, 360
FPS = 30


def long_clip(path: Path, count: int) -> Path:
    """Written picture by picture: this process keeps none of them."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(disc_picture(number % 100, WIDTH, HEIGHT, 60), "rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@only_soak
def test_three_times_as_long_a_clip_is_painted_in_the_same_memory(job: MakeJob, tmp_path: Path) -> None:
    peaks = {}
    for count in (24, 72):
        source = long_clip(tmp_path / f"{count}.mp4", count)
        asked = job(source, tmp_path / f"out {count}.mp4", batch=4, scale=0.1, steps=1)
        tracemalloc.start()
        try:
            assert paint_video(asked).painted == count
            peaks[count] = tracemalloc.get_traced_memory()[1] / 2**20
        finally:
            tracemalloc.stop()
    assert peaks[24] > 1, "nothing was measured"
    assert peaks[72] < 1.2 * peaks[24] + 2, f"{peaks}: 48 pictures more would be 31 MiB"
