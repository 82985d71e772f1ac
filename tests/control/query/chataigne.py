"""The part of Chataigne's OSCQuery module that decides which control has which address.

Rewritten from juce_organicui (helpers/OSCHelpers.cpp, OSCQueryHelpers::updateContainerFromData and
createOrUpdateControllableFromData; controllable/ControllableContainer.cpp), which Chataigne's GenericOSCQueryModule
calls with the JSON of `/`. Values are not handled.
"""

from dataclasses import dataclass, field
from typing import Any

KINDS = {  # TYPE -> kind of control; other types get no control
    **dict.fromkeys(("N", "I"), "trigger"),
    **dict.fromkeys(("i", "h"), "int"),
    **dict.fromkeys(("f", "d"), "float"),
    **dict.fromkeys(("ii", "ff", "hh", "dd"), "point2d"),
    **dict.fromkeys(("iii", "fff", "hhh", "ddd"), "point3d"),
    **dict.fromkeys(("ffff", "dddd", "iiii", "hhhh", "r"), "colour"),
    **dict.fromkeys(("s", "S", "c"), "string"),
    **dict.fromkeys(("T", "F"), "bool"),
}


@dataclass(eq=False)
class Control:
    short_name: str
    kind: str


@dataclass(eq=False)
class Container:
    nice_name: str = ""
    short_name: str = ""
    controls: list[Control] = field(default_factory=list)
    containers: "list[Container]" = field(default_factory=list)

    def control_called(self, name: str) -> Control | None:
        return next((one for one in self.controls if one.short_name.lower() == name.lower()), None)

    def container_called(self, name: str) -> "Container | None":
        return next(
            (one for one in self.containers if name == one.nice_name or one.short_name.lower() == name.lower()), None
        )

    def addresses(self, above: str = "") -> "list[tuple[str, Control]]":
        """(OSC address that it sends to, control), for every control in this container and those below."""
        own = [(f"{above}/{control.short_name}", control) for control in self.controls]
        return own + [pair for one in self.containers for pair in one.addresses(f"{above}/{one.short_name}")]


def read_tree(data: dict[str, Any], *, uses_address_for_naming: bool) -> Container:
    """Everything that the module shows after its first *Sync Data*."""
    root = Container()
    _update(root, data, uses_address_for_naming)
    return root


def _update(container: Container, data: dict[str, Any], uses_address: bool) -> None:
    obsolete_controls, obsolete_containers = list(container.controls), list(container.containers)
    if container.short_name:  # the two controls that every container except the root has
        obsolete_controls = [one for one in obsolete_controls if one.short_name not in ("listen", "sync")]
    for name, node in data.get("CONTENTS", {}).items():
        if "CONTENTS" in node:
            nice_name = name if uses_address else node.get("DESCRIPTION") or name
            child = container.container_called(nice_name)
            if child is None:
                child = Container(nice_name, name, [Control("listen", "bool"), Control("sync", "bool")])
            elif child in obsolete_containers:
                obsolete_containers.remove(child)
            _update(child, node, uses_address)
            if child not in container.containers:
                container.containers.append(child)
        else:
            control = container.control_called(name)
            if control in obsolete_controls:
                obsolete_controls.remove(control)
            _update_control(container, control, name, node)
    for control in obsolete_controls:
        container.controls.remove(control)
    for child in obsolete_containers:
        container.containers.remove(child)


def _update_control(container: Container, control: Control | None, name: str, node: dict[str, Any]) -> None:
    kind = KINDS.get(node.get("TYPE", ""))
    if kind == "string" and "RANGE" in node:
        kind = "enum"
    if control is not None and control.kind != kind:
        container.controls.remove(control)
        control = None
    if control is not None:
        control.short_name = name
    elif kind is not None:
        container.controls.append(Control(name, kind))
