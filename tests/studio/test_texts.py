"""Texts that are dropped: decoded, told about and kept; or refused, without a trace."""

import pytest

from recurra.studio.security import MAX_TEXT
from serving import serving

CHINESE = "却说宝玉来到园中，只见黛玉。\n" * 40


@pytest.fixture
def drop(tmp_path):
    with serving(tmp_path) as (_, client):

        def send(name, content):
            return client.post("/api/texts", params={"name": name}, content=content)

        yield send, client, tmp_path


def test_a_text_is_kept_and_told_about(drop):
    send, client, folder = drop
    told = send("红楼 梦.TXT", CHINESE.encode("gb18030")).json()
    assert told["name"] == "texts/红楼-梦.txt"
    assert (told["characters"], told["distinct"]) == (len(CHINESE), len(set(CHINESE)))
    assert "gb18030" in told["encoding"].lower()
    assert any("too few to evaluate" in remark for remark in told["remarks"])
    assert (folder / told["name"]).read_bytes() == CHINESE.encode("gb18030")
    assert client.get("/api/texts").json()["texts"] == [
        {"name": told["name"], "bytes": len(CHINESE.encode("gb18030"))}
    ]


def test_nothing_is_replaced_and_nothing_kept_twice(drop):
    send, _, folder = drop
    names = [send("a.txt", text).json()["name"] for text in (b"one " * 9, b"two " * 9, b"one " * 9)]
    assert names == ["texts/a.txt", "texts/a-2.txt", "texts/a.txt"]
    assert sorted(path.name for path in (folder / "texts").iterdir()) == ["a-2.txt", "a.txt"]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../evil.txt", "evil.txt"), ("/etc/passwd", "passwd.txt"), (".hidden", "hidden.txt"),
        ("<img src=x onerror=alert(1)>.txt", "-img-src-x-onerror-alert-1--.txt"),
        ("..\\..\\evil", "evil.txt"), ("a\0b", "a-b.txt"), ("x" * 3000, "x" * 50 + ".txt"),
        ("\x1b[31mred", "--31mred.txt"), ("...", "text.txt"), ("con", "con.txt"),
    ],
)  # fmt: skip
def test_names(drop, name, kept):
    send, _, folder = drop
    assert send(name, b"to be or not " * 10).json()["name"] == f"texts/{kept}"
    assert (folder / "texts" / kept).exists()
    assert {path.name for path in folder.iterdir()} == {"texts"}


@pytest.mark.parametrize("content", [b"", bytes(range(256)) * 50, b"\xef\xbb\xbf"])
def test_what_is_no_text(drop, content):
    send, client, folder = drop
    response = send("noise.txt", content)
    assert response.status_code == 400
    assert ".tmp" not in response.text
    assert "noise.txt" in response.text
    assert list((folder / "texts").iterdir()) == []
    assert client.get("/api/texts").json() == {"texts": []}


def test_too_much(drop):
    send, _, folder = drop

    def endless():
        for _ in range(MAX_TEXT // 2**20 + 2):
            yield b"a" * 2**20

    response = send("endless.txt", endless())
    assert response.status_code == 413
    assert f"{MAX_TEXT:,} bytes at most" in response.text
    assert list((folder / "texts").iterdir()) == []


def test_a_name_is_needed(drop):
    send, _, _ = drop
    assert send(" ", b"text").json()["error"]["param"] == "name"


def test_a_folder_that_leads_elsewhere(drop, tmp_path_factory):
    send, client, folder = drop
    (folder / "texts").symlink_to(tmp_path_factory.mktemp("elsewhere"))
    for response in (send("a.txt", b"text " * 9), client.get("/api/texts")):
        assert response.status_code == 400
        assert "is a link, or a file" in response.text
