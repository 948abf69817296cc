#!/usr/bin/env python3
"""Makes tests/golden/trajectories/: 50 training steps computed by NumPy in float64.

An implementation of its own, written from the formulas in docs/formulas.md in matrix form: one-hot
targets, Jacobians written out where that is possible, the mean as a weight of each example.  It
shares no code with the library.  Each case is run a second time in float32; a case whose two runs
differ by more than FLOAT_BOUND is refused here, since no single-precision device could follow it.

Per data set:      X.npy (float32), Y.npy, start.safetensors (float32 tensors only)
Per case of it:    OPT.ini (the options of the run), OPT.npy (float64: the final parameters, layer
                   by layer, weight (out,in) before bias (out))

    python3 tests/golden/make_trajectories.py        (needs NumPy; rewrites the folder)
"""

import json
import pathlib
import struct

import numpy as np

STEPS = 50
FLOAT_BOUND = 1e-6
FOLDER = pathlib.Path(__file__).resolve().parent / "trajectories"

# Data sets: shape of the network, how it learns, rows and batch (the last batch of an epoch is
# short in all but the last set), and a learning rate for each optimiser.
SETS = {
    "relu_ce": dict(sizes=[20, 16, 5], act="relu", out="softmax", loss="ce", reduction="mean",
                    l2=0.01, rows=72, batch=32, rates=dict(sgd=0.2, momentum=0.05, adam=0.01)),
    "tanh_bce": dict(sizes=[7, 9, 1], act="tanh", out="sigmoid", loss="bce", reduction="mean",
                     l2=0.0, rows=33, batch=16, rates=dict(sgd=0.25, momentum=0.1, adam=0.02)),
    "sigmoid_mse": dict(sizes=[12, 10, 8, 3], act="sigmoid", out="identity", loss="mse",
                        reduction="sum", l2=0.001, rows=45, batch=10,
                        rates=dict(sgd=0.02, momentum=0.005, adam=0.01)),
    "relu_mse_softmax": dict(sizes=[9, 11, 6, 4], act="relu", out="softmax", loss="mse",
                             reduction="mean", l2=0.0, rows=40, batch=40,
                             rates=dict(sgd=0.5, momentum=0.2, adam=0.01)),
}
SCALARS = {
    "sgd": {},
    "momentum": {"momentum": 0.8},
    "adam": {"beta1": 0.85, "beta2": 0.99, "eps": 1e-6},
}


# ---------------------------------------------------------------- the network

def activate(z, kind):
    """f(z) and, but for softmax, f'(z), both taken from z."""
    if kind == "identity":
        return z, np.ones_like(z)
    if kind == "relu":
        return np.where(z > 0, z, 0), (z > 0).astype(z.dtype)
    if kind == "tanh":
        return np.tanh(z), 1 / np.cosh(z) ** 2
    if kind == "sigmoid":
        return 0.5 + 0.5 * np.tanh(z / 2), 0.25 / np.cosh(z / 2) ** 2
    shifted = np.exp(z - z.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True), None


def first_delta(z, y, slope, t, loss, out):
    """d loss / d z of each example."""
    if loss in ("ce", "bce"):
        return y - t
    if out != "softmax":
        return (y - t) * slope
    jacobian = np.einsum("bi,ij->bij", y, np.eye(y.shape[1], dtype=y.dtype))
    jacobian = jacobian - np.einsum("bi,bj->bij", y, y)
    return np.einsum("bij,bj->bi", jacobian, y - t)


def gradient(weights, biases, x, t, spec):
    """Gradients of the loss over one batch, without L2."""
    inputs, slopes = [x], []
    for layer, (W, b) in enumerate(zip(weights, biases)):
        kind = spec["out"] if layer == len(weights) - 1 else spec["act"]
        z = inputs[-1] @ W.T + b
        y, slope = activate(z, kind)
        inputs.append(y)
        slopes.append(slope)
    weight = 1 / len(x) if spec["reduction"] == "mean" else 1.0
    delta = x.dtype.type(weight) * first_delta(z, y, slopes[-1], t, spec["loss"], spec["out"])
    dW, db = [], []
    for layer in reversed(range(len(weights))):
        dW.insert(0, np.einsum("bo,bi->oi", delta, inputs[layer]))
        db.insert(0, delta.sum(axis=0))
        if layer:
            delta = (delta @ weights[layer]) * slopes[layer - 1]
    return dW, db


# --------------------------------------------------------------- the optimisers

def sgd(state, w, g, rate, step):
    return w - rate * g


def momentum(state, w, g, rate, step):
    state["v"] = SCALARS["momentum"]["momentum"] * state.get("v", 0) + g
    return w - rate * state["v"]


