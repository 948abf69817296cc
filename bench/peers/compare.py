#!/usr/bin/env python3
"""Reads the JSON lines of compare.sh; prints medians, and the ratio to the first name (or to argv[1])."""
import json
import statistics
import sys

runs = {}
for line in sys.stdin:
    if line.startswith("{"):
        row = json.loads(line)
        runs.setdefault(row["name"], []).append(row)
if not runs:
    sys.exit("compare.py: no results")
base = sys.argv[1] if len(sys.argv) > 1 else next(iter(runs))
if base not in runs:
    sys.exit("compare.py: no result of %s" % base)


def median(name, key):
    return statistics.median(row[key] for row in runs[name])


print("%-16s %4s %12s %12s %8s %9s %8s" % ("name", "runs", "steps/s", "epoch s", "accuracy", "rss MB",
                                           "x " + base))
for name in sorted(runs, key=lambda name: -median(name, "steps_per_s")):
    print("%-16s %4d %12.1f %12.5f %8.4f %9.1f %8.2f" % (
        name, len(runs[name]), median(name, "steps_per_s"), median(name, "epoch_median_s"),
        median(name, "test_accuracy"), median(name, "peak_rss_mb"),
        median(name, "steps_per_s") / median(base, "steps_per_s")))
