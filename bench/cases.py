"""The standard cases, the programs that are compared on them, and how each is called.  Leaves out
running them (runner.py) and what is printed (bench.py)."""
import os
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)


class Case:
    """epochs: of a first run; fast: of programs whose first run takes less than a tenth of a second
    (None: the same).  floor: a test accuracy below it is no result.  bars: times the fastest peer,
    times PyTorch, on a CPU."""

    def __init__(self, name, data, layers, act, loss, batch, lr, epochs, floor, bars, fast=None):
        self.name, self.data, self.layers, self.act, self.loss = name, data, layers, act, loss
        self.batch, self.lr, self.epochs, self.floor = batch, lr, epochs, floor
        self.bars, self.fast = bars, fast

    def title(self):
        return "%s  %s %s %s, %s, batch %d" % (
            self.name, self.data, "-".join(map(str, self.layers)), self.act, self.loss, self.batch)

    def arguments(self, epochs):
        return ["--data", data_path(self.data), "--layers", ",".join(map(str, self.layers)),
                "--act", self.act, "--loss", self.loss, "--batch", str(self.batch),
                "--lr", str(self.lr), "--epochs", str(epochs)]

    def flops(self):
        """Of the products of one step: forward, weight gradient, delta but for the first layer."""
        pairs = [i * o for i, o in zip(self.layers, self.layers[1:])]
        return 2 * self.batch * (3 * sum(pairs) - pairs[0])


CASES = {case.name: case for case in [
    Case("a", "mnist", [784, 30, 10], "sigmoid", "mse", 100, 3, 5, 0.90, (2, 4)),
    Case("b", "mnist", [784, 128, 10], "relu", "ce", 64, 0.1, 5, 0.95, (1.5, 3.5)),
    Case("c", "fashion-mnist", [784, 512, 512, 10], "relu", "ce", 128, 0.1, 1, 0.70, (1.2, 2.3)),
    Case("d", "mnist", [784, 2048, 2048, 10], "relu", "ce", 512, 0.1, 1, 0.80, (1.05, 2.2)),
    Case("e", "iris", [4, 16, 3], "relu", "ce", 16, 0.1, 1000, 0.85, (8, 200), 50000),
    Case("f", "xor", [2, 2, 1], "sigmoid", "mse", 4, 4, 10000, 1, (1, 1000), 1000000),
]}


def data_path(name):
    """Where a case's data lies: MNIST, FASHION, IRIS, or the places that clgrad looks at."""
    if name == "xor":
        return name
    own = os.environ.get({"mnist": "MNIST", "fashion-mnist": "FASHION", "iris": "IRIS"}[name])
    if own:
        return own
    for folder in [os.environ.get("CLGRAD_DATA"), "/usr/share/datasets",
                   os.path.join(TOP, "datasets")]:
        path = os.path.join(folder, name) if folder else ""
        if path and os.path.isdir(path):
            return os.path.join(path, "iris.csv") if name == "iris" else path
    return None


def build_path(program):
    folder = os.environ.get("CLGRAD_BUILD", os.path.join(TOP, "build", "release"))
    return os.path.join(folder, program)


def python():
    return os.environ.get("PYTHON", "/usr/bin/python3")


def has_module(module):
    return subprocess.run([python(), "-c", "import numpy, " + module], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0


def fann_path():
    """FANN's program, compiled where its library is installed; None where it is not."""
    program = os.environ.get("FANN_BENCH", build_path("bench/fann_bench"))
    if not os.path.exists(program) and shutil.which("gcc"):
        subprocess.run(["gcc", "-O2", os.path.join(HERE, "peers", "fann_bench.c"), "-o", program,
                        "-lfloatfann", "-lz", "-lm"], stderr=subprocess.DEVNULL)
    return program if os.path.exists(program) else None


def installed():
    """The peers that this machine has, by the names that --peers takes."""
    names = []
    for module in ["torch", "jax", "numpy", "sklearn"]:
        if has_module(module):
            names += [module] if module == "sklearn" else [module + "1", module + "2"]
    if "torch2" in names and shutil.which("g++"):
        names.append("torchc2")
    return names + (["fann", "fanni"] if fann_path() else [])


def takes_part(peer, case):
    """FANN knows neither relu nor cross-entropy and takes minutes in b to d; torch.compile has half
    a minute of set-up a run and nothing to gain in the smallest cases."""
    if peer.startswith("fann"):
        return case.name in "aef"
    return case.name in "bcd" if peer.startswith("torchc") else True


def command(name, case, epochs, options):
    """The command line of one program: clgrad1, clgrad2, or a peer; options go to clgrad."""
    threads = name[-1] if name[-1] in "0123456789" else "1"
    if name.startswith("clgrad"):
        head = [build_path("bench/clgrad_bench"), "--threads", threads] + options
    elif name.startswith("fann"):
        head = [fann_path()] + (["--variant", "incremental"] if name == "fanni" else [])
    else:
        base = name.rstrip("0123456789")
        script = "torch" if base == "torchc" else base
        head = [python(), os.path.join(HERE, "peers", script + "_bench.py"), "--threads", threads]
        head += ["--variant", "compile"] if base == "torchc" else []
    return head + case.arguments(epochs)
