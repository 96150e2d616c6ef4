"""The folder that is served: what is found in it, and that nothing outside of it is."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.studio.errors import MissingError
from recurra.studio.workspace import Workspace
from serving import serving


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    top = tmp_path_factory.mktemp("served")
    for name, file in [
        ("outside/secret", "config.json"),
        ("in/runs/a", "config.json"),
        ("in/runs/<b>&\x1b[31m", "config.json"),
        ("in/runs/红楼梦", "config.json"),
        ("in/runs/.hidden", "config.json"),
        ("in/studies/s", "study.json"),
        ("in/studies/s/trials/00000", "config.json"),
        ("in/comparisons/c", "comparison.json"),
        ("in/1/2/3/4/5/6", "config.json"),
    ]:
        (top / name).mkdir(parents=True)
        (top / name / file).write_text("{}", "utf-8")
    (top / "in/runs/link").symlink_to(top / "outside/secret")
    (top / "in/runs/loop").symlink_to(top / "in")
    with open(os.path.join(os.fsencode(top / "in"), b"\xff"), "wb") as file:
        file.write(b"")
    os.makedirs(os.path.join(os.fsencode(top / "in/runs"), b"\xff\xfe"))
    with open(os.path.join(os.fsencode(top / "in/runs"), b"\xff\xfe", b"config.json"), "wb"):
        pass
    return top / "in"


def test_what_is_found(folder):
    workspace = Workspace(folder)
    found = {entry.label: entry.kind for entry in workspace.entries()}
    assert found == {
        "runs/a": "run",
        "runs/<b>&\\x1b[31m": "run",
        "runs/红楼梦": "run",
        "runs/\\udcff\\udcfe": "run",
        "studies/s": "study",
        "comparisons/c": "comparison",
    }
    for entry in workspace.entries():
        assert entry.id.isprintable()
        assert workspace.entry(entry.id) == entry
        assert workspace.entry(entry.id, entry.kind) == entry
    assert workspace.entry("studies/s/trials/00000").kind == "run"
    with pytest.raises(MissingError, match="the folder has no study runs/a"):
        workspace.entry("runs/a", "study")


def test_a_run_may_be_the_folder_itself(folder):
    workspace = Workspace(folder / "runs" / "a")
    (entry,) = workspace.entries()
    assert (entry.id, entry.kind) == (".", "run")
    assert workspace.entry(".") == entry


@pytest.mark.parametrize(
    "id",
    [
        "../outside/secret", "runs/../../outside/secret", "%2e%2e/outside/secret", "runs/link",
        "runs/loop/../../outside/secret", "/etc", "runs/a\0", "", "runs", "runs/a/config.json",
        "%00", "%ff", "a" * 5000, "\ud800", "~", "C:\\",
    ],
)  # fmt: skip
def test_nothing_else_is(folder, id):
    with pytest.raises(MissingError):
        Workspace(folder).entry(id)


@given(st.lists(st.sampled_from(["..", ".", "/", "runs", "a", "%2f", "link", "outside", "\0"])))
def test_no_path_leads_out(folder, parts):
    workspace = Workspace(folder)
    try:
        found = workspace.entry("/".join(parts))
    except MissingError:
        return
    assert found.path.is_relative_to(folder)


def test_the_list_as_a_program_reads_it(folder):
    with serving(folder) as (_, client):
        found = client.get("/api/folder").json()
    assert {entry["label"] for entry in found["entries"]} >= {"runs/红楼梦", "runs/\\udcff\\udcfe"}
    assert found["folder"] == str(folder)
