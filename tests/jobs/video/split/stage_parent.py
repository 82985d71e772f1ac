"""A program to be killed: its stage processes run, one of them hangs. Prints their process ids."""

import os

from engine.jobs.video.split.pool import StagePool
from tests.jobs.video.split.toy_job import batches, layout

if __name__ == "__main__":
    pool = StagePool(layout("process 1 hangs", count=1))
    painted = pool.paint(batches(100))
    next(painted)
    os.write(1, " ".join(map(str, (os.getpid(), *pool.pids))).encode() + b"\n")
    next(painted)
