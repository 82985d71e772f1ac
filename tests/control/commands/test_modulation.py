"""The command that copies a route; those of macros are tested in tests/params/test_macros.py."""

from pathlib import Path
from typing import Any

from engine.control.commands.modulation import ModulationControl
from tests.control.commands.show_rig import PresetRig


def test_a_route_is_copied_to_the_first_free_one_or_to_another(
    tmp_path: Path, reports: Any
) -> None:
    rig = PresetRig(tmp_path, reports)
    ModulationControl(rig.store).add_commands(rig.commands)
    route = {"source": "kick", "target": "/post/bloom", "amount": 0.5, "mute": True}
    off = [
        (f"/mod/{n}/{part}", value)
        for n in range(3, 13)
        for part, value in (("source", "off"), ("target", ""))
    ]
    rig.store.set_many(
        [*off, *((f"/mod/1/{part}", value) for part, value in route.items())], by="test"
    )
    assert rig.done("/mod/copy", 1) == (1, 3)
    assert rig.done("/mod/copy", 1, 12) == (1, 12)
    for n in (3, 12):
        assert {part: rig.store.get(f"/mod/{n}/{part}") for part in route} == route
    for wrong in ((), (0,), (1, 13), ("kick",), (1, 2, 3)):
        assert "takes " in rig.failed("/mod/copy", *wrong)
    for _ in range(8):
        rig.done("/mod/copy", 1)
    assert rig.failed("/mod/copy", 1).startswith("all 12 routes are in use")
    rig.close()
