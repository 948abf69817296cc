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
        -Wdouble-promotion -Wshorten-64-to-32 -Werror -Wno-unused-parameter -Wno-unused-function \
        -I "$kernels" \
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

# the tiles of host/ops/local.c
tiles() {
    echo "-DTILE_M=64 -DTILE_N=128 -DK_TILE=16 -DEACH_M=8 -DEACH_N=8"
    echo "-DTILE_M=64 -DTILE_N=64 -DK_TILE=16 -DEACH_M=8 -DEACH_N=4"
    echo "-DTILE_M=32 -DTILE_N=32 -DK_TILE=32 -DEACH_M=2 -DEACH_N=4"
    echo "-DTILE_M=16 -DTILE_N=32 -DK_TILE=32 -DEACH_M=1 -DEACH_N=4"
}

# span L: a network of L layers for the resident plan
span() {
    echo "-DLAYERS=$1 -DBATCH=10 -DHAS_MOMENTUM=1 -DWHOLE=0 -DS0=5 -DS1=20 -DS2=3 -DS3=18 -DS4=2" \
        "-DACT1=8 -DACT2=1 -DACT3=2 -DACT4=1 -DA1=0 -DA2=0 -DA3=0 -DA4=0" \
        "-DW1_AT=0 -DW2_AT=160 -DW3_AT=480 -DW4_AT=640 -DW1_LD=32 -DW2_LD=16 -DW3_LD=32 -DW4_LD=16" \
        "-DB1_AT=1000 -DB2_AT=1040 -DB3_AT=1060 -DB4_AT=1100"
}
spans() {
    echo "$1 $(span 2) -UACT2 -DACT2=4 -DLOSS=0 -DTARGET=0 -DOPT=2 -DL2=1 -DBYTES=1 -DPERMUTED=1"
    echo "$1 $(span 4) -DLOSS=1 -DTARGET=0 -DOPT=5 -DL2=0 -DBYTES=0 -DPERMUTED=0"
    echo "$1 $(span 1) -DLOSS=3 -DTARGET=1 -DOPT=0 -DL2=0 -DBYTES=0 -DPERMUTED=1"
    echo "$1 $(span 2) -UWHOLE -DWHOLE=1 -DLOSS=3 -DTARGET=0 -DOPT=1 -DL2=1 -DBYTES=0 -DPERMUTED=0"
    echo "$1 $(span 3) -UACT3 -DACT3=4 -DLOSS=2 -DTARGET=0 -DOPT=7 -DL2=0 -DBYTES=1 -DPERMUTED=0"
}

# options of NAME: one line for each set that host/ops/ builds it with
options() {
    case $1 in
    activation) for kind in 0 1 2 3 4 5 6 7 8 9 10 11; do act "$kind"; done ;;
    resident) spans -DFORM=0 && spans -DFORM=1 ;;
    resident_group) spans -DGROUP=64 ;;
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
    local_dense)
        large=$(tiles | head -1)
        for kind in 0 1 2 3 5 6 7 8 9 10; do
            echo "-DFORWARD $(act "$kind") $large"
            echo "$(act "$kind") $large"
        done
        tiles | while read -r tile; do echo "-DFORWARD -DACT_KIND=3 $tile"; done
        ;;
    local_head)
        for more in "-DTARGET=0 -DWEIGHTED=0" "-DTARGET=0 -DWEIGHTED=1" \
            "-DTARGET=1 -DWEIGHTED=0"; do
            echo "-DLOSS=0 -DACT_KIND=4 $more -DOUTPUTS=10 -DDELTA=1 -DFRONT_KIND=3"
            echo "-DLOSS=1 -DACT_KIND=1 $more -DOUTPUTS=1 -DDELTA=1 -DFRONT_KIND=8"
            echo "-DLOSS=2 -DACT_KIND=2 $more -DOUTPUTS=16 -DDELTA=0"
            echo "-DLOSS=3 $(act 7) $more -DOUTPUTS=3 -DDELTA=1 -DFRONT_KIND=6" \
                "-DFRONT_A_BITS=0x3c23d70au"
            echo "-DLOSS=4 -DACT_KIND=5 $more -DOUTPUTS=1 -DDELTA=1 -DFRONT_KIND=0"
        done ;;
    local_learn)
        large=$(tiles | head -1)
        for opt in 0 1 2 3 4 5 6 7; do
            echo "-DOPT=$opt -DHAS_MOMENTUM=0 -DSCORED=1 -DPERMUTED=1 -DBYTES=1" \
                "-DTARGET_KIND=1 $large"
            echo "-DOPT=$opt -DHAS_MOMENTUM=1 -DSCORED=0 -DPERMUTED=0 -DBYTES=0" \
                "-DTARGET_KIND=2 $large"
        done ;;
    matmul)
        echo "-DFORM_REGISTER -DDEPTH=256"
        echo "-DFORM_REGISTER -DDEPTH=0"
        tiles | while read -r tile; do echo "-DFORM_LOCAL $tile"; done
        ;;
    dense)
        for kind in 0 1 2 3 5 6 7 8 9 10; do
            echo "-DFORWARD -DDEPTH=0 $(act "$kind")"
            echo "-DFORWARD -DDEPTH=128 $(act "$kind")"
            echo "-DDEPTH=128 $(act "$kind")"
        done ;;
    head)
        for more in "-DTARGET=0 -DWEIGHTED=0" "-DTARGET=0 -DWEIGHTED=1" \
            "-DTARGET=1 -DWEIGHTED=0"; do
            echo "-DLOSS=0 -DACT_KIND=4 $more -DOUTPUTS=10 -DDELTA=1 -DFRONT_KIND=3"
            echo "-DLOSS=1 -DACT_KIND=1 $more -DOUTPUTS=1 -DDELTA=1 -DFRONT_KIND=8"
            echo "-DLOSS=2 -DACT_KIND=2 $more -DOUTPUTS=16 -DDELTA=0"
            echo "-DLOSS=3 $(act 7) $more -DOUTPUTS=3 -DDELTA=1 -DFRONT_KIND=6" \
                "-DFRONT_A_BITS=0x3c23d70au"
            echo "-DLOSS=4 -DACT_KIND=5 $more -DOUTPUTS=1 -DDELTA=1 -DFRONT_KIND=0"
        done ;;
    learn)
        for opt in 0 1 2 3 4 5 6 7; do
            echo "-DOPT=$opt -DHAS_MOMENTUM=0 -DDEPTH=64 -DSCORED=1 -DPERMUTED=1 -DBYTES=1" \
                "-DTARGET_KIND=1"
            echo "-DOPT=$opt -DHAS_MOMENTUM=1 -DDEPTH=64 -DSCORED=0 -DPERMUTED=0 -DBYTES=0" \
                "-DTARGET_KIND=2"
        done ;;
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
