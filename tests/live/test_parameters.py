"""The parameters of every live model: a run without it takes the defaults, and each has its use in
the child."""

from collections.abc import Iterable

import pytest

import osc_schema
from engine.config import build_config
from engine.live.kit.pace import read_pace
from engine.live.rvc.link import BUILT as RVC_BUILT
from engine.live.rvc.settings import read_settings as read_rvc
from engine.live.sam3.link import BUILT as SAM3_BUILT
from engine.live.sam3.loop import read_settings as read_sam3
from engine.live.sd.entry import BUILD as SD_BUILT
from engine.live.sd.settings import read_settings as read_sd
from osc_schema import Rejected, Value
from osc_schema.sd import PROMPTS
from tests.live.stores import store_for

READ = {"sd": read_sd, "sam3": read_sam3, "rvc": read_rvc}
BUILT = {*SD_BUILT, *SAM3_BUILT.values(), *RVC_BUILT}  # another value is another process
ON = (
    *(f"/sd/controlnet/{n}/enable" for n in (1, 2)),
    "/sd/similarity/enable",
    "/sd/enable",
    "/sam3/enable",
)
FIXED = dict.fromkeys(ON, True) | {"/sd/duty_auto": False, "/sam3/duty_auto": False}
FIXED |= {"/sd/prompt_b": "sea", "/sd/seed_mix": 0.5}
NUMBERED = {f"/sd/prompts/{n}/text": f"ice {n}" for n in PROMPTS}


def some_values(param: osc_schema.Param) -> Iterable[Value]:
    match param.type:
        case "text" | "file":
            return ("12 34",)
        case "bool":
            return (False, True)
        case "menu":
            return param.menu
        case "int":
            return (int(param.low), int(param.high))
    return (param.low, param.high)


@pytest.mark.parametrize("name", READ)
def test_every_parameter_of_a_child_changes_its_settings(name: str) -> None:
    def settings_of(values: dict[str, Value]) -> object:
        return READ[name](values), name != "rvc" and read_pace(values, f"/{name}")

    for param in osc_schema.PARAMS:
        if param.child != name or param.address in BUILT:
            continue
        at_hand = NUMBERED if name == "sd" and param.address.endswith("/weight") else FIXED
        others = {address: value for address, value in at_hand.items() if address != param.address}
        before = settings_of(others)
        assert any(
            settings_of(others | {param.address: value}) != before for value in some_values(param)
        ), param.address


@pytest.mark.parametrize("name", READ)
def test_a_run_without_a_model_accepts_every_default(name: str) -> None:
    """A preset contains all defaults."""
    defaults = [(param.address, param.default) for param in osc_schema.PARAMS if param.area == name]
    assert defaults
    refused = store_for(name, build_config({}).models[name]).set_many(defaults, by="preset")
    assert not [result for result in refused if isinstance(result, Rejected)]
