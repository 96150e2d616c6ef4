"""PyTorch's own recurrent layers: torch.nn.RNN, LSTM and GRU (oneDNN)."""

import numpy as np
import torch
import torch.nn.functional as F
from cases import Task
from torch import Tensor, nn

from contenders import CONTENDERS, ONE_HOT
from contenders.pytorch import Updater

# network -> layer, and our names of its stacked matrices and biases, in PyTorch's order
LAYERS = {
    "rnn": (nn.RNN, ["U"], ["W"], ["s1"], "V", "s2"),
    "lstm": (
        nn.LSTM,
        ["Ui", "Uf", "Ug", "Uq"],
        ["Wi", "Wf", "Wg", "Wq"],
        ["bi", "bf", "bg", "bq"],
        "V",
        "s",
    ),
    "gru2": (nn.GRU, ["Ur", "Uz", "Ug"], ["Wr", "Wz", "Wg"], ["br", "bz", "bg"], "V", "s"),
}


class Fused:
    """Reads one-hot columns if there are few characters, else an embedding.

    The W-RNN, which PyTorch does not have, is met by two layers: as many products, no more.
    """

    def __init__(self, task: Task) -> None:
        torch.set_num_threads(task.case.threads)
        self.task, network = task, task.case.network
        vocabulary, hidden, batch, _ = task.case.shape
        base = network.removesuffix("_embedding")
        layer, layers = (nn.RNN, 2) if base == "wrnn" else (LAYERS[base][0], 1)
        self.one_hot = base == network != "wrnn" and vocabulary <= ONE_HOT
        sparse = not self.one_hot and vocabulary >= 4 * task.steps * batch
        sparse = sparse and task.case.optimizer == "adagrad"
        self.layer = layer(vocabulary if self.one_hot else hidden, hidden, layers)
        self.output = nn.Linear(hidden, vocabulary)
        self.embedding = None if self.one_hot else nn.Embedding(vocabulary, hidden, sparse=sparse)
        past = torch.zeros(layers, batch, hidden)
        self.state = (past, past.clone()) if layer is nn.LSTM else past
        if CONTENDERS["torch.nn"].same(task.case):
            self._take(*LAYERS[base][1:])
        dense = [*self.layer.parameters(), *self.output.parameters()]
        rows = [] if self.embedding is None else [self.embedding.weight]
        self.updater = Updater(task, dense + ([] if sparse else rows), rows if sparse else [])

    def _take(
        self, inputs: list[str], recurrent: list[str], biases: list[str], output: str, bias: str
    ) -> None:
        """The task's parameters as the layer's."""
        p = {name: torch.from_numpy(value) for name, value in self.task.parameters.items()}
        # what each part of a layer's parameter is called with us
        self.names = {"weight_ih_l0": inputs, "weight_hh_l0": recurrent, "bias_ih_l0": biases}
        with torch.no_grad():
            for name, parts in self.names.items():
                stored = [p[part].T if self._transposed(part) else p[part] for part in parts]
                getattr(self.layer, name).copy_(torch.cat(stored))
            second = self.layer.bias_hh_l0
            second.zero_()
            learns = torch.zeros_like(second)
            if "cg" in p:  # the GRU's one second bias that means anything
                second[-len(p["cg"]) :] = p["cg"]
                learns[-len(p["cg"]) :] = 1.0
            self.output.weight.copy_(p[output])
            self.output.bias.copy_(p[bias])
            if self.embedding is not None:
                self.embedding.weight.copy_(p["E"])
        # the other second biases repeat the first: they stay 0, so that the network is the same
        second.register_hook(lambda gradient: gradient * learns)
        self.ends = {output: self.output.weight, bias: self.output.bias}

    def _transposed(self, name: str) -> bool:
        return name in self.task.shapes.transposed

    def step(self, inputs: np.ndarray, targets: np.ndarray) -> float:
        text = torch.from_numpy(inputs)
        if self.embedding is None:
            columns = F.one_hot(text.long(), self.task.vocabulary).float()
        else:
            columns = self.embedding(text)
        hidden, state = self.layer(columns, self.state)
        logits = self.output(hidden.flatten(0, 1))
        following = torch.from_numpy(targets).flatten().long()
        loss = F.cross_entropy(logits, following, reduction="sum")
        (loss / self.task.batch).backward()
        self.updater.update()
        self.state = (
            state.detach() if isinstance(state, Tensor) else tuple(s.detach() for s in state)
        )
        return loss.item()

    def parameters(self) -> dict[str, np.ndarray]:
        found = dict(self.ends)
        for name, parts in self.names.items():
            pieces = getattr(self.layer, name).chunk(len(parts))
            found |= {
                n: v.T if self._transposed(n) else v for n, v in zip(parts, pieces, strict=True)
            }
        if "cg" in self.task.parameters:
            found["cg"] = self.layer.bias_hh_l0.chunk(3)[2]
        if self.embedding is not None:
            found["E"] = self.embedding.weight
        return {name: value.detach().numpy() for name, value in found.items()}
