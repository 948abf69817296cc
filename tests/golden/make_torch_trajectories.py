#!/usr/bin/env python3
"""Makes tests/golden/torch/: 100 training steps of 12 networks computed by PyTorch in float64.

PyTorch's own losses, optimisers, schedulers and gradients, and its own defaults wherever a case
names no number; they share no code with the library.  What PyTorch has under no name of its own
is put together from it: maxout is a maximum over linear pieces, the averaging form of momentum is
SGD's dampening with a buffer that starts at zero, the warm-up multiplies a scheduler's rate, and
dropout takes its masks from Philox written out below.  Each case is run a second time in float32;
a case whose two runs differ by more than a fifth of what the device's test allows is refused
here, since no single-precision device could follow it.

Per case, in a folder of its own:
    options.ini          the options of the run: those that differ from the defaults
    X.npy, Y.npy         features (float32); targets: classes (int32) or values (float32)
    start.safetensors    starting weights (float32 tensors only)
    final.npy            float64: the final parameters, layer by layer, weight (rows,in) before bias

    python3 tests/golden/make_torch_trajectories.py      (needs PyTorch, NumPy; rewrites the folder)
"""

import json
import pathlib
import struct

import numpy as np
import torch
import torch.nn.functional as F

STEPS = 100
SEED = 1  # of the library's dropout: --seed's default
WAY_BOUND = 1e-3
FOLDER = pathlib.Path(__file__).resolve().parent / "torch"

# inputs, hidden layers and output activation; everything else is in the words of the command line.
CASES = {
    "relu_ce_sgd": dict(
        inputs=12, outputs=4, layers="14,8", act="relu", output_act="softmax", loss="ce", opt="sgd",
        lr=0.1, l2=0.01, rows=40, batch=16),
    "leaky_smoothing_momentum": dict(
        inputs=9, outputs=5, layers="13:leaky_relu:0.2,9:leaky_relu", act="relu",
        output_act="softmax", loss="ce", label_smoothing=0.1, opt="momentum", lr=0.05,
        lr_schedule="step:8:0.5", rows=44, batch=11),
    "gelu_weights_nesterov": dict(
        inputs=10, outputs=3, layers="12,7", act="gelu", output_act="softmax", loss="ce",
        class_weights="1,0.25,3", label_smoothing=0.2, opt="nesterov", momentum=0.8, lr=0.05,
        lr_schedule="exp:0.97", rows=42, batch=16),
    "silu_mse_rmsprop": dict(
        inputs=8, outputs=2, layers="11:silu,6:silu", act="relu", output_act="identity", loss="mse",
        opt="rmsprop", lr=0.004, lr_schedule="cosine", rows=36, batch=12),
    "softplus_huber_adagrad": dict(
        inputs=7, outputs=3, layers="10", act="softplus", output_act="softplus", loss="huber:0.4",
        opt="adagrad", lr=0.05, lr_schedule="linear", rows=32, batch=10),
    "tanh_bce_adam": dict(
        inputs=9, outputs=1, layers="12,5", act="tanh", output_act="sigmoid", loss="bce",
        opt="adam", lr=0.02, l2=0.02, lr_schedule="plateau:1:0.5", rows=30, batch=10),
    "sigmoid_warmup_adamw": dict(
        inputs=8, outputs=4, layers="12:sigmoid", act="relu", output_act="softmax", loss="ce",
        opt="adamw", lr=0.01, weight_decay=0.1, warmup=25, lr_schedule="cosine", rows=48, batch=12),
    "maxout_sum_ema": dict(
        inputs=8, outputs=3, layers="9:maxout:3", act="relu", output_act="maxout:2", loss="mse",
        reduction="sum", opt="ema_momentum", lr=0.02, clip_norm=12.0, rows=40, batch=8),
    "elu_huber_softmax_rmsprop": dict(
        inputs=9, outputs=4, layers="10:elu:1.5,8:elu", act="relu", output_act="softmax",
        loss="huber:0.3", opt="rmsprop", momentum=0.5, rho=0.9, lr=0.002, warmup=10, rows=40,
        batch="full"),
    "identity_gelu_nesterov": dict(
        inputs=8, outputs=3, layers="9:identity,7:gelu", act="relu", output_act="gelu", loss="mse",
        opt="nesterov", lr=0.01, l2=0.003, rows=25, batch=1),
    "silu_leaky_bce_weights_adam": dict(
        inputs=11, outputs=1, layers="10:silu,6:leaky_relu", act="relu", output_act="sigmoid",
        loss="bce", class_weights="0.5,2", opt="adam", beta1=0.8, beta2=0.99, eps=1e-5, lr=0.01,
        warmup=30, lr_schedule="linear", rows=37, batch=16),
    "dropout_tanh_sum_momentum": dict(
        inputs=10, outputs=3, layers="16,12", act="tanh", output_act="tanh", loss="huber",
        reduction="sum", dropout="0.25,0.5", dropout_input=0.125, opt="momentum", momentum=0.7,
        lr=0.01, clip_norm=16.0, lr_schedule="exp:0.9", rows=40, batch=20),
}

