"""Only a few batches of a clip are in memory, however long it is."""

import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from engine.jobs.video import paint_video
from tests.jobs.segment.disc_movie import disc_picture
from tests.jobs.video.conftest import MakeJob
from tests.support.long_form import IS_SOAK, only_soak

WIDTH, HEIGHT = 640, 360
SHORT_S, LONG_S, FPS = 10, 600, 30
MEASURED = """
import sys
from engine.models.sd import ModelSpec
from engine.models.sd.painting import Painting
from engine.system.process_memory import peak_process_mb
from engine.jobs.video import VideoJob, paint_video
model, *names = sys.argv[1:]
painting = Painting(spec=ModelSpec(model=model), prompt="glass", steps=2, cfg=1.0)
for name in names:
    report = paint_video(VideoJob(source=name, output="out-" + name, painting=painting, batch=8, threads=1, scale=0.25))
    assert report.painted == report.read and not report.unpainted
    print(report.painted, peak_process_mb(), flush=True)
"""


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


@pytest.mark.soak
@pytest.mark.skipif(not IS_SOAK, reason="ten minutes, MULTIVERSE_SOAK=1 paints them")
def test_ten_minutes_take_hardly_more_memory_than_ten_seconds(tiny_sd: Path, tmp_path: Path) -> None:
    """In one process, so that all caches are filled by then."""
    names = [long_clip(tmp_path / f"{seconds}.mp4", seconds * FPS).name for seconds in (SHORT_S, LONG_S)]
    command = [sys.executable, "-c", MEASURED, str(tiny_sd), *names]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3600, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (short, short_mb), (long, long_mb) = (map(float, line.split()) for line in done.stdout.splitlines())
    assert (short, long) == (SHORT_S * FPS, LONG_S * FPS)
    assert long_mb - short_mb < 300
