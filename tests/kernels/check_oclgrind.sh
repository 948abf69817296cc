#!/bin/sh
# Runs every kernel under Oclgrind with its checks for races, uninitialised values, bounds and wrong
# calls.  Built without optimisation: what LLVM makes of vectors confuses Oclgrind 21.10, up to a
# crash.  Oclgrind exits with 0 whatever it found, so its log is what counts: empty for ours, and not
# empty for each kernel with a planted bug.
# usage: check_oclgrind.sh DRIVER
set -u
driver=$1
if ! command -v oclgrind >/dev/null 2>&1; then
    echo "oclgrind is not installed"
    exit 77
fi
folder=$(mktemp -d "${TMPDIR:-/tmp}/oclgrind.XXXXXX")
trap 'rm -rf "$folder"' EXIT
CLGRAD_CACHE=$folder/cache
export CLGRAD_CACHE

run() {
    rm -f "$folder/log"
    oclgrind --build-options -cl-opt-disable --data-races --uninitialized --check-api \
        --log "$folder/log" "$driver" "$@" >"$folder/out" 2>&1
    if ! grep -q '^driver: done' "$folder/out"; then
        echo "FAILED: the driver did not end well with '$*'"
        cat "$folder/out"
        return 1
    fi
}

failed=0
run all || failed=1
grep '^driver' "$folder/out"
if [ -s "$folder/log" ]; then
    echo "FAILED: Oclgrind reports"
    head -60 "$folder/log"
    failed=1
fi
for bug in race uninitialized bounds; do
    run "$bug" || failed=1
    if [ -s "$folder/log" ]; then
        echo "planted $bug: reported"
    else
        echo "FAILED: the planted bug '$bug' was not reported"
        failed=1
    fi
done
exit $failed
