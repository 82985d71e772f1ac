"""Conditions for `/rvc`: refuse values that need a model or file this run does not have."""

from collections.abc import Callable, Iterator

from engine.config import RvcConfig
from engine.live.rvc.spec import MODEL, files_named
from osc_schema import Rejected, Value

NO_MODEL = (
    "no voice model is configured: start with `multiverse run --rvc MODEL.pth` (a published .pth or a .safetensors "
    'file), or set model = "..." under [rvc] in the configuration'
)

Check = Callable[[Value], None]


def conditions(config: RvcConfig) -> Iterator[tuple[str, Check]]:
    """(address, check) for `ParamStore.add_condition`. Defaults are never refused, because presets contain them."""
    if not config.model:
        for address in ("/rvc/enable", "/rvc/channel", MODEL):
            yield address, _refusing(address)
    else:
        yield MODEL, lambda name: _require_file(config, str(name))


def _refusing(address: str) -> Check:
    """A check that allows only off, none and empty, which are the defaults."""

    def check(value: Value) -> None:
        if value:
            raise Rejected(f"{address}: {NO_MODEL}")

    return check


def _require_file(config: RvcConfig, name: str) -> None:
    try:
        files_named(config, name)
    except ValueError as reason:
        raise Rejected(f'{MODEL}: "{name}": {reason}') from None
