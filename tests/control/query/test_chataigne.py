"""The served tree by the rules of Chataigne's OSCQuery module.

From juce_organicui (helpers/OSCHelpers.cpp, updateContainerFromData and
createOrUpdateControllableFromData; controllable/ControllableContainer.cpp): siblings of one name in
any case are one, a container is found by its description, and each has the controls listen and sync
of its own.
"""

from collections.abc import Iterator
from typing import Any

import osc_schema

KINDS = {  # of a control: the TYPEs that Chataigne shows; others get no control
    "trigger": "N I", "int": "i h", "float": "f d", "point2d": "ii ff hh dd",
    "point3d": "iii fff hhh ddd",
    "colour": "ffff dddd iiii hhhh r", "string": "s S c", "bool": "T F",
}  # fmt: skip
KIND_OF = {tag: kind for kind, tags in KINDS.items() for tag in tags.split()}
OWN = {"listen", "sync", "enabled"}
CHATAIGNE_TYPES = {"stops": "float", "menu": "enum", "text": "string", "file": "string"}


def containers(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every container of the tree with what it contains."""
    yield node
    for child in node["CONTENTS"].values():
        if "CONTENTS" in child:
            yield from containers(child)


def test_chataigne_shows_every_parameter_with_its_type_and_sends_to_its_address(site: Any) -> None:
    _, root = site.ask("/")
    types: dict[str, str] = {}
    nice_names: list[str] = []
    for container in containers(root):
        contents = container["CONTENTS"]
        assert len({name.lower() for name in contents}) == len(contents), container["FULL_PATH"]
        assert container is root or not OWN & contents.keys(), (
            "a control of its own would be replaced, and then used"
        )
        nice_names += [
            child.get("DESCRIPTION") or name
            for name, child in contents.items()
            if "CONTENTS" in child
        ]
        for node in contents.values():
            if "CONTENTS" not in node and node.get("TYPE", "") in KIND_OF:
                kind = KIND_OF[node["TYPE"]]
                types[node["FULL_PATH"]] = "enum" if kind == "string" and "RANGE" in node else kind
    params = {
        param.address: CHATAIGNE_TYPES.get(param.type.value, param.type.value)
        for param in osc_schema.PARAMS
    }
    assert {address: types.get(address) for address in params} == params
    commands = (each for command in osc_schema.COMMANDS for each in command.fixed())
    can_show = {
        each.address for each in commands if "".join(one.type for one in each.arguments) in KIND_OF
    }
    published = {each.address for message in osc_schema.MESSAGES for each in message.fixed()}
    assert types.keys() - published == (params.keys() | can_show) - published
    assert {
        "Layer",
        "Layer 1",
        "Layer 5",
        "LFO 3",
        "Sink ndi",
        "SD ControlNet",
        "ControlNet 2",
    } <= set(nice_names)
    assert len(set(nice_names)) == len(nice_names) and max(map(len, nice_names)) <= 24
