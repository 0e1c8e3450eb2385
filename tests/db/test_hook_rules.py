"""Where a webhook may go. Hostile addresses come from the project's security reference."""

import ipaddress

import pytest

from holdfast.errors import HoldfastError
from holdfast_db.hook_rules import check_url, is_public, may_reach, read_allow

_INSIDE = """
127.0.0.1 127.1.2.3 0.0.0.0 0.1.2.3 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254
100.64.0.1 100.127.255.255 192.0.0.8 192.0.0.170 192.0.2.1 192.88.99.1 198.18.0.1 198.51.100.1
203.0.113.1 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
::1 :: fe80::1 fe80::5efe:7f00:1 fc00::1 fd12:3456::1 fec0::1 ff02::1 ff0e::1 2001:db8::1 3fff::1
100::1 5f00::1 2001:20::1
::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:224.0.0.1
::127.0.0.1 ::ffff:0:127.0.0.1
64:ff9b::7f00:1 64:ff9b::a00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::808:808
2002:7f00:1:: 2002:a00:1:: 2002:a9fe:a9fe::1
2001:0:7f00:1::f7f7:f7f7 2001:0:808:808::80ff:fffe 2001:0:808:808::f7f7:f7f7
2606:4700::5efe:7f00:1 2606:4700::200:5efe:a00:1
""".split()
_OUTSIDE = """
8.8.8.8 1.1.1.1 93.184.216.34 223.255.255.254 2606:4700:4700::1111 2a00:1450:4001:80b::200e
::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::1
""".split()


@pytest.mark.parametrize("text", _INSIDE)
def test_nothing_inside_is_public(text: str) -> None:
    address = ipaddress.ip_address(text)
    assert not is_public(address)
    assert not may_reach(address, ())


@pytest.mark.parametrize("text", _OUTSIDE)
def test_the_internet_is_public(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


def test_a_private_network_is_reached_when_it_is_named() -> None:
    (entry,) = read_allow("ci.internal:8443@10.2.0.0/16+127.0.0.0/8")
    networks = check_url("https://ci.internal:8443/x", (entry,)).networks
    for text, reached in [
        ("10.2.3.4", True),
        ("::ffff:10.2.3.4", True),
        ("127.0.0.1", True),
        ("10.3.0.1", False),
        ("2002:a02:304::1", False),
        ("64:ff9b::a02:304", False),
        ("169.254.169.254", False),
        ("8.8.8.8", True),
    ]:
        assert may_reach(ipaddress.ip_address(text), networks) is reached, text


@pytest.mark.parametrize(
    ("allow", "url", "reason"),
    [
        ("", "https://example.com/", "off"),
        ("*", "http://example.com/", "https"),
        ("*", "ftp://example.com/", "https"),
        ("*", "https:///x", "https"),
        ("*", "https://user@example.com/", "user name"),
        ("*", "https://user:secret@example.com/", "user name"),
        ("*", "https://example.com/#part", "fragment"),
        ("*", "https://example.com:8443/", "port 8443"),
        ("*", "https://example.com:80/", "port 80"),
        ("*", "https://example.com:99999/", "read"),
        ("*", "https://[::1/", "read"),
        ("*", "https://example.com/a b", "spaces"),
        ("*", "https://example.com/\x00", "printable"),
        ("*", "https://ex\u00e4mple.com/", "ASCII"),
        ("*", "https://example.com/" + "a" * 2000, "printable"),
        ("hooks.example.com", "https://example.com/", "example.com"),
        ("hooks.example.com", "https://hooks.example.com.evil.test/", "evil"),
        ("*.example.com", "https://example.com/", "example.com"),
        ("*.example.com", "https://badexample.com/", "badexample"),
        ("*", "https://127.0.0.1/", "public"),
        ("*", "https://[::1]/", "public"),
        ("*", "https://[::ffff:169.254.169.254]/", "public"),
        ("*", "https://169.254.169.254/latest", "public"),
        ("*", "https://224.0.0.1/", "public"),
    ],
)
def test_what_no_webhook_may_be(allow: str, url: str, reason: str) -> None:
    with pytest.raises(HoldfastError) as refused:
        check_url(url, read_allow(allow))
    assert refused.value.code == "webhook_url_refused"
    assert reason in refused.value.sentence


@pytest.mark.parametrize(
    ("allow", "url", "host", "port", "path"),
    [
        ("*", "https://Example.com", "example.com", 443, "/"),
        ("*", "https://example.com./a?b=c", "example.com", 443, "/a?b=c"),
        ("*.example.com", "https://a.b.example.com/", "a.b.example.com", 443, "/"),
        ("example.com:8443", "https://example.com:8443/x", "example.com", 8443, "/x"),
        ("a.test, example.com", "https://example.com/?q", "example.com", 443, "/?q"),
        ("[2606:4700::1]", "https://[2606:4700::1]/", "2606:4700::1", 443, "/"),
        ("127.0.0.1:9@127.0.0.1/32", "https://127.0.0.1:9/", "127.0.0.1", 9, "/"),
    ],
)
def test_what_a_webhook_may_be(allow: str, url: str, host: str, port: int, path: str) -> None:
    target = check_url(url, read_allow(allow))
    assert (target.host, target.port, target.path) == (host, port, path)


@pytest.mark.parametrize(
    "text", ["a@b@10.0.0.0/8", "host@", ":443", "a/b", "host@10.0.0.1/8", "u@"]
)
def test_an_unreadable_list_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_allow(text)
