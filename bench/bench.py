#!/usr/bin/env python3
"""Measures clgrad, the programs it is compared with and the device's ceilings, in interleaved runs,
and prints tables: ./run bench [WHAT...], see README.md.  A program whose test accuracy is below the
case's floor gets no time, and clgrad none in b and c where its loss does not follow PyTorch's from
the same weights."""
import argparse
import datetime
import os
import platform
import re
import subprocess
import sys

import cases
import extras
import runner

SECTIONS = ["ceilings", "a", "b", "c", "d", "e", "f", "products", "optimisers", "batches", "memory"]


class Report:
    """What is printed, kept for the file."""

    def __init__(self):
        self.lines = []

    def say(self, line=""):
        print(line, flush=True)
        self.lines.append(line)

    def table(self, head, rows):
        self.say("| " + " | ".join(head) + " |")
        self.say("|" + " --- |" * len(head))
        for row in rows:
            self.say("| " + " | ".join(row) + " |")
        self.say()


def ceilings(report, options):
    with runner.lock():
        rows = runner.run([cases.build_path("bench/clgrad_ceilings")] + options.device_words)
    if not rows:
        sys.exit("bench: the device's ceilings could not be measured")
    got = rows[0]
    report.say("## Ceilings, through OpenCL")
    report.say()
    report.say("fma %.0f GFLOP/s; a launch %.1f µs; waited for each: %.1f µs; four bytes read: "
               "%.1f µs" % (got["fma_gflops"], got["launch_us"], got["finish_us"], got["read_us"]))
    report.say()
    report.table(["KiB a unit"] + [str(int(size) // 1024) for size in got["read_gb_s"]],
                 [["read, GB/s"] + ["%.1f" % v for v in got["read_gb_s"].values()],
                  ["copy, GB/s"] + ["%.1f" % v for v in got["copy_gb_s"].values()]])
    report.say("Quiet? " + runner.quiet([rows]) + ".")
    report.say()
    return got


def jobs_of(case, peers, options):
    """{label: words} of one case.  Where a case has two lengths a first run chooses: what takes
    less than a tenth of a second runs longer."""
    names = ["clgrad1", "clgrad2"] + [peer for peer in peers if cases.takes_part(peer, case)]
    jobs = {}
    for name in names:
        words = cases.command(name, case, case.epochs, options.clgrad_words)
        if case.fast:
            first = runner.run(words)
            if first and first[0]["train_seconds"] < 0.1:
                words = cases.command(name, case, case.fast, options.clgrad_words)
        jobs[name] = words
    jobs["ceiling"] = [cases.build_path("bench/clgrad_ceilings")] + options.device_words
    return jobs


def best(steps, prefix):
    """(name, steps a second) of the fastest whose name begins so; None without one."""
    named = [(value, name) for name, value in steps.items() if name.startswith(prefix)]
    return max(named)[::-1] if named else None


def verdict(report, case, steps):
    """clgrad against the fastest peer and against PyTorch, with the bars."""
    ours = best(steps, "clgrad")
    rest = {name: value for name, value in steps.items() if not name.startswith("clgrad")}
    for what, other, bar in [("the fastest peer", best(rest, ""), case.bars[0]),
                             ("PyTorch", best(rest, "torch"), case.bars[1])]:
        if not ours or not other:
            report.say("- %s: no figure" % what)
            continue
        ratio = ours[1] / other[1]
        report.say("- against %s (%s): **%.3gx**, the bar is %gx: %s" % (
            what, other[0], ratio, bar, "met" if ratio >= bar else "MISSED"))


def one_case(report, case, peers, options):
    report.say("## Case %s" % case.title())
    report.say()
    if not cases.data_path(case.data):
        report.say("Not run: %s is not on this machine; CLGRAD_DATA names the folder that holds "
                   "it." % case.data)
        report.say()
        return
    bad = set()
    with runner.lock():
        if case.name in "bc" and case.loss == "ce" and "torch2" in peers:
            follows = extras.follow(report, case, options)
            bad = set() if follows else {"clgrad1", "clgrad2"}
        runs = runner.interleave(jobs_of(case, peers, options), options.rounds)
    ceiling = runner.median(runs.pop("ceiling"), "fma_gflops") if "ceiling" in runs else None
    bad |= {name for name, rows in runs.items()
            if min(row["test_accuracy"] for row in rows) < case.floor}
    steps = {name: runner.median(rows, "steps_per_s") for name, rows in runs.items()
             if name not in bad}
    ours, lines = best(steps, "clgrad"), []
    for name in sorted(runs, key=lambda name: -steps.get(name, 0)):
        rows = runs[name]
        accuracy = "%.4f" % runner.median(rows, "test_accuracy")
        if name in bad:
            lines.append([name, str(len(rows)), "WRONG", "", "", accuracy, "", ""])
            continue
        gflops = steps[name] * case.flops() * 1e-9
        lines.append([name, str(len(rows)), "%.1f" % steps[name], "%.1f" % gflops,
                      "%.0f %%" % (100 * gflops / ceiling) if ceiling else "", accuracy,
                      "%.0f" % runner.median(rows, "peak_rss_mb"),
                      "%.3g" % (ours[1] / steps[name]) if ours else ""])
    report.table(["program", "runs", "steps/s", "GFLOP/s", "of fma ceiling", "accuracy", "rss MB",
                  "clgrad is x as fast"], lines)
    verdict(report, case, steps)
    report.say("- fma ceiling in these rounds: %s GFLOP/s; floor of the accuracy: %g; %s" % (
        "%.0f" % ceiling if ceiling else "no", case.floor, runner.quiet(runs.values())))
    missing = [name for name in ["clgrad1", "clgrad2"] + peers
               if cases.takes_part(name, case) and name not in runs]
    if missing:
        report.say("- failed, or ran longer than a run may: " + ", ".join(missing))
    report.say()


def versions(peers):
    """Of the peers in use, as they say themselves."""
    said = []
    for module in sorted({re.sub("c?[12]$", "", peer) for peer in peers} - {"fann", "fanni"}):
        asked = "import %s as m; print(m.__version__)" % module
        text = subprocess.run([cases.python(), "-c", asked], capture_output=True,
                              text=True).stdout.strip()
        said.append("%s %s" % (module, text))
    if "fann" in peers:
        text = subprocess.run(["dpkg-query", "-W", "-f=${Version}", "libfann-dev"],
                              capture_output=True, text=True).stdout
        said.append("FANN %s" % (text or "?"))
    return ", ".join(said) or "none"


def processor():
    with open("/proc/cpuinfo") as file:
        found = re.search(r"model name\s*: (.*)", file.read())
    return found.group(1) if found else platform.machine()


def header(report, device, peers, options):
    commit = subprocess.run(["git", "-C", cases.TOP, "describe", "--always", "--dirty"],
                            capture_output=True, text=True).stdout.strip() or "unknown"
    date = datetime.date.today().isoformat()
    report.say("# %s, %s" % (device["device"], date))
    report.say()
    for name, value in [("device", device["device"]), ("platform", device["platform"]),
                        ("driver", device["driver"]), ("OpenCL", device["opencl"]),
                        ("compute units", device["units"]), ("processor", processor()),
                        ("cores used", len(os.sched_getaffinity(0))), ("clgrad", commit),
                        ("plan", options.plan or "auto"), ("peers", versions(peers)),
                        ("command", "./run bench " + " ".join(sys.argv[1:]))]:
        report.say("- %s: %s" % (name, value))
    report.say("- medians of %d interleaved rounds" % options.rounds)
    report.say()
    name = device["platform"].split()[0] + "-" + device["device"]
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower())
    return "%s-%s.md" % (date, slug.strip("-")[:60])


def parse():
    p = argparse.ArgumentParser(prog="run bench", description="WHAT: " + " ".join(SECTIONS) +
                                "; without any, all of them, and a file in bench/results")
    p.add_argument("what", nargs="*", metavar="WHAT")
    p.add_argument("--device", default=os.environ.get("CLGRAD_BENCH_DEVICE"),
                   help="as clgrad's (default: $CLGRAD_BENCH_DEVICE, else auto)")
    p.add_argument("--plan", help="clgrad's --plan")
    p.add_argument("--rounds", type=int, default=int(os.environ.get("ROUNDS", 5)))
    p.add_argument("--peers", help="comma-separated, default: those installed")
    p.add_argument("--out", metavar="FILE", help="write the tables to FILE too")
    options = p.parse_args()
    wrong = [what for what in options.what if what not in SECTIONS]
    if wrong or options.rounds < 1:
        p.error("no section %s: one of %s" % (wrong[0], " ".join(SECTIONS)) if wrong else
                "--rounds wants 1 or more")
    options.device_words = ["--device", options.device] if options.device else []
    options.clgrad_words = options.device_words + (["--plan", options.plan] if options.plan else [])
    return options


def main():
    options, report = parse(), Report()
    peers = [peer for peer in (options.peers or "").split(",") if peer]
    if options.peers is None:
        peers = cases.installed()
    what = options.what or SECTIONS
    with runner.lock():
        device = runner.run([cases.build_path("bench/clgrad_ceilings")] + options.device_words)
    if not device:
        sys.exit("bench: no device to measure")
    name = header(report, device[0], peers, options)
    measured = ceilings(report, options) if {"ceilings", "optimisers"} & set(what) else None
    for section in what:
        if section in cases.CASES:
            one_case(report, cases.CASES[section], peers, options)
        elif section == "products":
            extras.products(report, options)
        elif section == "optimisers":
            extras.optimisers(report, measured, options)
        elif section == "batches":
            extras.batches(report, options)
        elif section == "memory":
            extras.memory(report, options)
    out = options.out or ("" if options.what else os.path.join(cases.HERE, "results", name))
    if out:
        os.makedirs(os.path.dirname(out) or ".", exist_ok=True)
        with open(out, "w") as file:
            file.write("\n".join(report.lines) + "\n")
        print("written: " + out)


if __name__ == "__main__":
    main()
