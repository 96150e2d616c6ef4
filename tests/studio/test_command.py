"""`recurra studio` and `recurra serve` as processes: what they print, and how they end."""

import contextlib
import gc
import os
import re
import signal
import socket
import subprocess
import sys

import httpx
import pytest

from command_line import RECURRA, process
from recurra.studio.server import HOST
from serving import serving, until


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("command", "name", "code"),
    [(["studio", "--no-browser"], "SIGINT", 130), (["serve"], "SIGTERM", 143)],
)
def test_it_serves_until_a_signal_comes(tmp_path, command, name, code):
    arguments = [*RECURRA, *command, str(tmp_path)]
    with subprocess.Popen(arguments, stdout=-1, stderr=-1, text=True) as child:
        if command == ["serve"]:
            origin = re.fullmatch(
                r"address: (http://127\.0\.0\.1:\d+)/v1\n", child.stdout.readline()
            )[1]
            token = re.fullmatch(r"key: ([\w-]{32})\n", child.stdout.readline())[1]
        else:
            address = r"(http://127\.0\.0\.1:\d+)/\?token=([\w-]{32})\n"
            origin, token = re.fullmatch(address, child.stdout.readline()).groups()
        key = {"authorization": f"Bearer {token}"}
        assert httpx.get(f"{origin}/api/folder").status_code == 401
        status = httpx.get(f"{origin}/api/folder", headers=key).status_code
        assert status == (404 if command == ["serve"] else 200)
        child.send_signal(signal.Signals[name])
        out, err = child.communicate(timeout=30)
    assert (child.returncode, out, err) == (code, "", "Interrupted.\n")


def test_a_port_that_is_taken_is_one_sentence(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = process("serve", tmp_path, "--port", taken.getsockname()[1], text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"Error: port \d+ of 127\.0\.0\.1 cannot be used: .*\n", done.stderr)


def test_without_its_packages_it_says_what_to_install(tmp_path):
    hidden = "import sys; sys.modules['starlette'] = sys.modules['uvicorn'] = None\n"
    program = f"{hidden}import recurra.__main__ as m; sys.argv[1:] = ['studio']; m.main()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        r'Error: this needs the package \w+: pip install "recurra\[studio\]"\n', done.stderr
    )


def test_an_answer_in_two_parts_waits_for_no_acknowledgement(tmp_path):
    with serving(tmp_path) as (server, _), socket.create_connection((HOST, server.port)) as client:
        accepted = until(lambda: [s for s in sockets() if peer(s) == client.getsockname()])
        assert all(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for s in accepted)


def sockets():
    return [one for one in gc.get_objects() if type(one) is socket.socket and one.fileno() >= 0]


def peer(connection):
    with contextlib.suppress(OSError):
        return connection.getpeername()


def test_nothing_else_loads_it():
    program = (
        "import sys\nfrom recurra.cli import app, COMMANDS\nfrom importlib import import_module\n"
        "for module, _ in COMMANDS.values(): import_module(f'recurra.cli.{module}')\n"
        "print(sorted({'starlette', 'uvicorn', 'anyio', 'recurra.studio'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")
