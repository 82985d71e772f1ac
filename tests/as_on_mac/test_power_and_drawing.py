"""As on a Mac: two threads that draw with Numba's own threads, and what keeps the machine from sleeping."""

from engine.cli.doctor_checks import check_renderers
from engine.cli.probe import Answer
from tests.render.test_renderers import run_python

TWO_THREADS = """
import threading
import numba, numpy as np
from engine.render.numba_kernels import mix_pictures
picture = np.zeros((360, 640, 4), np.uint8)
def draw():
    out = np.zeros_like(picture)
    start.wait()
    for _ in range(300):
        mix_pictures(out, picture, picture, np.float32(0.5))
start = threading.Barrier(2)
threads = [threading.Thread(target=draw) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(numba.threading_layer())
"""


def test_two_threads_may_draw_with_the_layer_that_numba_has_on_a_mac() -> None:
    """Without turns Numba ends the process: "Concurrent access has been detected"."""
    assert run_python(TWO_THREADS, NUMBA_THREADING_LAYER="workqueue", NUMBA_NUM_THREADS="2") == "workqueue"


def test_doctor_says_that_threads_take_turns_there() -> None:
    found = Answer(values={"threads": 8, "layer": "workqueue"})
    gl = Answer(values={"renderer": "Apple M2", "version": "4.1 Metal - 88", "is_software": False})
    numba = check_renderers(gl, found, "darwin", "")[1]
    assert numba.state == "ok"
    assert numba.detail == "8 threads (workqueue); two threads that draw at once take turns"
