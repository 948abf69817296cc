"""Runs programs that print one JSON line, interleaved, and says how much of the machine they had.
Leaves out which programs, and what becomes of their figures."""
import contextlib
import fcntl
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

NOISE = 0.05  # share of the processors that others may take before a table is doubtful


@contextlib.contextmanager
def lock():
    """One benchmark at a time on this machine."""
    path = os.environ.get("BENCH_LOCK", os.path.join(tempfile.gettempdir(), "clgrad-bench.lock"))
    with open(path, "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def busy():
    """Seconds of all processors so far: at work, and stolen by the host of a virtual machine."""
    with open("/proc/stat") as file:
        t = [int(v) / os.sysconf("SC_CLK_TCK") for v in file.readline().split()[1:]]
    return t[0] + t[1] + t[2] + t[5] + t[6], t[7]


def children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(words, environment=None):
    """The JSON objects that a program prints, and beside each the share of the processors that
    others took meanwhile ("foreign").  Nothing where it fails."""
    before, own, start = busy(), children(), time.perf_counter()
    try:
        done = subprocess.run(words, capture_output=True, text=True,
                              timeout=float(os.environ.get("TMO", 300)),
                              env=dict(os.environ, **(environment or {})))
    except (subprocess.TimeoutExpired, OSError) as error:
        print("bench: %s" % error, file=sys.stderr)
        return []
    after = busy()
    capacity = (time.perf_counter() - start) * len(os.sched_getaffinity(0))
    foreign = after[0] - before[0] - (children() - own) + after[1] - before[1]
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not rows:
        print("bench: %s: %s" % (" ".join(words), (done.stderr.strip().splitlines() or
                                                   ["printed nothing"])[-1]), file=sys.stderr)
        return []
    for row in rows:
        row["foreign"] = max(0.0, foreign / capacity)
    return rows


def interleave(jobs, rounds):
    """jobs: {label: words}.  {label: rows}, one row a round; a program that fails twice is left out
    of further rounds."""
    rows, failed = {label: [] for label in jobs}, {label: 0 for label in jobs}
    for _ in range(rounds):
        for label, words in jobs.items():
            if failed[label] >= 2:
                continue
            got = run(words)
            rows[label] += got[-1:]
            failed[label] += not got
    return {label: got for label, got in rows.items() if got}


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def quiet(runs):
    """How much of the machine others had, in words."""
    shares = [row["foreign"] for rows in runs for row in rows]
    if not shares:
        return "nothing ran"
    middle = statistics.median(shares)
    return "others took %.0f %% of the processors (median of %d runs; at most %.0f %%)%s" % (
        100 * middle, len(shares), 100 * max(shares),
        ": **not quiet, measure again**" if middle > NOISE else "")
