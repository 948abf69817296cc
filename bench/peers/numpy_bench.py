#!/usr/bin/python3
"""A hand-written numpy MLP (minibatch backprop), the way a lecture writes it.  Debian: python3-numpy."""
import time
from benchdata import parse, load, report
a = parse("numpy")
import numpy as np
rng = np.random.default_rng(a.seed)
t0 = time.perf_counter()
X, Y, XT, YT = load(a)
t1 = time.perf_counter()
L, no = a.layers, a.layers[-1]
gain = 2 if a.act == "relu" else 1
W = [(rng.standard_normal((i, o)) * np.sqrt(gain / i)).astype(np.float32) for i, o in zip(L, L[1:])]
B = [np.zeros(o, np.float32) for o in L[1:]]
T = np.eye(no, dtype=np.float32)[Y] if no > 1 else Y.astype(np.float32)[:, None]
sig = lambda z: 1 / (1 + np.exp(-z))
act = {"sigmoid": sig, "relu": lambda z: np.maximum(z, 0), "tanh": np.tanh}[a.act]
dact = {"sigmoid": lambda h: h * (1 - h), "relu": lambda h: (h > 0).astype(np.float32),
        "tanh": lambda h: 1 - h * h}[a.act]

def out(z):
    if a.loss == "mse" or no == 1:
        return sig(z)
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)

def forward(x):
    H = [x]
    for i in range(len(W)):
        z = H[-1] @ W[i] + B[i]
        H.append(act(z) if i < len(W) - 1 else out(z))
    return H

if a.opt == "adam":
    P = W + B; M = [np.zeros_like(p) for p in P]; V = [np.zeros_like(p) for p in P]
n, steps, es = len(X), 0, []
lr = np.float32(a.lr)
t2 = time.perf_counter()
for e in range(a.epochs):
    te = time.perf_counter()
    perm = rng.permutation(n)
    for s in range(0, n, a.batch):
        ix = perm[s:s + a.batch]
        H = forward(X[ix])
        d = H[-1] - T[ix]
        if a.loss == "mse":
            d = d * H[-1] * (1 - H[-1])
        d /= np.float32(len(ix))
        steps += 1
        gw, gb = [None] * len(W), [None] * len(W)
        for i in range(len(W) - 1, -1, -1):
            gw[i] = H[i].T @ d
            gb[i] = d.sum(0)
            if i:
                d = (d @ W[i].T) * dact(H[i])
        if a.opt == "sgd":
            for i in range(len(W)):
                W[i] -= lr * gw[i]; B[i] -= lr * gb[i]
        else:
            c = lr * np.float32(np.sqrt(1 - 0.999 ** steps) / (1 - 0.9 ** steps))
            for p, m, v, g in zip(P, M, V, gw + gb):
                m *= np.float32(0.9); m += np.float32(0.1) * g
                v *= np.float32(0.999); v += np.float32(0.001) * g * g
                p -= c * m / (np.sqrt(v) + np.float32(1e-8))
    es.append(time.perf_counter() - te)
o = forward(XT)[-1]
acc = ((o.argmax(1) if no > 1 else (o[:, 0] > 0.5)) == YT).mean()
report("numpy%d" % a.threads, a, es, steps, acc, t1 - t0, t2 - t1, version=np.__version__)
