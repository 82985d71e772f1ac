"""Access control: its rules, and the real server with clients treated as remote."""

import json

import pytest

from engine.osc.decode import decode_packet
from engine.web.serving.access import is_loopback, is_our_origin, new_token
from tests.web.socket_client import Refused

TOKEN = "an-other-token"
PAGES = ("/", "/?HOST_INFO", "/layer", "/nothing", "/page/index.html", "/status.json", "/frame.jpg")
HTTP_PATHS = (*PAGES, "/stream.mjpg")
SOCKET_PATHS = ("/", "/layer/1", "/preview", "/live")


@pytest.fixture
def stranger(serve, f_card):
    """A server that treats this machine as remote."""
    return serve(f_card(), token=TOKEN, is_local=lambda address: False)


def test_only_programs_of_this_machine_are_local():
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1")))
    assert not any(
        map(is_loopback, ("192.168.1.5", "fe80::1%eth0", "::ffff:10.0.0.1", "::", "", "localhost"))
    )


def test_only_a_page_of_ours_has_the_origin_of_the_request():
    assert is_our_origin("HTTP://LocalHost:9001", host="localhost:9001")
    assert is_our_origin("http://[::1]:9001", host="[::1]:9001")
    assert is_our_origin("https://show.example", host="127.0.0.1:9001", allowed=("Show.Example",))
    for origin in (
        "null", "", "localhost:9001", "http://", "http://localhost", "http://localhost:3000", "http://127.0.0.1:9001",
        "http://203.0.113.9:9001", "http://localhost:9001.evil.example", "file://",
        "http://localhost:9001@evil.example", "chrome-extension://localhost:9001",
    ):  # fmt: skip
        assert not is_our_origin(origin, host="localhost:9001"), origin


NO_TOKEN = b"this needs the token that the server shows: open /?token=TOKEN\n"


def test_a_remote_client_without_the_token_gets_nothing(stranger, reports):
    for path in HTTP_PATHS:
        for method in ("GET", "HEAD", "POST", "OPTIONS"):
            status, headers, body = stranger.get(path, method)
            assert status == 401 and headers["WWW-Authenticate"] == "Bearer", path
            assert body == (b"" if method == "HEAD" else NO_TOKEN)
    for path in SOCKET_PATHS:
        with pytest.raises(Refused, match="401"):
            stranger.connect(path)
    assert set(reports.keys) == {"web refused"}
    assert "127.0.0.1" in reports.lines[0][1] and TOKEN not in str(reports.lines)


@pytest.mark.parametrize(
    "wrong", ["", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "%C3%A9", "%ff", "%00", "\xe9"]
)
def test_a_wrong_token_is_refused(stranger, wrong):
    cookie = f"multiverse_{stranger.server.address[1]}={wrong}"
    assert stranger.get("/status.json", Authorization=f"Bearer {wrong}")[0] == 401
    assert stranger.get("/status.json", Cookie=cookie)[0] == 401
    with pytest.raises(Refused, match="401"):
        stranger.connect("/live", Authorization=f"Bearer {wrong}", Cookie=cookie)
    if wrong.isascii():
        assert stranger.get(f"/status.json?token={wrong}")[0] == 401
        with pytest.raises(Refused, match="401"):
            stranger.connect(f"/live?token={wrong}")


def test_the_token_is_accepted_in_url_header_and_cookie(stranger):
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    cookie = {"Cookie": f"other=1; multiverse_{stranger.server.address[1]}={TOKEN}"}
    for path in PAGES:
        in_url = f"{path}{'&' if '?' in path else '?'}token={TOKEN}"
        for requested_path, headers in ((path, bearer), (path, cookie), (in_url, {})):
            assert stranger.get(requested_path, **headers)[0] in (200, 404), path
    for path in SOCKET_PATHS:
        stranger.connect(f"{path}?token={TOKEN}")
        stranger.connect(path, **bearer)
        stranger.connect(path, **cookie)


def test_the_page_opened_with_the_token_leaves_a_cookie_that_opens_the_rest(stranger, serve):
    _, headers, page = stranger.get(f"/?token={TOKEN}", Accept="text/html")
    assert b"<html" in page
    cookie, _, attributes = headers["Set-Cookie"].partition(";")
    assert "HttpOnly" in attributes and "SameSite=Strict" in attributes
    assert stranger.get("/status.json", Cookie=cookie)[0] == 200
    stranger.connect("/live", Cookie=cookie).read()
    status, headers, _ = serve().get("/?token=wrong", Accept="text/html")
    assert status == 200 and headers["Set-Cookie"] is None, "a program of this machine needs none"


def test_without_a_token_a_random_one_is_created(serve):
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100 and {len(token) for token in tokens} == {22}
    web = serve(is_local=lambda address: False)
    assert web.get("/status.json?token=")[0] == web.get("/status.json?token=None")[0] == 401
    assert web.get(f"/status.json?token={web.server.token}")[0] == 200


def test_dns_rebinding_is_refused(serve, f_card):
    web = serve(f_card())
    for path in HTTP_PATHS:
        assert web.get(path, Host="evil.example")[0] == 403
    for path in SOCKET_PATHS:
        with pytest.raises(Refused, match="403: this host name is not served here"):
            web.connect(path, Host="evil.example")


