"""Acts as an engine with two working children, to be killed. Prints the processes that must then
exit.

`importing`: its fork server imports endlessly, so that children wait for their fork.
`spawned`: each child has a spare process.
"""

import os
import sys
import time

import numpy as np
import psutil

from engine.children import launcher as launching
from engine.children.launcher import Launcher
from engine.children.spec import ChildSpec
from engine.children.supervisor import Supervisor
from engine.ipc import FrameRing, Gate

kind = sys.argv[1]
launching.SPARE_NEEDS_BYTES = 0  # type: ignore[misc]
launcher = Launcher(is_forking=kind != "spawned")
preload = {"importing": ("tests.children.endless_import",), "spawned": ("decimal",)}.get(kind, ())
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
while kind == "importing":
    if launcher.server_pid:
        print(os.getpid(), launcher.server_pid, flush=True)
        time.sleep(1000)
    time.sleep(0.01)
while not all(supervisor.outputs for supervisor in supervisors):
    time.sleep(0.01)
supervisors[1].set_values({"/toy/busy": "hang"})
while not supervisors[1].status().facts.get("hangs"):
    time.sleep(0.01)
family = dict.fromkeys(
    [*(supervisor.status().pid for supervisor in supervisors), launcher.server_pid]
)
while kind == "spawned" and len(family) < 5:
    family |= {
        each.pid: None
        for each in psutil.Process().children()
        if "child_main" in "".join(each.cmdline())
    }
print(os.getpid(), *family, flush=True)
time.sleep(1000)