# What the device's test allows, of a tensor's size.
SIZE_BOUND = {opt: 1e-5 for opt in ("sgd", "momentum", "ema_momentum", "nesterov")}
SIZE_BOUND.update({opt: 5e-5 for opt in ("rmsprop", "adagrad", "adam", "adamw")})


# ---------------------------------------------------------------- the network

def layer_specs(case):
    """(rows, in, activation) of every layer; rows are all pieces of all units."""
    units = [(part.split(":", 1) + [case["act"]])[:2] for part in case["layers"].split(",")]
    units.append([str(case["outputs"]), case["output_act"]])
    specs, fan_in = [], case["inputs"]
    for out, act in units:
        pieces = int(act.split(":")[1]) if act.startswith("maxout") else 1
        specs.append((int(out) * pieces, fan_in, act))
        fan_in = int(out)
    return specs


def activate(z, act):
    name, _, number = act.partition(":")
    if name == "maxout":
        return z.view(len(z), int(number), -1).max(dim=1).values
    if name == "leaky_relu":
        return F.leaky_relu(z, float(number)) if number else F.leaky_relu(z)
    if name == "elu":
        return F.elu(z, float(number)) if number else F.elu(z)
    return {"identity": lambda z: z, "relu": F.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid,
            "gelu": F.gelu, "silu": F.silu, "softplus": F.softplus,
            "softmax": lambda z: F.softmax(z, dim=1)}[name](z)


def philox(seed, stream, subsequence, index):
    """Philox4x32-10 (Salmon and others, SC 2011): four words."""
    key0, key1 = seed & 0xFFFFFFFF, seed >> 32
    c = [index & 0xFFFFFFFF, index >> 32, subsequence, stream]
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ key0, p1 & 0xFFFFFFFF, (p0 >> 32) ^ c[3] ^ key1, p0 & 0xFFFFFFFF]
        key0, key1 = (key0 + 0x9E3779B9) & 0xFFFFFFFF, (key1 + 0xBB67AE85) & 0xFFFFFFFF
    return c