def test_a_page_of_another_site_cannot_open_a_socket_though_it_runs_on_this_machine(
    serve, stranger
):
    web = serve()
    port = web.server.address[1]
    for origin in (
        "https://evil.example",
        "null",
        "http://localhost:1",
        f"http://127.0.0.1:{port}",
    ):
        for path in SOCKET_PATHS:
            with pytest.raises(Refused, match="403: pages of another site"):
                web.connect(path, Origin=origin)
        assert web.get("/status.json", Origin=origin, Host=f"localhost:{port}")[0] == 403
    with pytest.raises(Refused, match="403"):
        stranger.connect(f"/?token={TOKEN}", Origin="https://evil.example")
    web.connect("/", Origin=f"http://localhost:{port}")


# -- hosts whose OSC is accepted ---------------------------------------------------------------

OSC_PATHS = ("/?HOST_INFO", "/?HOST_INFO=1", "/", "/layer", "/layer/1/angle?VALUE")
OTHER_PATHS = (
    "/page/index.html",
    "/status.json",
    "/frame.jpg",
    "/stream.mjpg",
    "/presets/pictures.json",
)


@pytest.fixture
def osc_web(serve, f_card):
    """A server that treats this machine as remote but accepts its OSC."""
    remote = {"token": TOKEN, "is_local": lambda address: False, "allowed_hosts": ("show.example",)}
    return serve(f_card(), accepts_osc=lambda *addresses: set(addresses) == {"127.0.0.1"}, **remote)


def test_hosts_whose_osc_is_accepted_may_use_oscquery_without_a_token_and_nothing_else(osc_web):
    """Neither Chataigne (GenericOSCQueryModule.cpp, requestHostInfo), libossia (http_client.hpp)
    nor VRChat's library (vrc-oscquery-lib, Extensions.cs) can send one."""
    for path in OSC_PATHS:
        status, headers, body = osc_web.get(path)
        assert (status, headers["Content-Type"]) == (200, "application/json") and body.startswith(
            b"{"
        ), path
    client = osc_web.connect("/")
    client.send(json.dumps({"COMMAND": "LISTEN", "DATA": "/layer/1/angle"}))
    assert decode_packet(client.read()).args == (0.0,)
    assert osc_web.get("/", Accept="text/html")[0] == osc_web.get("/layer", "POST")[0] == 401
    for path in OTHER_PATHS:
        assert osc_web.get(path)[0] == 401, path
    for path in ("/preview", "/live"):
        with pytest.raises(Refused, match="401"):
            osc_web.connect(path)


def test_pages_of_other_sites_may_not_use_oscquery(osc_web):
    port = osc_web.server.address[1]
    evil = (
        {"Host": "evil.example"},
        {"Origin": "https://evil.example"},
        sec_fetch("cross-site", "cors", "empty"),
    )
    for headers in evil:
        for path in OSC_PATHS:
            assert osc_web.get(path, **headers)[0] == 403, (path, headers)
        with pytest.raises(Refused, match="403"):
            osc_web.connect("/", **headers)
    osc_web.connect("/", Origin=f"http://localhost:{port}")


def test_a_forwarded_request_needs_the_token(osc_web):
    port = osc_web.server.address[1]
    for headers in (
        {"Host": "show.example"},
        {"Origin": "https://show.example", "Host": f"localhost:{port}"},
        {"X-Forwarded-For": "203.0.113.9"},
        {"Forwarded": "for=203.0.113.9"},
        {"Via": "1.1 proxy"},
    ):
        assert osc_web.get("/layer", **headers)[0] == 401, headers
        assert osc_web.get(f"/layer?token={TOKEN}", **headers)[0] == 200
        with pytest.raises(Refused, match="401"):
            osc_web.connect("/", **headers)


# -- pages of other sites ----------------------------------------------------------------------


def sec_fetch(site, mode="no-cors", destination="image"):
    return {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": destination}


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_site_gets_no_picture_and_does_not_count_as_a_viewer(
    serve, stranger, f_card, site
):
    web = serve(f_card())
    for path in HTTP_PATHS:
        for how in (("no-cors", "image"), ("navigate", "iframe"), ("cors", "empty"), ("", "")):
            status, _, body = web.get(path, **sec_fetch(site, *how))
            assert (status, body) == (403, b"pages of another site are not served here\n"), path
    for path in SOCKET_PATHS:
        with pytest.raises(Refused, match="403: pages of another site"):
            web.connect(path, **sec_fetch(site, "websocket", "websocket"))
    assert stranger.get(f"/frame.jpg?token={TOKEN}", **sec_fetch(site))[0] == 403


def test_our_own_page_a_typed_address_and_a_link_on_another_site_are_served(serve, f_card):
    web = serve(f_card())
    links = [sec_fetch(site, "navigate", "document") for site in ("none", "cross-site")]
    for path in PAGES:
        for fetch in (sec_fetch("same-origin"), *links):
            assert web.get(path, **fetch)[0] in (200, 404), (path, fetch)
    for path in SOCKET_PATHS:
        web.connect(path, **sec_fetch("same-origin", "websocket", "websocket"))
