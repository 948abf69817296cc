#!/bin/sh
# The program itself on a device with a planted fault: clgrad verify exits with 1 and names an
# operation that the faulty kernel serves, and without one it exits with 0.
# Training then takes another route of the products where one is known to be wrong, and says so.
# usage: check_program.sh CLGRAD LAYER KERNELS_FOLDER
set -u
clgrad=$1
layer=$2
kernels=$3
folder=$(mktemp -d "${TMPDIR:-/tmp}/faults.XXXXXX")
trap 'rm -rf "$folder"' EXIT
failed=0
# What is found wrong is remembered: in a cache of its own, which begins with the binaries that
# there are.
mkdir "$folder/cache"
[ -d "${CLGRAD_CACHE:-}" ] && cp "$CLGRAD_CACHE"/*.bin "$folder/cache"
export CLGRAD_CACHE="$folder/cache"

# verify FAULT: runs the program; its exit status in $status, what it printed in $folder/out
verify() {
    LD_PRELOAD=$layer CLGRAD_FAULT=$1 timeout 120 "$clgrad" verify --quick \
        ${CLGRAD_TEST_DEVICE:+--device "$CLGRAD_TEST_DEVICE"} >"$folder/out" 2>&1
    status=$?
}

# finds FAULT OPERATION
finds() {
    verify "$1"
    if [ "$status" -eq 1 ] && grep -Eq "first ($2) " "$folder/out"; then
        echo "found: $1"
    else
        echo "FAILED: exit status $status, wanted 1 and the operation $2, with $1"
        tail -5 "$folder/out"
        failed=1
    fi
}

# joined FILE: the file with those that it includes
joined() {
    while IFS= read -r line; do
        case $line in
        '#include "'*.clh\") part=${line#*\"} && (joined "$kernels/${part%\"}") ;;
        *) printf '%s\n' "$line" ;;
        esac
    done <"$1"
}

# source_of FILE SED_SCRIPT: the kernel file with its prelude, changed
source_of() {
    { cat "$kernels/prelude.clh" && joined "$kernels/$1.cl"; } >"$folder/joined"
    sed "$2" "$folder/joined" >"$folder/$1.cl"
    if cmp -s "$folder/joined" "$folder/$1.cl"; then
        echo "FAILED: '$2' changes nothing in $1.cl"
        failed=1
    fi
}

verify ""
[ "$status" -eq 5 ] && exit 77
if [ "$status" -ne 0 ]; then
    echo "FAILED: exit status $status without a fault"
    tail -5 "$folder/out"
    exit 1
fi
source_of bias 's/sum += vload16/sum -= vload16/'
finds "source bias_bwd $folder/bias.cl" grad
finds "skip mark_alive" mark_alive
finds "flip update_adam 23" update
finds "stale gather_floats" gather

# train WORDS OPTION yes|no: whether training says the words
train() {
    "$clgrad" train --train xor --layers 4 --steps 20 --out "$folder/run" \
        ${CLGRAD_TEST_DEVICE:+--device "$CLGRAD_TEST_DEVICE"} ${2:+"$2"} >"$folder/out" 2>&1
    status=$?
    if grep -q "$1" "$folder/out"; then says=yes; else says=no; fi
    if [ "$status" -ne 0 ] || [ "$says" != "$3" ]; then
        echo "FAILED: training (exit status $status) says '$1': $says, wanted $3"
        cat "$folder/out"
        failed=1
    fi
}

train "failed verification of .*mark_alive" "" yes
rm -f "$CLGRAD_CACHE"/*.bin # forgets
train "failed verification" "" no
source_of matmul 's/sum\[r\]\[0\] = fma(a, left, sum/sum[r][0] = fma(-a, left, sum/'
finds "source matmul_nn $folder/matmul.cl" "dense_fwd|delta_bwd|grad"
train "by the route register; they take local" "" yes
train "failed verification" --no-cache no
exit $failed
