#!/usr/bin/python3
"""PyTorch: tensors preloaded, one index per batch. Debian: python3-torch."""
import time
from benchdata import parse, load, report
a = parse("torch")
import os
from importlib.util import find_spec
# Debian's torch mixes libgomp and pthread OpenBLAS; spinning gomp threads halve the speed of
# small nets on 2 cores. Best practice there is passive waiting (--variant spin leaves the default).
# PyPI's torch has one OpenMP runtime: passive waiting (--variant passive) costs it 3x in a, b, e and
# 1.5x in c at 2 threads.
debian = find_spec("torch").origin.startswith("/usr/lib/python3/")
if a.variant == "passive" or (debian and a.variant != "spin"):
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
# name: torch1, torch2 ... = threads
import torch, torch.nn as nn
import torch.nn.functional as F
torch.set_num_threads(a.threads)
torch.manual_seed(a.seed)
t0 = time.perf_counter()
xa, ya, xb, yb = load(a)
X, Y, XT, YT = (torch.from_numpy(v) for v in (xa, ya, xb, yb))
t1 = time.perf_counter()
mods = []
A = {"sigmoid": nn.Sigmoid, "relu": nn.ReLU, "tanh": nn.Tanh}[a.act]
for i in range(len(a.layers) - 1):
    mods.append(nn.Linear(a.layers[i], a.layers[i + 1]))
    if i < len(a.layers) - 2:
        mods.append(A())
no = a.layers[-1]
if a.loss == "mse":
    mods.append(nn.Sigmoid())
    T = F.one_hot(Y, no).float() if no > 1 else Y.float().view(-1, 1)
    lossf = lambda o, t: 0.5 * F.mse_loss(o, t, reduction="sum") / o.shape[0]
elif no == 1:
    T = Y.float().view(-1, 1); lossf = F.binary_cross_entropy_with_logits
else:
    T = Y; lossf = F.cross_entropy
net = nn.Sequential(*mods)
opt = (torch.optim.SGD if a.opt == "sgd" else torch.optim.Adam)(net.parameters(), lr=a.lr)
if a.variant == "jit":
    net = torch.jit.script(net)
n, steps, es = len(X), 0, []
full = a.batch >= n
fwd, ostep = lambda x, t: lossf(net(x), t), opt.step
if a.variant == "compile":
    # net and loss, and the optimizer step; both batch sizes compile here, then the start values return
    fwd, ostep = torch.compile(fwd, dynamic=False), torch.compile(opt.step)
    start = [p.detach().clone() for p in net.parameters()]
    for k in (min(a.batch, n), n % a.batch or a.batch) * 2:
        opt.zero_grad(set_to_none=True); fwd(X[:k], T[:k]).backward(); ostep()
    with torch.no_grad():
        for p, q in zip(net.parameters(), start):
            p.copy_(q)
        for v in [v for s in opt.state.values() for v in s.values() if v is not None]:
            v.zero_()
t2 = time.perf_counter()
for e in range(a.epochs):
    te = time.perf_counter()
    p = None if full else torch.randperm(n)
    for s in range(0, n, a.batch):
        if full:
            x, t = X, T
        else:
            ix = p[s:s + a.batch]; x, t = X[ix], T[ix]
        opt.zero_grad(set_to_none=True)
        l = fwd(x, t)
        l.backward()
        ostep()
        steps += 1
    es.append(time.perf_counter() - te)
with torch.no_grad():
    o = net(XT)
    guess = o.argmax(1) if no > 1 else (o[:, 0] > (0.5 if a.loss == "mse" else 0)).long()
    acc = (guess == YT).float().mean().item()
report("torch%d" % a.threads + ("-" + a.variant if a.variant else ""), a, es, steps, acc, t1 - t0,
       t2 - t1, version=torch.__version__, last_loss=round(l.item(), 5))
