#!/bin/sh
# Runs every kernel under Oclgrind with its checks for races, uninitialised values, bounds and
# wrong calls.  Oclgrind exits with 0 whatever it found, so its log is what counts: empty for ours,
# and not empty for each kernel with a planted bug.  Kernels with vectors are built without
# optimisation: what LLVM makes of vectors confuses Oclgrind 21.10, up to a crash.
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

# run BUILD_OPTIONS DRIVER_ARGUMENT
run() {
    rm -f "$folder/log"
    oclgrind --build-options "$1" --data-races --uninitialized --check-api --log "$folder/log" \
        "$driver" "$2" >"$folder/out" 2>&1
    if ! grep -q '^driver: done' "$folder/out"; then
        echo "FAILED: the driver did not end well with '$2'"
        cat "$folder/out"
        return 1
    fi
}

failed=0
# clean BUILD_OPTIONS DRIVER_ARGUMENT: nothing may be reported
clean() {
    run "$1" "$2" || failed=1
    if [ -s "$folder/log" ]; then
        echo "FAILED: Oclgrind reports on '$2'"
        head -60 "$folder/log"
        failed=1
    else
        echo "$2: no report"
    fi
}

clean -cl-opt-disable all
clean "" local
for bug in race uninitialized bounds; do
    run -cl-opt-disable "$bug" || failed=1
    if [ -s "$folder/log" ]; then
        echo "planted $bug: reported"
    else
        echo "FAILED: the planted bug '$bug' was not reported"
        failed=1
    fi
done
exit $failed
