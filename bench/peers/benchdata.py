"""Shared argument parsing, data loading and result printing for the peer benchmarks.

Own code of this project; it only uses the standard library and numpy.
Every *_bench.py here takes the same arguments and prints one JSON line.
"""
import argparse, gzip, json, os, resource, struct, sys, time

T_START = time.perf_counter()


def parse(name):
    p = argparse.ArgumentParser(prog=name)
    p.add_argument("--data", required=True,
                   help="directory with MNIST-style IDX .gz files, a CSV file "
                        "(last column = class), or the word xor")
    p.add_argument("--layers", required=True, help="e.g. 784,128,10")
    p.add_argument("--act", default="relu", choices=["sigmoid", "relu", "tanh"])
    p.add_argument("--loss", default="ce", choices=["ce", "mse"],
                   help="ce: softmax (or logistic if 1 output) cross-entropy; "
                        "mse: sigmoid outputs, half the summed squared error")
    p.add_argument("--opt", default="sgd", choices=["sgd", "adam"])
    p.add_argument("--lr", type=float, default=0.1)
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--epochs", type=int, default=1)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--limit", type=int, default=0, help="use the first N training rows only")
    p.add_argument("--variant", default="", help="bench-specific switch")
    a = p.parse_args()
    a.layers = [int(v) for v in a.layers.split(",")]
    for v in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[v] = str(a.threads)
    with open("/proc/cpuinfo") as f:
        avx512 = "avx512f" in f.read()
    if avx512:      # a machine may set Haswell (AVX2): 1.3-1.9x slower
        os.environ["OPENBLAS_CORETYPE"] = "SkylakeX"
        os.environ.pop("OPENBLAS_L2_SIZE", None)
    return a


def _idx(path):
    import numpy as np
    with gzip.open(path, "rb") as f:
        b = f.read()
    nd = b[3]
    dims = struct.unpack(">%dI" % nd, b[4:4 + 4 * nd])
    return np.frombuffer(b, np.uint8, offset=4 + 4 * nd).reshape(dims)


def load(a):
    """Returns Xtrain, ytrain, Xtest, ytest: float32 features, int64 labels."""
    import numpy as np
    if a.data == "xor":
        x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
        y = np.array([0, 1, 1, 0], np.int64)
        return x, y, x, y
    if os.path.isdir(a.data):
        d = a.data
        xa = _idx(d + "/train-images-idx3-ubyte.gz"); ya = _idx(d + "/train-labels-idx1-ubyte.gz")
        xb = _idx(d + "/t10k-images-idx3-ubyte.gz"); yb = _idx(d + "/t10k-labels-idx1-ubyte.gz")
        f = lambda v: (v.reshape(len(v), -1).astype(np.float32) / np.float32(255))
        n = a.limit or len(xa)
        return f(xa[:n]), ya[:n].astype(np.int64), f(xb), yb.astype(np.int64)
    rows, labels = [], {}
    y = []
    with open(a.data) as fh:
        for line in fh:
            c = line.strip().split(",")
            try:
                v = [float(t) for t in c[:-1]]
            except ValueError:
                continue  # header
            if not v:
                continue
            rows.append(v)
            y.append(labels.setdefault(c[-1], len(labels)))
    x = np.array(rows, np.float32); y = np.array(y, np.int64)
    test = np.arange(len(x)) % 5 == 4       # every fifth row is a test row
    m, s = x[~test].mean(0), x[~test].std(0) + 1e-8
    x = ((x - m) / s).astype(np.float32)
    return x[~test], y[~test], x[test], y[test]


def report(name, a, epoch_seconds, steps, acc, load_s, setup_s, **extra):
    """One machine-readable line. epoch_seconds: the seconds of each epoch."""
    es = sorted(epoch_seconds)
    total = sum(es)
    r = dict(name=name, train_seconds=round(total, 6), steps_per_s=round(steps / total, 2),
             test_accuracy=round(float(acc), 5),
             epoch_median_s=round(es[len(es) // 2], 6), epoch_min_s=round(es[0], 6),
             load_seconds=round(load_s, 3), setup_seconds=round(setup_s, 3),
             peak_rss_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
             steps=steps, data=os.path.basename(os.path.normpath(a.data)),
             layers=a.layers, act=a.act, loss=a.loss, opt=a.opt, lr=a.lr,
             batch=a.batch, epochs=a.epochs, threads=a.threads, seed=a.seed)
    r.update(extra)
    print(json.dumps(r)); sys.stdout.flush()
