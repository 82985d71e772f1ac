"""The receivers for macOS and Windows, which cannot run here, checked against the libraries' published API."""

import ast
import json
from pathlib import Path
from typing import Any

API = Path(__file__).parents[1] / "sinks" / "published_api"
RECEIVERS = Path(__file__).parents[2] / "engine" / "cli" / "receivers.py"


def api(name: str) -> dict[str, Any]:
    return json.loads((API / f"{name}.json").read_text(encoding="utf-8"))


def attributes_of(function: str, owner: str) -> list[tuple[str, ast.Call | None]]:
    """(attribute, its call node if it is called) for every `owner.attribute` in a function of the receivers."""
    tree = ast.parse(RECEIVERS.read_text(encoding="utf-8"))
    body = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function)
    calls = {id(node.func): node for node in ast.walk(body) if isinstance(node, ast.Call)}
    return [
        (node.attr, calls.get(id(node)))
        for node in ast.walk(body)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == owner
    ]


def test_spout_is_called_with_as_many_positional_arguments_as_it_takes() -> None:
    published = api("spout")["classes"]["SpoutReceiver"]
    used = attributes_of("receive_spout", "receiver")
    assert {name for name, _ in used} >= {"setReceiverName", "receiveImage", "isUpdated", "releaseReceiver"}
    for name, call in used:
        assert call is not None and not call.keywords, name
        assert len(call.args) in [len(overload["parameters"]) for overload in published[name]], name


def test_syphon_has_every_member_that_is_used() -> None:
    for owner, module, classes in [
        ("directory", "syphon.server_directory", ["SyphonServerDirectory"]),
        ("client", "syphon.client", ["SyphonMetalClient", "BaseSyphonClient"]),
    ]:
        known = [api("syphon")["modules"][module]["classes"][name] for name in classes]
        methods = {name: parameters for entry in reversed(known) for name, parameters in entry["methods"].items()}
        properties = {name for entry in known for name in entry["properties"]} | {"run_loop_interval"}
        used = attributes_of("receive_syphon", owner)
        assert used, owner
        for name, call in used:
            if call is None:
                assert name in properties, name
            else:
                assert {keyword.arg for keyword in call.keywords} <= {p["name"] for p in methods[name]}, name
                assert len(call.args) <= len(methods[name]), name


def test_syphon_exports_what_is_imported_and_made() -> None:
    published = api("syphon")
    for name, call in attributes_of("receive_syphon", "syphon"):
        assert name in published["exported"]
        if call is not None and name == "SyphonMetalClient":
            parameters = published["modules"]["syphon.client"]["classes"][name]["methods"]["__init__"]
            required = [p for p in parameters if not p["has_default"]]
            assert len(call.args) == len(required) == 1
    assert "copy_mtl_texture_to_image" in published["modules"]["syphon.utils.numpy"]["functions"]
    described = published["modules"]["syphon.server_directory"]["classes"]["SyphonServerDescription"]["attributes"]
    assert "servers[0].app_name" in RECEIVERS.read_text(encoding="utf-8") and "app_name" in described
