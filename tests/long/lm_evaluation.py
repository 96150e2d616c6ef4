"""lm-evaluation-harness asks `recurra serve`, and finds a text as likely as `recurra eval`.

Needs an environment that has the package, which brings much with it:

    python -m venv /tmp/lm-eval && /tmp/lm-eval/bin/pip install "lm-eval[api]"
    python tests/long/lm_evaluation.py /tmp/lm-eval/bin/lm_eval
"""

import json
import math
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import recurra

TASK = """
task: recurra_text
dataset_path: json
dataset_kwargs:
  data_files: {data}
test_split: train
output_type: loglikelihood
doc_to_text: "{{{{first}}}}"
doc_to_target: "{{{{rest}}}}"
target_delimiter: ""
metric_list:
  - metric: perplexity
  - metric: acc
metadata:
  version: 1.0
"""


def main() -> None:
    harness = sys.argv[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = folder / "run"
        recurra.train("shakespeare", "lstm", out=run, recipe=recurra.MODERN.with_(
            hidden=64, steps=300, sample_every=0
        ))  # fmt: skip
        text = "\n".join(("First Citizen:", "Before we proceed any further, hear me speak. " * 3))
        (folder / "text.txt").write_text(text, "utf-8")
        (score,) = recurra.score(recurra.Run.open(run), [folder / "text.txt"])
        pair = {"first": text[0], "rest": text[1:]}
        (folder / "data.json").write_text(json.dumps([pair]), "utf-8")
        (folder / "task.yaml").write_text(TASK.format(data=folder / "data.json"), "utf-8")
        with subprocess.Popen(
            [sys.executable, "-m", "recurra", "serve", run], stdout=subprocess.PIPE, text=True
        ) as server:
            address = re.search(r"http\S+", server.stdout.readline())[0]
            key = server.stdout.readline().split()[-1]
            arguments = f"base_url={address}/completions,model=.,auth_token={key},num_concurrent=1"
            asked = ["--model", "local-completions", "--model_args", arguments]
            asked += ["--tasks", "recurra_text", "--include_path", folder]
            asked += ["--output_path", folder / "out"]
            offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "OPENAI_API_KEY": key}
            environment = {**os.environ, **offline, "PYTHONPATH": ""}
            try:
                subprocess.run([harness, *asked], check=True, env=environment)
            finally:
                server.terminate()
        (results,) = (folder / "out").rglob("results*.json")
        found = json.loads(results.read_text("utf-8"))["results"]["recurra_text"]
        nats = math.log(found["perplexity,none"])
        sys.stdout.write(f"lm-evaluation-harness: {nats:.6f}; eval: {score.loss.nats:.6f} nats\n")
        assert math.isclose(nats, score.loss.nats, rel_tol=1e-5)


if __name__ == "__main__":
    main()
