"""A program whose stage processes are at work, one of them hanging, to be killed. Prints whose they are."""

import os

from engine.jobs.video.split.pool import StagePool
from tests.jobs.video.split.toy_job import batches, layout

if __name__ == "__main__":
    pool = StagePool(layout("process 1 hangs", count=1))
    painted = pool.paint(batches(100))
    next(painted)
    os.write(1, " ".join(map(str, (os.getpid(), *pool.pids))).encode() + b"\n")
    next(painted)
