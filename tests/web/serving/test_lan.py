"""Addresses and URLs for other machines."""

import pytest

from engine.errors import MultiverseError
from engine.web.serving import lan
from engine.web.serving.lan import lan_url, likeliest_first, own_url


def test_the_default_address_comes_first_then_private_networks_and_link_local_last():
    found = ["127.0.0.1", "169.254.7.7", "100.101.102.103", "192.168.1.5", "10.0.0.7"]
    assert likeliest_first(found, default_address="") == (
        "192.168.1.5",
        "10.0.0.7",
        "100.101.102.103",
        "169.254.7.7",
    )
    assert likeliest_first(found, default_address="10.0.0.7")[0] == "10.0.0.7"


def test_a_machine_without_a_network_is_an_error():
    with pytest.raises(MultiverseError, match="no network is connected"):
        likeliest_first(["127.0.0.1"], default_address="")


@pytest.mark.parametrize(
    ("host", "own", "lan"),
    [
        ("127.0.0.1", "http://127.0.0.1:9001/", None),
        ("192.168.1.5", "http://192.168.1.5:9001/?token=abc", "http://192.168.1.5:9001/?token=abc"),
        ("fd00::5", "http://[fd00::5]:9001/?token=abc", "http://[fd00::5]:9001/?token=abc"),
    ],
)
def test_the_page_is_named_with_the_token_where_one_is_needed(
    host: str, own: str, lan: str | None
) -> None:
    assert (own_url(host, 9001, "abc"), lan_url(host, 9001, "abc")) == (own, lan)


def test_a_server_on_every_address_is_reached_from_here_without_a_token_and_from_elsewhere_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lan, "lan_addresses", lambda: ("10.0.0.7", "169.254.7.7"))
    assert own_url("0.0.0.0", 9001, "abc") == "http://127.0.0.1:9001/"
    assert lan_url("0.0.0.0", 9001, "abc") == "http://10.0.0.7:9001/?token=abc"
