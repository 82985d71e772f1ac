"""One context for all forks of a process."""

import subprocess
import sys
from collections.abc import Callable

from engine.jobs.dataset.raster import render
from engine.jobs.dataset.rendered import Rendered
from tests.jobs.dataset.raster.stages import post, stage

FORKS = """
import os
from engine.jobs.dataset.raster import render, warm_up
from tests.jobs.dataset.raster.test_warm import digest, drawn
print(warm_up(), flush=True)
print(*(open(f"/proc/self/task/{task}/comm").read().strip() for task in os.listdir("/proc/self/task")), flush=True)
for name in ("child", "child", "parent"):
    if name == "parent" or os.fork() == 0:
        print(name, digest(drawn()), flush=True)
        if name == "child":
            os._exit(0)
    else:
        os.wait()
"""


def drawn() -> Rendered:
    return render(stage(post(1, 2.0, 3.0, size_m=(1, 1, 2)), post(2, -5.0, 1.0, size_m=(2, 1, 1)), hills_m=0.3))


def digest(picture: Rendered) -> str:
    import hashlib

    arrays = (picture.colors, picture.instances, picture.depth_m)
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


def test_forks_of_a_warm_process_draw_the_bytes_of_a_fresh_one(require: Callable[[object, str], None]) -> None:
    done = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    warm, threads, *lines = done.stdout.split("\n")[:-1]
    own = drawn()
    require(warm == "True" or "llvmpipe" not in own.renderer, "llvmpipe cannot be forked here")
    if warm == "True":
        assert "disk$" not in threads  # the shader cache: forks would wait for it for ever
        assert lines == [f"{name} {digest(own)}" for name in ("child", "child", "parent")]
