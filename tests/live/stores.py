"""A store of parameters under the conditions of a run."""

import msgspec

from engine.config import build_config
from engine.live.kit.live_model import ModelTable
from engine.live.opening import conditions
from engine.params import ParamStore


def store_for(name: str, table: ModelTable, *, has_camera: bool = False) -> ParamStore:
    """Of a run with this table of the live model `name`."""
    store = ParamStore()
    for address, check in conditions(build_config({name: msgspec.to_builtins(table)}), lambda: has_camera):
        store.add_condition(address, check)
    return store
