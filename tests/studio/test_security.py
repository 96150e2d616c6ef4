"""The guard: hosts and pages of strangers, no token, endless bodies; and what every answer has."""

import http.client
import re
import socket
from html import unescape

import httpx
import pytest

from recurra.errors import RunError, SettingError
from recurra.studio.security import MAX_BODY
from recurra.studio.server import TOKEN
from serving import server_of, serving


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("folder")) as (server, client):
        yield server, client


def raw(server, *lines, body=b"", method="GET", path="/api/folder"):
    """The status and the body of a request whose headers are just these."""
    head = "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode("latin-1")
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(head + body)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.read()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:{port}", 200), ("localhost:{port}", 200), ("LOCALHOST", 200), ("[::1]:9", 200),
        ("evil.example", 403), ("evil.example:{port}", 403), ("127.0.0.1.evil.example:{port}", 403),
        ("localhost.evil.example", 403), ("127.0.0.1@evil.example", 403), ("", 403),
        ("0.0.0.0:{port}", 403), ("[::1].evil.example", 403), ("127.0.0.1:{port}:80", 403),
    ],
)  # fmt: skip
def test_only_names_of_this_machine_are_answered(studio, host, status):
    server, _ = studio
    key = f"Authorization: Bearer {server.token}"
    got, body = raw(server, f"Host: {host.format(port=server.port)}", key, "Connection: close")
    assert got == status
    assert (b"127.0.0.1 and localhost only" in body) == (status == 403)


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:{port}", 200), ("https://127.0.0.1:{port}", 403), ("null", 403),
        ("http://127.0.0.1:1", 403), ("http://evil.example", 403), ("", 403),
        ("http://127.0.0.1:{port}.evil.example", 403),
    ],
)  # fmt: skip
def test_pages_of_other_sites_are_refused(studio, origin, status):
    server, client = studio
    headers = {"origin": origin.format(port=server.port)}
    assert client.get("/api/folder", headers=headers).status_code == status


@pytest.mark.parametrize("path", ["/", "/static/main.js", "/api/folder", "/nothing"])
@pytest.mark.parametrize(
    "headers",
    [
        {}, {"authorization": "Bearer"}, {"authorization": "Bearer wrong"},
        {"cookie": "recurra=1"}, {"authorization": "Basic {token}"}, {"authorization": "\xe9"},
    ],
)  # fmt: skip
def test_nothing_is_answered_without_the_token(studio, path, headers):
    server, _ = studio
    headers = {k: v.format(token=server.token).encode("latin-1") for k, v in headers.items()}
    response = httpx.get(server.origin + path, headers=headers)
    assert response.status_code == 401
    assert "open the address that recurra printed" in response.text
    wrong = httpx.get(server.origin + path + "?token=wrong", headers=headers)
    assert (wrong.status_code, "set-cookie" in wrong.headers) == (401, False)


def test_the_address_becomes_a_cookie_and_loses_the_token(studio):
    server, _ = studio
    with httpx.Client() as browser:
        welcome = browser.get(f"{server.origin}/?run=a%26b&token={server.token}")
        cookie = welcome.headers["set-cookie"]
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
        (target,) = re.findall('url=([^"]*)"', welcome.text)
        assert unescape(target) == "/?run=a%26b"
        page = browser.get(server.origin + unescape(target))
        assert page.status_code == 200
        assert "<title>Recurra Studio</title>" in page.text


@pytest.mark.parametrize(
    "path", ["//evil.example/", "/\\evil.example", '/"><script>', "/%2f%2fevil"]
)
def test_the_address_with_the_token_leads_nowhere_else(studio, path):
    server, _ = studio
    _, body = raw(
        server, f"Host: 127.0.0.1:{server.port}", "Connection: close",
        path=f"{path}?token={server.token}",
    )  # fmt: skip
    (target,) = re.findall(rb'url=([^"]*)"', body)
    assert re.match(rb"/(?![/\\])", target)
    assert b"<script" not in body


