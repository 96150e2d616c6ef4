"""Course NumPy: the yardstick, at the speed of the published original.

One character at a time as a one-hot column, a dense outer product for each weight and time step,
dense Adagrad over everything, float64, batch 1; as such programs are usually written by hand. Its
gradient is exact.
"""

import numpy as np
from cases import Task

Arrays = dict[str, np.ndarray]


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-z))


class Cell:
    """One time step forward, and back."""

    def forward(self, p: Arrays, x: np.ndarray, past: Arrays) -> Arrays:
        raise NotImplementedError

    def backward(
        self, p: Arrays, d: Arrays, x: np.ndarray, past: Arrays, now: Arrays, later: Arrays
    ) -> Arrays:
        """Adds to the gradients d; later holds d loss / d now, the result d loss / d past."""
        raise NotImplementedError


class RNN(Cell):
    states, top, output, bias = ("h",), "h", "V", "s2"

    def forward(self, p, x, past):
        return {"h": np.tanh(p["U"] @ x + p["W"] @ past["h"] + p["s1"])}

    def backward(self, p, d, x, past, now, later):
        dz = later["h"] * (1.0 - now["h"] ** 2)
        d["U"] += dz @ x.T
        d["W"] += dz @ past["h"].T
        d["s1"] += dz
        return {"h": p["W"].T @ dz}


class WRNN(Cell):
    states, top, output, bias = ("a", "b"), "b", "Q", "s3"

    def forward(self, p, x, past):
        a = np.tanh(p["U"] @ x + p["W"] @ past["a"] + p["s1"])
        b = np.tanh(p["V"] @ a + p["R"] @ past["a"] + p["T"] @ past["b"] + p["s2"])
        return {"a": a, "b": b}

    def backward(self, p, d, x, past, now, later):
        db = later["b"] * (1.0 - now["b"] ** 2)
        d["V"] += db @ now["a"].T
        d["R"] += db @ past["a"].T
        d["T"] += db @ past["b"].T
        d["s2"] += db
        da = (later["a"] + p["V"].T @ db) * (1.0 - now["a"] ** 2)
        d["U"] += da @ x.T
        d["W"] += da @ past["a"].T
        d["s1"] += da
        return {"a": p["W"].T @ da + p["R"].T @ db, "b": p["T"].T @ db}


class LSTM(Cell):
    states, top, output, bias = ("c", "h"), "h", "V", "s"

    def forward(self, p, x, past):
        z = {k: p[f"U{k}"] @ x + p[f"W{k}"] @ past["h"] + p[f"b{k}"] for k in "ifgq"}
        now = {k: np.tanh(z[k]) if k == "g" else sigmoid(z[k]) for k in "ifgq"}
        c = now["f"] * past["c"] + now["i"] * now["g"]
        return now | {"c": c, "h": now["q"] * np.tanh(c)}

    def backward(self, p, d, x, past, now, later):
        i, f, g, q, t = now["i"], now["f"], now["g"], now["q"], np.tanh(now["c"])
        dc = later["c"] + later["h"] * q * (1.0 - t**2)
        dz = {
            "i": dc * g * i * (1.0 - i),
            "f": dc * past["c"] * f * (1.0 - f),
            "g": dc * i * (1.0 - g**2),
            "q": later["h"] * t * q * (1.0 - q),
        }
        for k in "ifgq":
            d[f"U{k}"] += dz[k] @ x.T
            d[f"W{k}"] += dz[k] @ past["h"].T
            d[f"b{k}"] += dz[k]
        return {"c": dc * f, "h": sum(p[f"W{k}"].T @ dz[k] for k in "ifgq")}


CELLS = {"rnn": RNN, "wrnn": WRNN, "lstm": LSTM}


class Course:
    def __init__(self, task: Task) -> None:
        self.task, self.cell = task, CELLS[task.case.network]()
        # on paper: matrices (out, in), vectors as columns
        self.p = {}
        for name, value in task.parameters.items():
            paper = value.T if name in task.shapes.transposed else value
            self.p[name] = paper.astype(np.float64).reshape(len(paper), -1)
        self.memory = {name: np.zeros_like(value) for name, value in self.p.items()}
        self.past = {name: np.zeros((task.shapes.vectors[name], 1)) for name in self.cell.states}

    def step(self, inputs: np.ndarray, targets: np.ndarray) -> float:
        p, cell = self.p, self.cell
        xs, states, slopes = [], [self.past], []
        loss = 0.0
        for i, k in zip(inputs[:, 0], targets[:, 0], strict=True):
            x = np.zeros((self.task.vocabulary, 1))
            x[i] = 1.0
            now = cell.forward(p, x, states[-1])
            z = p[cell.output] @ now[cell.top] + p[cell.bias]
            e = np.exp(z - z.max())
            o = e / e.sum()
            loss -= np.log(o[k, 0])
            o[k] -= 1.0
            xs.append(x)
            states.append(now)
            slopes.append(o)
        d = {name: np.zeros_like(value) for name, value in p.items()}
        later = {name: np.zeros_like(value) for name, value in self.past.items()}
        for t in reversed(range(len(xs))):
            d[cell.output] += slopes[t] @ states[t + 1][cell.top].T
            d[cell.bias] += slopes[t]
            later[cell.top] = later[cell.top] + p[cell.output].T @ slopes[t]
            later = cell.backward(p, d, xs[t], states[t], states[t + 1], later)
        s = self.task.settings
        for name, g in d.items():
            np.clip(g, -s.clip_value, s.clip_value, out=g)
            self.memory[name] += g * g
            p[name] += -self.task.rate * g / (np.sqrt(self.memory[name]) + s.eps)
        self.past = states[-1]
        return loss

    def parameters(self) -> dict[str, np.ndarray]:
        transposed = self.task.shapes.transposed
        stored = {n: v.T if n in transposed else v for n, v in self.p.items()}
        return {n: v.reshape(self.task.parameters[n].shape) for n, v in stored.items()}
