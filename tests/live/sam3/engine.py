"""An engine with a working SAM3 child, to be killed. `python -m tests.live.sam3.engine MODEL` prints the ids of the
processes that must end with it: its own, its fork server's and its child's."""

import os
import sys
import time

from engine.children.launcher import LAUNCHER
from tests.live.sam3.studio import Sam3Studio

studio = Sam3Studio(sys.argv[1])
studio.supervisor.start()
while not studio.finds():
    time.sleep(0.01)
print(os.getpid(), LAUNCHER.server_pid, studio.status.pid, flush=True)
while True:
    studio.finds()
    time.sleep(0.01)