@pytest.mark.parametrize("path", ["/", "/static/main.js", "/api/folder", "/nothing"])
def test_every_answer_binds_the_page_to_this_server(studio, path):
    server, client = studio
    for response in (client.get(path), httpx.get(server.origin + path)):
        rules = dict(
            rule.strip().split(" ", 1)
            for rule in response.headers["content-security-policy"].split(";")
        )
        assert rules["default-src"] == "'none'"
        assert rules["script-src"] == rules["connect-src"] == rules["style-src"] == "'self'"
        assert rules["frame-ancestors"] == rules["base-uri"] == "'none'"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in response.headers
        assert response.headers["cache-control"] in ("no-store", "no-cache")


def test_a_body_without_end_is_refused(studio):
    server, _ = studio
    lines = [f"Host: 127.0.0.1:{server.port}", f"Authorization: Bearer {server.token}"]
    status, body = raw(server, *lines, f"Content-Length: {100 * 2**20}", method="POST")
    assert status == 413
    assert f"{MAX_BODY:,} bytes at most" in body.decode()
    status, _ = raw(server, *lines, f"Content-Length: {10**30}", method="POST")
    assert status == 400  # by the parser of HTTP


@pytest.mark.parametrize(
    "path", ["/%2e%2e/%2e%2e/etc/passwd", "/static/../app.py", "/static/%2e%2e/app.py"]
)
def test_no_file_outside_of_the_page_is_served(studio, path):
    server, _ = studio
    lines = [f"Host: 127.0.0.1:{server.port}", f"Authorization: Bearer {server.token}"]
    status, body = raw(server, *lines, "Connection: close", path=path)
    assert status == 404
    assert b"import" not in body
    assert b"root:" not in body


def test_what_is_not_there_is_told_in_a_sentence(studio):
    _, client = studio
    missing = client.get("/api/nothing")
    assert missing.status_code == 404
    assert missing.json()["error"]["message"] == "GET /api/nothing: Not Found"
    assert client.delete("/api/folder").status_code == 405


def test_the_first_page_is_small(studio):
    _, client = studio
    asked = ["/", "/static/network.js", "/api/words/en", "/api/network/gallery"]
    size = 0
    for path in asked:  # and all that these name, in turn
        answer = client.get(path)
        assert answer.status_code == 200, path
        size += len(answer.content)
        named = re.findall(r'(?:href|src)="(/static/[^"]*)"', answer.text)
        named += [f"/static/{name}" for name in re.findall(r'from "\./(.*?)"', answer.text)]
        asked += [name for name in dict.fromkeys(named) if name not in asked]
    assert {"/static/studio.css", "/static/main.js", "/static/editor.js"} <= set(asked)
    assert size < 200_000
    assert not re.search(r"https?://", client.get("/").text)


# -- the server


def test_only_the_loopback_interface_is_listened_on(studio):
    server, _ = studio
    assert server._socket.getsockname()[0] == "127.0.0.1"


def test_a_port_that_is_taken(studio, tmp_path):
    server, _ = studio
    with pytest.raises(SettingError, match=f"port {server.port} of 127.0.0.1 cannot be used"):
        server_of(tmp_path, server.port)
    other = server_of(tmp_path)
    with other._socket:
        assert other.port != server.port


def test_a_token_that_stays(tmp_path, monkeypatch):
    monkeypatch.setenv(TOKEN, "a-token-of-my-own")
    made = server_of(tmp_path)
    with made._socket:
        assert made.token == "a-token-of-my-own"
    for wrong in ("short", "sixteen letters and blanks", 'quote"quote"quote"', "é" * 20):
        monkeypatch.setenv(TOKEN, wrong)
        with pytest.raises(SettingError, match="has to be 16 letters, digits"):
            server_of(tmp_path)


def test_what_is_no_folder(tmp_path):
    with pytest.raises(RunError, match="is no folder"):
        server_of(tmp_path / "nothing")
