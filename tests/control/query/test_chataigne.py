"""Chataigne's own algorithm on the served tree."""

from typing import Any

import pytest

import osc_schema
from osc_schema import ParamType
from tests.control.query.chataigne import KINDS, Container, read_tree

SHOWN_AS = {
    ParamType.FLOAT: "float",
    ParamType.STOPS: "float",
    ParamType.INT: "int",
    ParamType.BOOL: "bool",
    ParamType.MENU: "enum",
    ParamType.TEXT: "string",
    ParamType.FILE: "string",
    ParamType.TRIGGER: "trigger",
    ParamType.COLOUR: "colour",
}


@pytest.mark.parametrize("uses_address_for_naming", [False, True])
def test_chataigne_shows_every_parameter_with_its_type_and_sends_to_its_address(
    site: Any, uses_address_for_naming: bool
) -> None:
    _, root = site.get("/")
    found = read_tree(root, uses_address_for_naming=uses_address_for_naming).addresses()
    shown = {address: control.kind for address, control in found}
    assert len(shown) == len(found)
    params = {param.address: SHOWN_AS[param.type] for param in osc_schema.PARAMS}
    assert {address: shown.get(address) for address in params} == params
    commands = {command.address: "".join(one.type for one in command.arguments) for command in osc_schema.COMMANDS}
    can_show = {address for address, tags in commands.items() if tags in KINDS and "<" not in address}
    own = {f"/{above}/{name}" for above in containers_of(root) for name in ("listen", "sync")}
    assert shown.keys() == params.keys() | can_show | own


def test_no_address_has_a_name_that_chataigne_reserves() -> None:
    """The names of OSCQueryValueContainer's own controls. A control of another kind would replace them, and the next
    *Sync Data* would then use a deleted control."""
    inside = [param.address for param in osc_schema.PARAMS if param.address.count("/") > 1]
    assert [address for address in inside if address.rpartition("/")[2] in ("listen", "sync", "enabled")] == []


def test_mode_is_the_only_address_that_chataigne_cannot_listen_to() -> None:
    """GenericOSCQueryModule::updateAllListens listens only to controls in containers; docs/chataigne.md names the
    others."""
    assert [param.address for param in osc_schema.PARAMS if param.address.count("/") == 1] == ["/mode"]


def containers_of(node: dict) -> set[str]:
    """The paths of all containers below it, without the first slash."""
    held = [child for child in node.get("CONTENTS", {}).values() if "CONTENTS" in child]
    return {child["FULL_PATH"][1:] for child in held}.union(*map(containers_of, held))


def test_containers_have_short_unique_names(site: Any) -> None:
    def names(container: Container) -> list[str]:
        return [name for child in container.containers for name in (child.nice_name, *names(child))]

    found = names(read_tree(site.get("/")[1], uses_address_for_naming=False))
    assert {"Layer", "Layer 1", "Layer 5", "LFO 3", "Sink ndi", "SD ControlNet", "ControlNet 2"} <= set(found)
    assert len(set(found)) == len(found) and max(map(len, found)) <= 24
