"""What is measured beside the standard cases: whether the loss follows PyTorch's, single products
against OpenBLAS, what an optimiser adds to a step, batch sizes, memory.  Each prints its table and
says whether its bar is met."""
import glob
import gzip
import json
import os
import struct
import subprocess
import tempfile

import cases
import runner

ROWS = 60000  # of the training parts of both picture sets


def follow(report, case, options):
    """Trains one epoch in file order from PyTorch's starting weights, as PyTorch does; True where
    the mean loss of each tenth is within 1 % of PyTorch's."""
    every = -(-ROWS // case.batch) // 10
    with tempfile.TemporaryDirectory() as folder:
        start, run = os.path.join(folder, "start.safetensors"), os.path.join(folder, "run")
        theirs = runner.run([cases.python(), os.path.join(cases.HERE, "peers", "follow.py"),
                             "--start", start, "--every", str(every)] + case.arguments(1))
        if not theirs:
            return False
        words = [cases.build_path("clgrad"), "train", "--train", cases.data_path(case.data),
                 "--layers", ",".join(map(str, case.layers[1:-1])), "--act", case.act,
                 "--loss", "ce", "--opt", "sgd", "--lr", str(case.lr), "--batch", str(case.batch),
                 "--epochs", "1", "--no-shuffle", "--init-from", start, "--log-every", str(every),
                 "--out", run, "-q"]
        done = subprocess.run(words + options.clgrad_words, capture_output=True, text=True)
        if done.returncode:
            report.say("clgrad train failed: " + done.stderr.strip())
            return False
        with open(os.path.join(run, "metrics.jsonl")) as file:
            ours = window_losses([json.loads(line) for line in file], every)
    wanted = theirs[0]["losses"]
    if len(ours) < 10 or len(wanted) < 10:
        report.say("The loss was not logged at every tenth of the epoch.")
        return False
    worst = max(abs(got - want) / want if got == got else float("inf")
                for got, want in zip(ours[:10], wanted[:10]))
    report.say("From PyTorch's starting weights, in file order: the loss of each tenth of the "
               "epoch is within %.2g %% of PyTorch's (bar 1 %%): %s." % (
                   100 * worst, "met" if worst <= 0.01 else "MISSED"))
    report.say()
    return worst <= 0.01


def window_losses(rows, every):
    """The mean loss of each `every` steps, from lines that give the mean since the epoch began."""
    means = {row["step"]: row["loss"] for row in rows if row["step"] % every == 0}
    losses, before = [], 0.0
    for step in sorted(means):
        if step != (len(losses) + 1) * every:
            break
        total = means[step] * step
        losses.append((total - before) / every)
        before = total
    return losses


def blas_library():
    """OpenBLAS: the copy in NumPy's wheel, else Debian's."""
    asked = "import numpy, os; print(os.path.dirname(numpy.__file__))"
    found = subprocess.run([cases.python(), "-c", asked], capture_output=True,
                           text=True).stdout.strip()
    for pattern in [found + ".libs/libscipy_openblas*.so*", found + ".libs/libopenblas*.so*",
                    "/usr/lib/*/openblas-pthread/libopenblas.so.0", "/usr/lib/*/libopenblas.so.0"]:
        for path in sorted(glob.glob(pattern)):
            return path
    return None


def has_avx512():
    with open("/proc/cpuinfo") as file:
        return "avx512f" in file.read()


def products(report, options):
    library = blas_library()
    environment = {"OPENBLAS_THREAD_TIMEOUT": "20", "OPENBLAS_NUM_THREADS": "2"}
    if has_avx512():
        environment["OPENBLAS_CORETYPE"] = "SkylakeX"
    words = [cases.build_path("bench/clgrad_products"), "--rounds", str(max(9, options.rounds))]
    with runner.lock():
        rows = runner.run(words + options.device_words + (["--blas", library] if library else []),
                          environment)
    report.say("## Matrix products, beside OpenBLAS (2 threads%s)" % (
        ", %s" % os.path.basename(library) if library else "; not installed"))
    report.say()
    lines, missed = [], 0
    for row in rows:
        shape = "%s %d,%d,%d" % (row["name"], row["m"], row["n"], row["k"])
        if row["wrong"]:
            lines.append([shape, row["form"], "WRONG: " + row["wrong"], "", "", ""])
            missed += 1
            continue
        ratio = row.get("ratio")
        # a BLAS whose threads spin collapses on a busy machine: the best samples must agree
        missed += ratio is not None and min(ratio, row["best_ratio"]) < 1
        lines.append([shape, row["form"], "%.0f" % row["gflops"],
                      "%.0f" % row["blas_gflops"] if ratio else "",
                      "%.2f" % ratio if ratio else "",
                      "%.2f" % row["best_ratio"] if ratio else ""])
    report.table(["shape M,N,K", "form", "clgrad, GFLOP/s", "OpenBLAS, GFLOP/s",
                  "ratio of medians", "of the best"], lines)
    report.say("%d of %d below the bar of 1.0 in one of the two; %s." % (
        missed, len(rows), runner.quiet([rows])) if rows else "Failed.")
    report.say()


def clgrad(case, options, extra, epochs):
    words = cases.command("clgrad2", case, epochs, options.clgrad_words)
    return words + extra


def optimisers(report, device, options):
    """What momentum and adam add to a step of b and c, beside the bytes they move at the measured
    copy rate and a tenth of the step."""
    report.say("## Momentum and Adam against plain descent")
    report.say()
    lines = []
    for name in "bc":
        case = cases.CASES[name]
        if not cases.data_path(case.data):
            continue
        jobs = {opt: clgrad(case, options, ["--opt", opt, "--lr", lr], 1)
                for opt, lr in [("sgd", "0.1"), ("momentum", "0.02"), ("adam", "0.001")]}
        with runner.lock():
            runs = runner.interleave(jobs, options.rounds)
        if "sgd" not in runs:
            continue
        count = sum((i + 1) * o for i, o in zip(case.layers, case.layers[1:]))
        base = 1 / runner.median(runs["sgd"], "steps_per_s")
        for opt, arrays in [("momentum", 1), ("adam", 2)]:
            if opt not in runs or min(row["test_accuracy"] for row in runs[opt]) < 0.7:
                lines.append([name, opt, "WRONG", "", "", "", ""])
                continue
            moved = 8 * arrays * count  # each moment is read and written
            touched = 4 * (1 + arrays) * count / device["units"]
            rate = min((int(size), value) for size, value in device["copy_gb_s"].items()
                       if int(size) >= touched or size == max(device["copy_gb_s"], key=int))[1]
            allowed = moved / (rate * 1e9) + 0.1 * base
            added = 1 / runner.median(runs[opt], "steps_per_s") - base
            lines.append([name, opt, "%.1f" % (1e6 * base), "%.1f" % (1e6 * added),
                          "%.2f MB at %.1f GB/s" % (moved / 1e6, rate), "%.1f" % (1e6 * allowed),
                          "met" if added <= allowed else "MISSED"])
    report.table(["case", "optimiser", "sgd, µs a step", "more, µs", "bytes", "allowed, µs",
                  "bar"], lines)


def batches(report, options):
    """Time per example over batch sizes 1 to 4096, on 16,384 rows of case b."""
    case, rows_used = cases.CASES["b"], 16384
    report.say("## Batch sizes, 784-128-10")
    report.say()
    if not cases.data_path(case.data):
        report.say("Not run: MNIST is not on this machine.")
        return
    jobs = {}
    for power in range(13):
        size = 1 << power
        epochs = max(1, 128 * size // rows_used)  # at least 128 steps
        jobs[size] = clgrad(case, options, ["--batch", str(size), "--limit", str(rows_used), "--lr",
                                            "0.1" if size >= 16 else "0.01"], epochs)
    with runner.lock():
        runs = runner.interleave(jobs, options.rounds)
    lines, before, worst = [], None, 0.0
    for size, rows in runs.items():
        if min(row["test_accuracy"] for row in rows) < 0.6:
            lines.append([str(size), "WRONG", ""])
            before = None
            continue
        each = 1e6 / (runner.median(rows, "steps_per_s") * size)
        lines.append([str(size), "%.3f" % each, "%.2f" % (each / before) if before else ""])
        worst, before = max(worst, each / before if before else 0), each
    report.table(["batch", "µs an example", "times the half's"], lines)
    report.say("Largest rise when the batch doubles: %.2fx, the bar is 1.3x: %s; %s." % (
        worst, "met" if worst <= 1.3 and len(runs) == 13 else "MISSED",
        runner.quiet(runs.values())))
    report.say()


def write_head(path, out, rows):
    """The first rows of an IDX file."""
    with gzip.open(path, "rb") as file:
        magic = file.read(4)
        sizes = struct.unpack(">%dI" % magic[3], file.read(4 * magic[3]))
        each = 1
        for size in sizes[1:]:
            each *= size
        body = file.read(rows * each)
    with gzip.open(out, "wb") as file:
        file.write(magic + struct.pack(">%dI" % magic[3], rows, *sizes[1:]) + body)


def memory(report, options):
    """Peak resident set of case b, less that of the same program trained on 64 rows."""
    case = cases.CASES["b"]
    report.say("## Memory of case b")
    report.say()
    data = cases.data_path(case.data)
    if not data:
        report.say("Not run: MNIST is not on this machine.")
        return
    with tempfile.TemporaryDirectory() as folder, runner.lock():
        for part in ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
                     "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"]:
            write_head(os.path.join(data, part), os.path.join(folder, part), 64)
        runs = runner.interleave({"all": clgrad(case, options, [], 1),
                                  "64 rows": clgrad(case, options, ["--data", folder], 1)}, 3)
    if len(runs) < 2:
        report.say("clgrad failed.")
        return
    peaks = {label: runner.median(rows, "peak_rss_mb") for label, rows in runs.items()}
    more = peaks["all"] - peaks["64 rows"]
    report.say("Peak %.1f MB, trained on 64 rows (64 test rows) %.1f MB: %.1f MB more, the bar is "
               "110 MB: %s" % (peaks["all"], peaks["64 rows"], more,
                               "met" if more <= 110 else "MISSED"))
    report.say()