def adam(state, w, g, rate, step):
    """Kingma, Ba: Adam, algorithm 1, epsilon outside the root of the corrected moment."""
    beta1, beta2, eps = (SCALARS["adam"][key] for key in ("beta1", "beta2", "eps"))
    state["m"] = beta1 * state.get("m", 0) + (1 - beta1) * g
    state["v"] = beta2 * state.get("v", 0) + (1 - beta2) * g ** 2
    m_hat = state["m"] / (1 - beta1 ** step)
    v_hat = state["v"] / (1 - beta2 ** step)
    return w - rate * m_hat / (np.sqrt(v_hat) + eps)


OPTIMISERS = {"sgd": sgd, "momentum": momentum, "adam": adam}


def train(spec, opt, x, t, start, dtype):
    """The parameters after STEPS batches in file order, as [W0, b0, W1, b1, ...]."""
    params = [p.astype(dtype) for p in start]
    x, t = x.astype(dtype), t.astype(dtype)
    states = [{} for _ in params]
    at = 0
    for step in range(1, STEPS + 1):
        batch = slice(at, min(at + spec["batch"], len(x)))
        at = 0 if batch.stop == len(x) else batch.stop
        dW, db = gradient(params[0::2], params[1::2], x[batch], t[batch], spec)
        grads = [g for pair in zip(dW, db) for g in pair]
        for i, (w, g) in enumerate(zip(params, grads)):
            if i % 2 == 0:
                g = g + dtype(spec["l2"]) * w
            params[i] = OPTIMISERS[opt](states[i], w, g, spec["rates"][opt], step)
    return params


# ------------------------------------------------------------------- the files

def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, array in tensors.items():
        raw = array.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(array.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def write_options(path, spec, opt):
    options = {
        "layers": ",".join(str(size) for size in spec["sizes"][1:-1]), "act": spec["act"],
        "output-act": spec["out"], "loss": spec["loss"], "reduction": spec["reduction"],
        "opt": opt, "lr": spec["rates"][opt], **SCALARS[opt], "l2": spec["l2"],
        "batch": "full" if spec["batch"] == spec["rows"] else spec["batch"],
        "steps": STEPS, "no-shuffle": "true", "normalize": "none",
    }
    path.write_text("".join(f"{key} = {value}\n" for key, value in options.items()))


def make_data(spec, random):
    """x, the targets as stored, and the targets (rows,outputs) as the loss takes them."""
    inputs, outputs = spec["sizes"][0], spec["sizes"][-1]
    x = random.standard_normal((spec["rows"], inputs)).astype(np.float32)
    teacher = x @ random.standard_normal((inputs, max(outputs, 2))).astype(np.float32)
    if spec["out"] == "identity":
        values = np.tanh(teacher).astype(np.float32)
        return x, values, values
    classes = teacher.argmax(axis=1).astype(np.int32)
    assert set(classes) == set(range(max(outputs, 2))), "a class without a row"
    if outputs == 1:
        return x, classes, classes[:, None].astype(np.float32)
    return x, classes, np.eye(outputs, dtype=np.float32)[classes]


def make_start(spec, random):
    start = []
    for fan_in, fan_out in zip(spec["sizes"], spec["sizes"][1:]):
        start.append((random.standard_normal((fan_out, fan_in)) / np.sqrt(fan_in))
                     .astype(np.float32))
        start.append((0.5 * random.standard_normal(fan_out)).astype(np.float32))
    return start


def distance(a, b):
    return np.linalg.norm(a.astype(np.float64) - b) / np.linalg.norm(b)


def main():
    for number, (name, spec) in enumerate(SETS.items()):
        random = np.random.RandomState(1000 + number)
        folder = FOLDER / name
        folder.mkdir(parents=True, exist_ok=True)
        x, stored, t = make_data(spec, random)
        start = make_start(spec, random)
        np.save(folder / "X.npy", x)
        np.save(folder / "Y.npy", stored)
        names = [f"layers.{i // 2}.{'bias' if i % 2 else 'weight'}" for i in range(len(start))]
        write_safetensors(folder / "start.safetensors", dict(zip(names, start)))
        for opt in OPTIMISERS:
            final = train(spec, opt, x, t, start, np.float64)
            single = train(spec, opt, x, t, start, np.float32)
            worst = max(distance(s, f) for s, f in zip(single, final))
            least = min(distance(s, f) for s, f in zip(start, final))
            print(f"{name:18} {opt:9} float32 off by {worst:.1e}, moved by at least {least:.2f}")
            assert worst <= FLOAT_BOUND, "too ill-conditioned for single precision"
            assert least >= 0.02, "a tensor that hardly moves shows nothing"
            write_options(folder / f"{opt}.ini", spec, opt)
            np.save(folder / f"{opt}.npy", np.concatenate([f.ravel() for f in final]))


if __name__ == "__main__":
    main()
