#!/usr/bin/python3
"""JAX on the CPU: data on the device; shuffle, batches and the short last batch in ONE compiled call
per epoch (PyPI: jax).  Set-up compiles it and makes one call on a copy (the first costs up to 50 ms
more: first_call_s); --variant cold: no such call.  --variant epoch: a call per epoch; epochs: one call
for all (the default when an epoch has < 50 steps); may be joined: epoch,cold."""
import os, time
from benchdata import parse, load, report
a = parse("jax")
variant = a.variant.split(",")
if a.threads == 1:
    os.environ["XLA_FLAGS"] = (os.environ.get("XLA_FLAGS", "") +
                               " --xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
# XLA sizes its pool by the cores it may use
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-a.threads:])
os.environ["JAX_PLATFORMS"] = "cpu"
import numpy as np, jax, jax.numpy as jnp
from jax import lax, tree_util as tu
rng = np.random.default_rng(a.seed)
t0 = time.perf_counter()
xa, ya, xb, yb = load(a)
t1 = time.perf_counter()
L, no, n = a.layers, a.layers[-1], len(xa)
gain = 2 if a.act == "relu" else 1
params = [((rng.standard_normal((i, o)) * np.sqrt(gain / i)).astype(np.float32),
           np.zeros(o, np.float32)) for i, o in zip(L, L[1:])]
T = np.eye(no, dtype=np.float32)[ya] if no > 1 else ya.astype(np.float32)[:, None]
act = {"sigmoid": jax.nn.sigmoid, "relu": jax.nn.relu, "tanh": jnp.tanh}[a.act]

def forward(p, h):
    for w, b in p[:-1]:
        h = act(h @ w + b)
    return h @ p[-1][0] + p[-1][1]

def loss(p, x, t):
    z = forward(p, x)
    if a.loss == "mse":
        return 0.5 * jnp.sum((jax.nn.sigmoid(z) - t) ** 2) / len(x)
    if no == 1:
        return jnp.mean(jax.nn.softplus(z) - t * z)
    return -jnp.sum(t * jax.nn.log_softmax(z)) / len(x)

def step(c, x, t):
    p, o = c
    l, g = jax.value_and_grad(loss)(p, x, t)
    if a.opt == "sgd":
        return (tu.tree_map(lambda w, d: w - a.lr * d, p, g), o), l
    k = o[0] + 1
    m = tu.tree_map(lambda m, d: 0.9 * m + 0.1 * d, o[1], g)
    v = tu.tree_map(lambda v, d: 0.999 * v + 0.001 * d * d, o[2], g)
    r = a.lr * jnp.sqrt(1 - 0.999 ** k) / (1 - 0.9 ** k)
    return (tu.tree_map(lambda w, m, v: w - r * m / (jnp.sqrt(v) + 1e-8), p, m, v), (k, m, v)), l

b = min(a.batch, n)
q, rest = divmod(n, b)
def epoch(c, key, X, T):
    if b == n:
        return step(c, X, T)
    p = jax.random.permutation(key, n)
    c, l = lax.scan(lambda c, i: step(c, X[i], T[i]), c, p[:q * b].reshape(q, b))
    if rest:
        return step(c, X[p[q * b:]], T[p[q * b:]])
    return c, l[-1]

allin = "epochs" in variant or ("epoch" not in variant and q + (rest > 0) < 50)
def run(c, keys, X, T):     # keys: one for each epoch of this call
    if len(keys) == 1:
        return epoch(c, keys[0], X, T)
    c, l = lax.scan(lambda c, k: epoch(c, k, X, T), c, keys)
    return c, l[-1]

z = lambda: tu.tree_map(np.zeros_like, params)
c = jax.device_put((params, (np.float32(0), z(), z()) if a.opt == "adam" else ()))
X, T = jax.device_put((xa, T))
keys = jax.random.split(jax.random.key(a.seed), a.epochs)
keys = [keys] if allin else [keys[e:e + 1] for e in range(a.epochs)]
f = jax.jit(run, donate_argnums=0).lower(c, keys[0], X, T).compile()
# a call donates (uses up) its parameters
d = jax.block_until_ready((tu.tree_map(jnp.copy, c), c, keys, X, T))[0]
tw = time.perf_counter()
if "cold" not in variant:
    jax.block_until_ready(f(d, keys[0], X, T))
t2, es = time.perf_counter(), []
for k in keys:
    te = time.perf_counter()
    c, l = jax.block_until_ready(f(c, k, X, T))
    es.append(time.perf_counter() - te)
if allin:
    es = [es[0] / a.epochs] * a.epochs
o = np.asarray(forward(c[0], xb))
acc = ((o.argmax(1) if no > 1 else o[:, 0] > 0) == yb).mean()
report("jax%d" % a.threads + ("-" + a.variant if a.variant else ""), a, es,
       (q + (rest > 0)) * a.epochs, acc, t1 - t0, t2 - t1, version=jax.__version__, calls=len(keys),
       first_call_s=None if "cold" in variant else round(t2 - tw, 6), last_loss=round(float(l), 5))
