"""The parameters of the live models, as their packages declare them (`multiverse.parameters` in `plugins`)."""

from osc_schema import plugins
from osc_schema.types import Area, FoundObjects


def _areas() -> dict[str, Area]:
    found = {}
    for name, area in plugins.loaded("multiverse.parameters").items():
        addresses = {param.address for param in area.params}
        if f"/{name}/enable" in addresses and all(address.startswith(f"/{name}/") for address in addresses):
            found[name] = area
        else:
            reason = f"the addresses of its parameters must begin with /{name}/, and one must be /{name}/enable"
            plugins.leave_out(plugins.declared("multiverse.parameters")[name], reason)
    return dict(sorted(found.items(), key=lambda each: (each[1].order, each[0])))


BY_NAME = _areas()
AREAS = tuple(BY_NAME.values())
NAMES = tuple(BY_NAME)
"""In the order of the page, which is also that of processing."""
PICTURES = tuple(picture for area in AREAS for picture in area.pictures)
"""Pictures that a run may publish beside the main one."""
PAINTERS = tuple(name for name, area in BY_NAME.items() if area.paints_layer5)
"""Those that layer 5 may show."""


def found_objects() -> FoundObjects:
    """The messages about found objects, of the first model that finds any."""
    return next(area.found_objects for area in AREAS if area.found_objects is not None)