def drop(x, p, layer, step):
    """x with a share p of its elements dropped; layer 0 is the input, step counts from 0."""
    if p == 0:
        return x
    blocks = -(-x.numel() // 4)
    words = [w for b in range(blocks) for w in philox(SEED, 3 + (layer << 8), step, b)]
    kept = [w >= int(p * 2 ** 32) for w in words[:x.numel()]]
    return x * torch.tensor(kept, dtype=x.dtype).view(x.shape) / (1 - p)


def forward(params, x, case, step):
    """z of the output layer."""
    specs = layer_specs(case)
    shares = [float(p) for p in str(case.get("dropout", 0)).split(",")]
    shares = shares * (len(specs) - 1) if len(shares) == 1 else shares
    y = drop(x, case.get("dropout_input", 0), 0, step)
    for layer, (_, _, act) in enumerate(specs[:-1]):
        y = activate(F.linear(y, params[2 * layer], params[2 * layer + 1]), act)
        y = drop(y, shares[layer], layer + 1, step)
    return F.linear(y, params[-2], params[-1])


# ------------------------------------------------------------------- the loss

def loss_of(z, t, case):
    """The loss of a batch as it is reduced."""
    name, _, number = case["loss"].partition(":")
    reduction = case.get("reduction", "mean")
    weights = None
    if "class_weights" in case:
        weights = torch.tensor([float(w) for w in case["class_weights"].split(",")], dtype=z.dtype)
    if name == "ce":
        return F.cross_entropy(z, t, weight=weights, reduction=reduction,
                               label_smoothing=case.get("label_smoothing", 0.0))
    count = len(z)
    if name == "bce":
        w = weights[t] if weights is not None else torch.ones(len(z), dtype=z.dtype)
        total = F.binary_cross_entropy_with_logits(z[:, 0], t.to(z.dtype), weight=w,
                                                   reduction="sum")
        count = w.sum()
    elif name == "mse":
        total = F.mse_loss(activate(z, case["output_act"]), t, reduction="sum") / 2
    else:
        y = activate(z, case["output_act"])
        total = F.huber_loss(y, t, reduction="sum", **({"delta": float(number)} if number else {}))
    return total if reduction == "sum" else total / count


# --------------------------------------------------------------- the optimisers

def make_optimiser(params, case):
    """PyTorch's optimiser; decay of either kind is on the weights alone."""
    opt, lr = case["opt"], case["lr"]
    decay = {"weight_decay": case.get("l2", 0.0)}
    if opt == "adamw":
        decay = {"weight_decay": case["weight_decay"]} if "weight_decay" in case else {}
    groups = [{"params": params[0::2], **decay}, {"params": params[1::2], "weight_decay": 0.0}]
    eps = {"eps": case["eps"]} if "eps" in case else {}
    momentum = case.get("momentum", 0.9)
    if opt == "sgd":
        return torch.optim.SGD(groups, lr=lr)
    if opt in ("momentum", "nesterov"):
        return torch.optim.SGD(groups, lr=lr, momentum=momentum, nesterov=opt == "nesterov")
    if opt == "ema_momentum":
        sgd = torch.optim.SGD(groups, lr=lr, momentum=momentum, dampening=momentum)
        for p in params:
            sgd.state[p]["momentum_buffer"] = torch.zeros_like(p)
        return sgd
    if opt == "rmsprop":
        alpha = {"alpha": case["rho"]} if "rho" in case else {}
        return torch.optim.RMSprop(groups, lr=lr, momentum=case.get("momentum", 0), **alpha, **eps)
    if opt == "adagrad":
        return torch.optim.Adagrad(groups, lr=lr, **eps)
    betas = {"betas": (case["beta1"], case["beta2"])} if "beta1" in case else {}
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[opt]
    return kind(groups, lr=lr, **betas, **eps)


def make_scheduler(optimiser, case, epochs):
    """Advanced once an epoch; plateau by the epoch's loss."""
    kind, *numbers = case.get("lr_schedule", "const").split(":")
    rates = torch.optim.lr_scheduler
    if kind == "step":
        return rates.StepLR(optimiser, int(numbers[0]), gamma=float(numbers[1]))
    if kind == "exp":
        return rates.ExponentialLR(optimiser, float(numbers[0]))
    if kind == "cosine":
        return rates.CosineAnnealingLR(optimiser, epochs)
    if kind == "linear":
        return rates.LinearLR(optimiser, start_factor=1.0, end_factor=0.0, total_iters=epochs)
    if kind == "plateau":
        return rates.ReduceLROnPlateau(optimiser, patience=int(numbers[0]),
                                       factor=float(numbers[1]))
    return rates.ConstantLR(optimiser, factor=1.0)


def step_warm(optimiser, case, step):
    """One optimiser step at its scheduler's rate times the warm-up's share."""
    rates = [group["lr"] for group in optimiser.param_groups]
    share = min(1.0, (step + 1) / case["warmup"]) if case.get("warmup") else 1.0
    for group, rate in zip(optimiser.param_groups, rates):
        group["lr"] = rate * share
    optimiser.step()
    for group, rate in zip(optimiser.param_groups, rates):
        group["lr"] = rate


def train(case, x, t, start, dtype):
    """The parameters after STEPS batches in file order, and how often a plateau cut the rate or the
    gradient's norm was clipped."""
    params = [torch.tensor(p, dtype=dtype, requires_grad=True) for p in start]
    x = torch.tensor(x, dtype=dtype)
    t = torch.tensor(t).long() if t.ndim == 1 else torch.tensor(t, dtype=dtype)
    batch = len(x) if case["batch"] == "full" else case["batch"]
    batches = -(-len(x) // batch)
    optimiser = make_optimiser(params, case)
    scheduler = make_scheduler(optimiser, case, -(-STEPS // batches))
    total, cuts = 0.0, 0
    for step in range(STEPS):
        rows = slice(step % batches * batch, min(step % batches * batch + batch, len(x)))
        optimiser.zero_grad()
        loss = loss_of(forward(params, x[rows], case, step), t[rows], case)
        loss.backward()
        if "clip_norm" in case:
            norm = torch.nn.utils.clip_grad_norm_(params, case["clip_norm"]).item()
            cuts += norm > case["clip_norm"]
        step_warm(optimiser, case, step)
        mean = case.get("reduction", "mean") == "mean"
        total += loss.item() * (rows.stop - rows.start if mean else 1)
        if step % batches == batches - 1:
            rate = optimiser.param_groups[0]["lr"]
            plateau = isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau)
            scheduler.step(*([total / len(x)] if plateau else []))
            cuts += plateau and optimiser.param_groups[0]["lr"] < rate
            total = 0.0
    return [p.detach().numpy() for p in params], cuts


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


def write_options(path, case):
    own = {key.replace("_", "-"): value for key, value in case.items()
           if key not in ("inputs", "outputs", "rows")}
    options = {**own, "steps": STEPS, "no-shuffle": "true", "normalize": "none"}
    path.write_text("".join(f"{key} = {value}\n" for key, value in options.items()))


def make_data(case, random):
    """Features, and targets that a drawn linear map with some noise gives."""
    x = random.standard_normal((case["rows"], case["inputs"])).astype(np.float32)
    columns = max(case["outputs"], 2)
    score = x @ random.standard_normal((case["inputs"], columns)) / np.sqrt(case["inputs"])
    score += 0.3 * random.standard_normal(score.shape)
    if case["loss"] in ("ce", "bce"):
        classes = score.argmax(axis=1).astype(np.int32)
        assert set(classes) == set(range(columns)), "a class without a row"
        return x, classes
    if case["output_act"] == "softmax":
        values = np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)
    elif case["output_act"] == "softplus":
        values = np.abs(score)
    else:
        values = np.tanh(score)
    return x, values.astype(np.float32)


def make_start(case, random):
    start = []
    for rows, fan_in, _ in layer_specs(case):
        start.append((random.standard_normal((rows, fan_in)) / np.sqrt(fan_in)).astype(np.float32))
        start.append((0.5 * random.standard_normal(rows)).astype(np.float32))
    return start


def distance(a, b, of):
    return np.linalg.norm(a.astype(np.float64) - b) / np.linalg.norm(of)


def check_coverage():
    """Everything that PyTorch has too is in some case."""
    cases = CASES.values()
    acts = {act.split(":")[0] for case in cases for _, _, act in layer_specs(case)}
    assert acts == {"identity", "sigmoid", "tanh", "relu", "leaky_relu", "maxout", "elu", "gelu",
                    "silu", "softplus", "softmax"}, acts
    assert {case["opt"] for case in cases} == set(SIZE_BOUND)
    assert {case["loss"].split(":")[0] for case in cases} == {"ce", "bce", "mse", "huber"}
    schedules = {case.get("lr_schedule", "const").split(":")[0] for case in cases}
    assert schedules == {"const", "step", "exp", "cosine", "linear", "plateau"}, schedules


def main():
    check_coverage()
    torch.set_num_threads(1)
    for number, (name, case) in enumerate(CASES.items()):
        random = np.random.RandomState(2000 + number)
        folder = FOLDER / name
        folder.mkdir(parents=True, exist_ok=True)
        x, t = make_data(case, random)
        start = make_start(case, random)
        final, cuts = train(case, x, t, start, torch.float64)
        single, _ = train(case, x, t, start, torch.float32)
        size = max(distance(s, f, f) for s, f in zip(single, final))
        way = max(distance(s, f, f - b) for s, f, b in zip(single, final, start))
        least = min(distance(b, f, f) for b, f in zip(start, final))
        print(f"{name:28} float32 off by {size:.1e} of size, {way:.1e} of way; moved by at least "
              f"{least:.3f}; {cuts} cuts")
        assert size <= SIZE_BOUND[case["opt"]] / 5, "too ill-conditioned for single precision"
        assert way <= WAY_BOUND / 5, "moves too little to be compared"
        assert least >= 0.02, "a tensor that hardly moves shows nothing"
        if "clip_norm" in case or case.get("lr_schedule", "").startswith("plateau"):
            assert 2 <= cuts <= STEPS - 2, "a limit never or always met shows little"
        names = [f"layers.{i // 2}.{'bias' if i % 2 else 'weight'}" for i in range(len(start))]
        np.save(folder / "X.npy", x)
        np.save(folder / "Y.npy", t)
        np.save(folder / "final.npy", np.concatenate([f.ravel() for f in final]))
        write_safetensors(folder / "start.safetensors", dict(zip(names, start)))
        write_options(folder / "options.ini", case)


if __name__ == "__main__":
    main()
