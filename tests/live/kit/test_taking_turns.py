"""Two children of pictures, each in a process of its own, on one device and one gate."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.children.spec import ChildSpec
from engine.children.supervisor import Supervisor
from engine.ipc import Gate
from engine.ipc.gate import TURN_LIMIT_NS
from tests.live.kit.lockstep import overlaps

NAMES = "sd", "sam3"
CALLS = 15


@pytest.fixture
def supervisors(tmp_path: Path, reports: Any, fork_server: None) -> Iterator[list[Supervisor]]:
    gate = Gate.create()
    made = [
        Supervisor(
            ChildSpec(
                name=name,
                loop="tests.live.kit.turning:run",
                settings={"area": f"/{name}", "file": str(tmp_path / f"{name}.npy")},
            ),
            report=reports,
            gate=gate,
        )
        for name in NAMES
    ]
    yield made
    for supervisor in made:
        supervisor.close()
    gate.close()


def test_two_children_of_one_device_never_use_it_at_the_same_time(
    supervisors: list[Supervisor], tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    for name, supervisor in zip(NAMES, supervisors, strict=True):
        supervisor.set_values({f"/{name}/enable": True, f"/{name}/slice_ms": 1.0})
        supervisor.start()
    wait_for(lambda: min(each.status().results for each in supervisors) > CALLS, "results of both")
    for supervisor in supervisors:
        supervisor.close()
    pieces = []
    for name in NAMES:
        free, begun, ended = np.load(tmp_path / f"{name}.npy").T
        # One that waited or was stopped for a quarter of a second may begin beside the other.
        in_time = ended - free < TURN_LIMIT_NS
        pieces.append(list(zip(begun[in_time].tolist(), ended[in_time].tolist(), strict=True)))
    assert min(map(len, pieces)) > 2 * CALLS
    assert not overlaps(*pieces)
