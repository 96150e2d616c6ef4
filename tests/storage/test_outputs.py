"""Files that a user names for a result: what is replaced, written into, followed and refused."""

import contextlib
import os
import threading

import pytest

from recurra.errors import RunError, SettingError
from recurra.storage.outputs import check_output, open_output, output_format, write_output


def test_a_file_is_replaced_wholly_or_not_at_all(tmp_path):
    page = tmp_path / "page.md"
    write_output(page, "宝玉 \ud800")
    assert page.read_bytes() == "宝玉 \\ud800".encode()
    with contextlib.suppress(KeyboardInterrupt), open_output(page) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert page.read_bytes() == "宝玉 \\ud800".encode()
    assert os.listdir(tmp_path) == ["page.md"]


@pytest.mark.skipif(os.name == "nt", reason="links of POSIX")
def test_a_link_is_followed(tmp_path):
    (tmp_path / "folder").mkdir()
    link, file = tmp_path / "link.md", tmp_path / "folder" / "page.md"
    link.symlink_to(file)
    for text in ("one", "two"):  # a new file, then an old one
        write_output(link, text)
        assert link.is_symlink()
        assert file.read_text() == text
    loop = tmp_path / "loop.md"
    loop.symlink_to(loop)
    with pytest.raises(RunError, match="cannot write"):
        check_output(loop)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
def test_a_pipe_is_written_into(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    write_output(pipe, "宝玉" * 100_000)
    reader.join()
    assert found == ["宝玉".encode() * 100_000]
    assert not pipe.is_file()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device")
def test_a_device_is_written_into(tmp_path):
    link = tmp_path / "device"
    link.symlink_to("/dev/full")
    with pytest.raises(RunError, match=r"cannot write .*device: No space left"):
        write_output(link, "page")
    write_output("/dev/null", "page")
    assert not os.path.isfile("/dev/null")


@pytest.mark.parametrize(
    ("owner", "kind", "file"),
    [
        ("config.json", "run", "best.safetensors"),
        ("config.json", "run", "metrics.jsonl"),
        ("config.json", "run", "CONFIG.JSON"),
        ("config.json", "run", ".lock"),
        ("config.json", "run", "equations.eq"),
        ("study.json", "study", "study.json"),
        ("study.json", "study", "journal.log"),
        ("comparison.json", "comparison", "test.safetensors"),
    ],
)
def test_files_of_a_folder_of_ours_are_refused(tmp_path, owner, kind, file):
    (tmp_path / owner).touch()
    (tmp_path / "link.md").symlink_to(tmp_path / file)
    for path in (tmp_path / file, tmp_path / "link.md"):
        with pytest.raises(RunError, match=f"is a file of the {kind} "):
            write_output(path, "page")
    write_output(tmp_path / "page.md", "a page beside them")
    assert (tmp_path / owner).read_bytes() == b""


def test_what_is_no_place_for_a_file_is_refused(tmp_path):
    with pytest.raises(RunError, match="it is a folder; name a file in it"):
        check_output(tmp_path)
    with pytest.raises(RunError, match=r"there is no folder .*nowhere"):
        check_output(tmp_path / "nowhere" / "page.md")


def test_the_format_is_what_a_name_ends_in():
    assert output_format("a.b.MD", ["html", "md"]) == "md"
    assert output_format("/dev/stdout", ["html", "md"]) == "html"
    assert output_format("page.x", ["html", "md"], "md") == "md"
    for name in ("x.pdf", "x.docx", "best.safetensors"):
        with pytest.raises(SettingError, match=r"the formats are html, md; try .*html"):
            output_format(name, ["html", "md"])
    with pytest.raises(SettingError, match="no format pdf: choose one of html, md"):
        output_format("x.html", ["html", "md"], "pdf")
