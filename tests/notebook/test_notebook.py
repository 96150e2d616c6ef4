"""What a notebook shows: through IPython itself, as a notebook's kernel does."""

import json
import subprocess
import sys

PROGRAM = """
import json
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell("import recurra")
early = "recurra.explain" in sys.modules
network = shell.run_cell("recurra.load_network('wrnn')").result
data, _ = shell.display_formatter.format(network)
print(json.dumps([early, data]))
"""


def test_a_network_shows_its_equations_and_diagram():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    early, data = json.loads(done.stdout.splitlines()[-1])
    assert not early
    assert r"a_{t} &= f_{1}(U\,x_{t} + W\,a_{t-1} + s_{1})" in data["text/markdown"]
    assert "![wrnn](data:image/svg+xml;base64," in data["text/markdown"]
    assert data["text/plain"].startswith("Network(name='wrnn'")


def test_a_program_that_only_imports_ipython_is_left_alone():
    program = "import IPython, recurra, sys; assert IPython.get_ipython() is None; recurra.parse"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
