#!/bin/sh
# Runs a part of the kernels under Oclgrind with its checks for races, uninitialised values, bounds
# and wrong calls.  Oclgrind exits with 0 whatever it found, so its log is what counts: empty for
# ours, and not empty for each kernel with a planted bug.
# usage: check_oclgrind.sh DRIVER PART      a part of kernel_driver, or planted
set -u
driver=$1
part=$2
if ! command -v oclgrind >/dev/null 2>&1; then
    echo "oclgrind is not installed"
    exit 77
fi
folder=$(mktemp -d "${TMPDIR:-/tmp}/oclgrind.XXXXXX")
trap 'rm -rf "$folder"' EXIT
CLGRAD_CACHE=$folder/cache
export CLGRAD_CACHE

# Kernels with vectors are built without optimisation: what LLVM makes of vectors confuses Oclgrind
# 21.10, up to a crash.  Those that share a tile have few, and would run for minutes so; in
# local_learn.cl the check for uninitialised values crashes either way.
options=-cl-opt-disable
checks="--data-races --uninitialized --check-api"
case $part in
products) options= ;;
fused_local) options= checks="--data-races --check-api" ;;
esac

# run DRIVER_ARGUMENT
run() {
    rm -f "$folder/log"
    # shellcheck disable=SC2086
    oclgrind --build-options "$options" $checks --log "$folder/log" \
        "$driver" "$1" >"$folder/out" 2>&1
    if ! grep -q '^driver: done' "$folder/out"; then
        echo "FAILED: the driver did not end well with '$1'"
        tail -20 "$folder/out"
        return 1
    fi
}

failed=0
if [ "$part" = planted ]; then
    for bug in race uninitialized bounds; do
        run "$bug" || failed=1
        if [ -s "$folder/log" ]; then
            echo "planted $bug: reported"
        else
            echo "FAILED: the planted bug '$bug' was not reported"
            failed=1
        fi
    done
else
    run "$part" || failed=1
    if [ -s "$folder/log" ]; then
        echo "FAILED: Oclgrind reports on '$part'"
        head -60 "$folder/log"
        failed=1
    else
        echo "$part: no report"
    fi
fi
exit $failed
