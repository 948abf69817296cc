#!/bin/sh
# Each barrier of the kernels, left out once, is a race that Oclgrind reports; with all of them it
# reports nothing (check_oclgrind.sh).
# usage: check_barriers.sh DRIVER KERNELS_FOLDER
set -u
driver=$1
kernels=$2
if ! command -v oclgrind >/dev/null 2>&1; then
    echo "oclgrind is not installed"
    exit 77
fi
folder=$(mktemp -d "${TMPDIR:-/tmp}/barriers.XXXXXX")
trap 'rm -rf "$folder"' EXIT
CLGRAD_CACHE=$folder/cache # so that no stored binary stands for a source
export CLGRAD_CACHE

failed=0
tried=0
for path in $(grep -l 'barrier(' "$kernels"/*.cl "$kernels"/*.clh); do
    file=$(basename "$path")
    barriers=$(grep -c '^ *barrier(\|^ *LOCAL_SYNC;' "$path")
    number=1
    while [ "$number" -le "$barriers" ]; do
        # orders nothing between work-items: each reads back what it wrote, for the compiler's sake
        [ "$file $number" = "local_learn.cl 1" ] && number=2 && continue
        rm -rf "$folder/log" "$folder/cache"
        # some are built without optimisation, see check_oclgrind.sh
        options=-cl-opt-disable
        case $file in local_*) options= ;; esac
        oclgrind --build-options "$options" --data-races --log "$folder/log" "$driver" without \
            "$file" "$number" >"$folder/out" 2>&1
        if ! grep -q '^driver: done' "$folder/out"; then
            echo "FAILED: the driver did not end well without barrier $number of $file"
            tail -20 "$folder/out"
            failed=1
        elif grep -qi 'race' "$folder/log"; then
            echo "$file without barrier $number: reported"
        else
            echo "FAILED: $file without barrier $number: no race was reported"
            failed=1
        fi
        tried=$((tried + 1))
        number=$((number + 1))
    done
done
echo "$tried barriers left out"
[ "$tried" -ge 15 ] || failed=1
exit $failed
