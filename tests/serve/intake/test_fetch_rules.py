"""Which addresses and URLs may be fetched from: rules without a network."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve.errors import ForbiddenError, UndecodableError
from serve.intake.fetch import check_url, is_public


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "0.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "192.0.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::10.0.0.1"),
        *("64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1", "2001:0:a00:1::1"),
    ],
)
def test_inner_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::808:808"])
def test_outer_addresses_are_public(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_in_ipv6_clothes_is_as_public_as_itself(address: Any) -> None:
    for prefix in ("64:ff9b::", "::ffff:"):
        assert is_public(f"{prefix}{address}") == is_public(str(address))


@pytest.mark.parametrize(
    "url",
    [
        *(
            "file:///etc/passwd",
            "ftp://good.example/x",
            "gopher://good.example",
            "//good.example/x",
            "good.example",
        ),
        *("http://", "http:///x", "http://good.example:99999/", "http://[::1", "http://u@good.example/"),
        *("http://good.example@evil.example/", "http://good.example/x y", "http://good.example/\r\nX: y"),
        "http://:pass@good.example/",
        f"http://good.example/{'x' * 8192}",
    ],
)
def test_what_is_no_plain_http_url_is_refused(url: str) -> None:
    with pytest.raises(UndecodableError):
        check_url(url, ["good.example"])


@pytest.mark.parametrize(
    "url",
    [
        *("http://evil.example/", "http://sub.good.example/", "http://good.example.evil.example/"),
        *(
            "http://good.example:8080/",
            "https://good.example:80/",
            "http://2130706433/",
            "http://gооd.example/",
        ),
        "http://evil.example\\good.example/",
    ],
)
def test_other_hosts_and_ports_are_refused(url: str) -> None:
    with pytest.raises((ForbiddenError, UndecodableError)):
        check_url(url, ["good.example"])


@pytest.mark.parametrize(
    "url", ["http://good.example/x", "https://GOOD.example:443/", "http://good.example./x"]
)
def test_an_allowed_host_passes(url: str) -> None:
    assert check_url(url, ["Good.Example"]).scheme in ("http", "https")


@given(st.text(max_size=60) | st.builds("http://{}/{}".format, st.text(max_size=30), st.text(max_size=30)))
def test_any_text_is_refused_or_of_the_allowed_host(text: str) -> None:
    with suppress(ForbiddenError, UndecodableError):
        assert check_url(text, ["good.example"]).raw_host == "good.example"
