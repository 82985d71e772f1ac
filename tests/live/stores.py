"""A parameter store with the conditions of a run."""

import msgspec

from engine.config import build_config
from engine.live.kit.live_model import ModelTable
from engine.live.kit.opening import models_of
from engine.params import ParamStore


def store_for(name: str, table: ModelTable, *, has_camera: bool = False) -> ParamStore:
    """The parameter store of a run with this table of the live model `name`."""
    store = ParamStore()
    config = build_config({name: msgspec.to_builtins(table)})
    for address, check in models_of(config, lambda: has_camera, lambda key, line: None).conditions:
        store.add_condition(address, check)
    return store
