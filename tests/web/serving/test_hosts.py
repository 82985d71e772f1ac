"""Host names under which the page is served."""

import socket

import pytest

from engine.web.serving.access import announced_host, is_our_host


def test_on_loopback_this_machine_is_served_by_its_own_names_and_those_that_are_allowed():
    for header in (
        "localhost", "localhost:9001", "LOCALHOST:9001", "127.0.0.1", "127.0.0.1:9001",
        "[::1]:9001", "[::1]",
    ):  # fmt: skip
        assert is_our_host(header, bound_to="127.0.0.1"), header
    assert is_our_host("show.example:9001", bound_to="127.0.0.1", allowed=("Show.Example",))
    for header in (
        None, "", "evil.example", "evil.example:9001", "127.0.0.1.evil.example",
        "localhost.evil.example:9001",
        "192.168.1.5:9001", "[fe80::1]:9001", "[", "::1]", "a:b:c",
        "[::1]evil.example", "[::1]evil.example:9001", "[::1]:9001.evil.example", "[localhost]",
        "localhost:9001:9001",
        "user@localhost", "localhost/", "localhost:evil",
    ):  # fmt: skip
        assert not is_our_host(header, bound_to="127.0.0.1"), header


def test_on_the_network_addresses_and_this_machines_name_are_served_and_other_names_are_not():
    name = socket.gethostname().removesuffix(".local")
    own = (
        f"{name}:9001",
        f"{name}.local:9001",
        f"{announced_host()}:9001",
        f"{announced_host()}.:9001",
    )
    for header in ("192.168.1.5:9001", "[fe80::1]:9001", *own):
        assert is_our_host(header, bound_to="0.0.0.0"), header
    for header in ("evil.example", "evil.example.:9001", "."):  # a final dot is optional
        assert not is_our_host(header, bound_to="0.0.0.0"), header


@pytest.mark.parametrize(
    ("machine", "announced"),
    [
        ("studio", "multiverse-studio.local"),
        ("Annas_MacBook Pro.fritz.box", "multiverse-annas-macbook-pro.local"),
        ("-FOH-2-", "multiverse-foh-2.local"),
        ("x" * 64, f"multiverse-{'x' * 52}.local"),
        (f"{'x' * 51}-y", f"multiverse-{'x' * 51}.local"),
        ("舞台", "multiverse-4f8f70cb.local"),
    ],
)
def test_mdns_announces_a_resolvable_host(
    machine: str, announced: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: machine)
    assert announced_host() == announced
