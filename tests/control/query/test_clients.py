"""OSCQuery clients by other authors read the engine's tree."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pythonoscquery.osc_query_client import OSCQueryClient
from zeroconf import ServiceInfo

import osc_schema
from osc_schema import ParamType

ROOT = Path(__file__).parents[3]
ANGLE = "/layer/1/angle"


@pytest.fixture
def npm_client(require: Callable[..., None]) -> Callable[[tuple[str, int]], dict]:
    """`npm_client(address)`: the result of the npm package `oscquery`."""
    node = shutil.which("node")
    modules = Path(os.environ.get("MULTIVERSE_NODE_MODULES", ROOT / ".ci/node/node_modules"))
    require(node and (modules / "oscquery").is_dir(), "npm's packages")

    def find(address: tuple[str, int]) -> dict:
        done = subprocess.run(
            [node, str(Path(__file__).with_name("list_nodes.cjs")), address[0], str(address[1])],
            env={**os.environ, "NODE_PATH": str(modules)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return find


def test_npm_oscquery_lists_every_parameter_with_its_value(
    site: Any, npm_client: Callable[..., dict]
) -> None:
    site.store.set_many(
        [(ANGLE, 12.5), ("/layer/1/mute", True), ("/mode", "simple"), ("/mirror/mode", "xy")],
        by="desk",
    )
    found = npm_client(site.server.address)
    methods = {method["full_path"]: method for method in found["methods"]}
    assert len(methods) == len(found["methods"])
    for param in osc_schema.PARAMS:
        (argument,) = methods[param.address]["arguments"]
        value = None if param.type is ParamType.TRIGGER else site.store.get(param.address)
        assert argument["value"] == value
        assert methods[param.address]["access"] == 3
        # twins begin with a title
        assert methods[param.address]["description"].endswith(param.description)
        if param.type is ParamType.FLOAT:
            assert argument["range"] == {"min": param.low, "max": param.high}
        elif param.type is ParamType.MENU:
            assert argument["range"]["vals"] == list(param.menu)
    commands = {each.address for command in osc_schema.COMMANDS for each in command.fixed()}
    published = {each.address for message in osc_schema.MESSAGES for each in message.fixed()}
    assert (
        methods.keys() - published
        == (commands | {param.address for param in osc_schema.PARAMS}) - published
    )
    host = found["host"]
    assert (host["oscIp"], host["oscPort"], host["oscTransport"]) == ("127.0.0.1", 9000, "UDP")
    assert (host["wsIp"], host["wsPort"]) == site.server.address and host["extensions"][
        "LISTEN"
    ] is True


def test_python_oscquery_reads_parameters_and_host_information(site: Any) -> None:
    """It rejects a tree with a node that has no value, such as a command."""
    site.store.set(ANGLE, 12.5)
    host, port = site.server.address
    kind = "_oscjson._tcp.local."
    client = OSCQueryClient(
        ServiceInfo(kind, f"Multiverse.{kind}", port=port, parsed_addresses=[host])
    )
    assert client.query_node(ANGLE).value == [12.5]
    assert client.query_node("/feedback").find_subnode("/feedback/amount").value == [0.91]
    read = [client.query_node(param.address) for param in osc_schema.PARAMS[::8]]
    assert [node.value for node in read if node.value != [None]] == [
        [site.store.get(node.full_path)] for node in read if node.value != [None]
    ]
    assert client.query_node("/no/such/path") is None
    info = client.get_host_info()
    assert (info.osc_ip, info.osc_port, info.osc_transport) == ("127.0.0.1", 9000, "UDP")
    assert info.name == "Multiverse test"
