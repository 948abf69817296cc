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
for path in $(grep -l 'barrier(' "$kernels"/*.cl); do
    file=$(basename "$path" .cl)
    barriers=$(grep -c 'barrier(' "$path")
    number=1
    while [ "$number" -le "$barriers" ]; do
        rm -rf "$folder/log" "$folder/cache"
        # vectors are built without optimisation, see check_oclgrind.sh
        options=-cl-opt-disable
        [ "$file" = matmul ] && options=
        oclgrind --build-options "$options" --data-races --log "$folder/log" "$driver" without \
            "$file" "$number" >"$folder/out" 2>&1
        if ! grep -q '^driver: done' "$folder/out"; then
            echo "FAILED: the driver did not end well without barrier $number of $file.cl"
            cat "$folder/out"
            failed=1
        elif grep -qi 'race' "$folder/log"; then
            echo "$file.cl without barrier $number: reported"
        else
            echo "FAILED: $file.cl without barrier $number: no race was reported"
            failed=1
        fi
        tried=$((tried + 1))
        number=$((number + 1))
    done
done
echo "$tried barriers left out"
[ "$tried" -ge 4 ] || failed=1
exit $failed
