from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from proxy.http.addresses import AddressSet

V4 = st.one_of(st.integers(0, 2**32 - 1), st.integers(0x0A000000, 0x0A0003FF)).map(IPv4Address)
V6 = st.one_of(st.integers(0, 2**128 - 1), st.integers(2**125, 2**125 + 1023)).map(IPv6Address)
NETWORKS = st.one_of(
    st.tuples(V4, st.integers(0, 32)), st.tuples(V6, st.integers(0, 128)),
).map(lambda pair: f"{pair[0]}/{pair[1]}")


@given(st.lists(NETWORKS, max_size=8), st.one_of(V4, V6))
def test_a_lookup_is_what_ipaddress_says(networks, address):
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    expected = any(address in ip_network(network, strict=False) for network in networks)
    assert (str(address) in AddressSet(networks)) == expected


@given(st.lists(NETWORKS, min_size=1, max_size=8), st.data())
def test_both_ends_of_a_network_are_in_it(networks, data):
    chosen = ip_network(data.draw(st.sampled_from(networks)), strict=False)
    # `::/80` ends in IPv4-mapped addresses, and those are looked up as IPv4.
    assume(chosen.version == 4 or (chosen.broadcast_address.ipv4_mapped is None) ==
           (chosen.network_address.ipv4_mapped is None))
    addresses = AddressSet(networks)
    assert str(chosen.network_address) in addresses
    assert str(chosen.broadcast_address) in addresses


@pytest.mark.parametrize("address, inside", [
    ("10.255.255.255", True),
    ("11.0.0.0", False),
    ("9.255.255.255", False),
    ("::ffff:10.1.2.3", True),
    ("::ffff:a01:203", True),
    ("::ffff:11.1.2.3", False),
    ("::10.1.2.3", False),
    ("2001:db8::1", True),
    ("2001:DB8:0::1", True),
    ("2001:db9::", False),
    ("fe80::1%eth0", True),
    ("unix:", False),
    ("", False),
    ("10.1", False),
    ("10.1.2.3:80", False),
    ("localhost", False),
    ("10.0.0.1\0", False),
    ("\u0661\u0660.0.0.1", False),
])
def test_addresses_and_what_is_none(address, inside):
    assert (address in AddressSet(["10.0.0.0/8", "2001:db8::/32", "fe80::/10"])) is inside


def test_mapped_networks_are_ipv4_networks():
    addresses = AddressSet(["::ffff:192.0.2.0/120"])
    assert "192.0.2.7" in addresses
    assert "::ffff:192.0.2.7" in addresses
    assert "192.0.3.7" not in addresses


def test_all_of_ipv6_is_nothing_of_ipv4_and_the_reverse():
    assert "::ffff:192.0.2.7" not in AddressSet(["::/0"])
    assert "2001:db8::1" in AddressSet(["::/0"])
    assert "::ffff:192.0.2.7" in AddressSet(["0.0.0.0/0"])
    assert "2001:db8::1" not in AddressSet(["0.0.0.0/0"])


def test_single_addresses_and_host_bits():
    addresses = AddressSet(["192.0.2.1", "198.51.100.77/24"])
    assert "192.0.2.1" in addresses
    assert "192.0.2.2" not in addresses
    assert "198.51.100.1" in addresses


def test_networks_may_be_parsed_already():
    addresses = AddressSet([ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"), "10.0.0.1"])
    assert all(address in addresses for address in ("192.0.2.9", "2001:db8::9", "10.0.0.1"))


def test_an_empty_set_has_nobody():
    assert "127.0.0.1" not in AddressSet([])


@pytest.mark.parametrize("network", ["10.0.0.0/33", "localhost", "", "10.0.0.0/8/8"])
def test_what_is_no_network_is_refused(network):
    with pytest.raises(ValueError):
        AddressSet([network])
