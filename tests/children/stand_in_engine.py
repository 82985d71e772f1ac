"""Acts as an engine with two working children, to be killed. Prints the processes that must then exit.

`importing`: its fork server imports endlessly, so that children wait for their fork.
"""

import os
import sys
import time

import numpy as np

from engine.children.launcher import Launcher
from engine.children.spec import ChildSpec
from engine.children.supervisor import Supervisor
from engine.ipc import FrameRing, Gate

launcher = Launcher(is_forking=sys.argv[1] != "spawned")
preload = ("tests.children.endless_import",) if sys.argv[1] == "importing" else ()
gate = Gate.create()
ring = FrameRing.create("source", 4, 4, channels=3)
ring.write(np.zeros((4, 4, 3), np.uint8), index=0, time_s=0.0)
supervisors = []
for name in ("idle", "hanging"):
    spec = ChildSpec(name=name, loop="tests.children.toy:run", settings={}, preload=preload)
    supervisor = Supervisor(spec, report=lambda key, line: None, gate=gate, launcher=launcher)
    supervisor.connect_input("source", ring.segment)
    supervisor.start()
    supervisors.append(supervisor)
while preload:
    if launcher.server_pid:
        print(os.getpid(), launcher.server_pid, flush=True)
        time.sleep(1000)
    time.sleep(0.01)
while not all(supervisor.outputs for supervisor in supervisors):
    time.sleep(0.01)
supervisors[1].set_values({"/toy/busy": "hang"})
while not supervisors[1].status().facts.get("hangs"):
    time.sleep(0.01)
print(os.getpid(), launcher.server_pid, *(supervisor.status().pid for supervisor in supervisors), flush=True)
time.sleep(1000)
