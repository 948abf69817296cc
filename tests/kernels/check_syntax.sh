#!/bin/sh
# Reads every kernel file with clang under every set of macros it is built with: errors, warnings
# and silent promotions to double fail.  Proves on a planted file that a promotion is noticed.
# usage: check_syntax.sh KERNELS_FOLDER
set -u
kernels=$1
clang=
for name in clang clang-19 clang-17 clang-16 clang-15 clang-14; do
    if command -v "$name" >/dev/null 2>&1; then
        clang=$name
        break
    fi
done
if [ -z "$clang" ]; then
    echo "clang is not installed"
    exit 77
fi

read_file() {
    file=$1
    shift
    "$clang" -x cl -cl-std=CL1.2 -Xclang -finclude-default-header -fsyntax-only -Wall -Wextra \
        -Wdouble-promotion -Wshorten-64-to-32 -Werror -Wno-unused-parameter \
        -include "$kernels/prelude.clh" "$@" "$file"
}

failed=0
read_files=0
check() {
    read_files=$((read_files + 1))
    name=$1
    shift
    if ! read_file "$kernels/$name.cl" "$@"; then
        echo "FAILED: $name.cl $*"
        failed=1
    fi
}

# act K: what selects activation K, with the bits of its number where it has one
act() {
    case $1 in
    6 | 7) echo "-DACT_KIND=$1 -DACT_A_BITS=0x3c23d70au" ;;
    *) echo "-DACT_KIND=$1" ;;
    esac
}

# options of NAME: one line for each set that host/ops/ builds it with
options() {
    case $1 in
    activation) for kind in 0 1 2 3 4 5 6 7 8 9 10 11; do act "$kind"; done ;;
    gather) printf '%s\n' -DPERMUTED=0 -DPERMUTED=1 ;;
    loss)
        for more in "-DTARGET=0 -DWEIGHTED=0" "-DTARGET=0 -DWEIGHTED=1" \
            "-DTARGET=1 -DWEIGHTED=0"; do
            echo "-DLOSS=0 -DACT_KIND=4 $more -DTAUGHT=0"
            echo "-DLOSS=0 -DACT_KIND=4 $more -DTAUGHT=1"
            echo "-DLOSS=1 -DACT_KIND=1 $more -DTAUGHT=0"
            echo "-DLOSS=4 -DACT_KIND=5 $more -DTAUGHT=0"
            for kind in 0 1 2 3 4 6 7 8 9 10 11; do
                echo "-DLOSS=2 $(act "$kind") $more -DTAUGHT=0"
                echo "-DLOSS=3 $(act "$kind") $more -DTAUGHT=0"
            done
        done ;;
    matmul) printf '%s\n' "-DFORM_REGISTER -DDEPTH=256" -DFORM_LOCAL ;;
    reduce) printf '%s\n' -DGROUP=64 "-DGROUP=64 -DTARGET=0" "-DGROUP=64 -DTARGET=1" ;;
    *) echo "-DPLAIN" ;;
    esac
}

for path in "$kernels"/*.cl; do
    name=$(basename "$path" .cl)
    if LC_ALL=C grep -n '[^ -~]' "$path"; then
        echo "FAILED: $name.cl has characters that are not ASCII"
        failed=1
    fi
    while read -r set; do
        # shellcheck disable=SC2086
        check "$name" $set
    done <<LIST
$(options "$name")
LIST
done

planted=$(mktemp "${TMPDIR:-/tmp}/planted.XXXXXX")
trap 'rm -f "$planted"' EXIT
echo 'kernel void planted(global float *x) { x[0] = x[0] * 0.5; }' >"$planted"
if read_file "$planted" >/dev/null 2>&1; then
    echo "FAILED: the planted promotion to double was not noticed"
    failed=1
fi
echo "$read_files sets of macros read with $clang"
[ "$read_files" -gt 90 ] || failed=1
exit $failed
