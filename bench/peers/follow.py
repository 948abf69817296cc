#!/usr/bin/python3
"""PyTorch's loss over one epoch in file order, for clgrad to follow: writes its starting weights as
a safetensors file (--start FILE) and prints one JSON line with the mean loss of each --every steps.
Cross-entropy and plain gradient descent, as cases b and c have them; leaves out timing."""
import json, struct, sys
import benchdata

own = {"--start": None, "--every": None}
for key in own:
    if key not in sys.argv:
        sys.exit("follow.py: wants %s" % key)
    at = sys.argv.index(key)
    own[key] = sys.argv[at + 1]
    del sys.argv[at:at + 2]
a = benchdata.parse("follow")
if a.loss != "ce" or a.opt != "sgd" or a.layers[-1] < 2:
    sys.exit("follow.py: cross-entropy over several classes with sgd only")
import torch, torch.nn as nn, torch.nn.functional as F

torch.set_num_threads(a.threads)
torch.manual_seed(a.seed)
X, Y = (torch.from_numpy(v) for v in benchdata.load(a)[:2])
A = {"sigmoid": nn.Sigmoid, "relu": nn.ReLU, "tanh": nn.Tanh}[a.act]
mods = []
for i, o in zip(a.layers, a.layers[1:]):
    mods += [nn.Linear(i, o), A()]
net = nn.Sequential(*mods[:-1])

header, blocks, offset = {}, [], 0
for n, layer in enumerate(m for m in net if isinstance(m, nn.Linear)):
    for kind in ("weight", "bias"):
        t = getattr(layer, kind).detach().numpy()
        header["layers.%d.%s" % (n, kind)] = dict(dtype="F32", shape=list(t.shape),
                                                  data_offsets=[offset, offset + t.nbytes])
        blocks.append(t.astype("<f4").tobytes())
        offset += t.nbytes
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open(own["--start"], "wb") as f:
    f.write(struct.pack("<Q", len(text)) + text + b"".join(blocks))

opt, every = torch.optim.SGD(net.parameters(), lr=a.lr), int(own["--every"])
sums, losses, rows = 0.0, [], 0
for step, s in enumerate(range(0, len(X), a.batch), 1):
    x, t = X[s:s + a.batch], Y[s:s + a.batch]
    opt.zero_grad(set_to_none=True)
    loss = F.cross_entropy(net(x), t)
    loss.backward()
    opt.step()
    sums, rows = sums + loss.item() * len(x), rows + len(x)
    if step % every == 0:
        losses.append(sums / rows)
        sums, rows = 0.0, 0
print(json.dumps(dict(name="torch", version=torch.__version__, every=every, losses=losses)))
