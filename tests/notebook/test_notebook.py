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


CARDS = """
import json
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
def show(cell):
    result = shell.run_cell(cell)
    result.raise_error()
    data, _ = shell.display_formatter.format(result.result)
    return data
show("import recurra")
show('''
from pathlib import Path
Path("plays.txt").write_text("to be, or not to be? " * 200)
recipe = recurra.MODERN.with_(hidden=5, batch=2, seq_len=8, steps=20, warmup=2, record_every=5,
                              evaluate_every=10, sample_every=0)
''')
said = []
shell.push({"said": said})
out = {"derivation": show("recurra.derive(recurra.load_network('rnn'))"),
       "checks": show("recurra.check_gradients(recurra.load_network('rnn'), 'reference')")}
show("run = recurra.train('plays.txt', 'rnn', recipe, engine='reference', "
     "report=lambda record: said.append(str(record)))")
out["model"] = show("recurra.load_model(run.run)")
out["study"] = show("recurra.tune(recurra.TuneRequest(texts=['plays.txt'], network='rnn', "
                    "space={'hidden': [3, 4]}, recipe=recipe, engine='reference', workers=1, "
                    "pruner='none'))")
out["comparison"] = show("recurra.plan_comparison(['rnn', 'wrnn'], ['plays.txt'], recipe)")
print(json.dumps([said, out]))
"""


def test_whatever_a_cell_ends_with_shows_itself(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CARDS], capture_output=True, text=True, timeout=120, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    said, out = json.loads(done.stdout.splitlines()[-1])
    assert r"\begin{aligned}" in out["derivation"]["text/markdown"]
    assert r"\delta" in out["derivation"]["text/markdown"]
    assert "<td>W</td>" in out["checks"]["text/html"]
    assert "<td>V</td>" in out["model"]["text/html"]
    assert "2 of 2 trials have ended" in out["study"]["text/html"]
    assert "<svg" in out["study"]["text/html"]
    assert "0 of 10 runs have ended" in out["comparison"]["text/html"]
    assert any(line.startswith("step 10") and "held-out" in line for line in said)
    assert not any("Progress(" in line or "Finished(" in line for line in said)
