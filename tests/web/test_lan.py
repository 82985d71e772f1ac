import ipaddress

import pytest

from engine.errors import MultiverseError
from engine.web.lan import lan_addresses, likeliest_first


def test_the_way_out_comes_first_private_networks_before_others_and_the_links_own_last():
    found = ["127.0.0.1", "169.254.7.7", "100.101.102.103", "192.168.1.5", "10.0.0.7"]
    assert likeliest_first(found, way_out="") == ("192.168.1.5", "10.0.0.7", "100.101.102.103", "169.254.7.7")
    assert likeliest_first(found, way_out="10.0.0.7")[0] == "10.0.0.7"


def test_a_machine_alone_is_told_so():
    with pytest.raises(MultiverseError, match="no network is connected"):
        likeliest_first(["127.0.0.1"], way_out="")


def test_this_machines_own_addresses_are_ones_that_others_may_reach():
    try:
        addresses = lan_addresses()
    except MultiverseError:  # a machine without a network, as some that build are
        return
    assert not any(ipaddress.ip_address(address).is_loopback for address in addresses)
