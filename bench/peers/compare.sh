#!/usr/bin/env bash
# Runs programs on one standard case, interleaved, and prints their JSON lines for compare.py.
#
#   bench/peers/compare.sh CASE [BENCH...]
#
# CASE   a b c d e f, see README.md
# BENCH  clgrad torch1 torch2 torchc1 torchc2 jax1 jax2 numpy1 numpy2 sklearn fann fanni
#        (a digit: threads; torchc: torch.compile; fanni: FANN's incremental training)
# Environment: MNIST, FASHION, IRIS (paths of the data), PYTHON (the one with torch, jax, numpy and
# sklearn), CLGRAD_BENCH, FANN_BENCH (programs), ROUNDS (5), TMO (seconds one run may take, 300),
# BENCH_LOCK (a file: one comparison at a time), ARGS (further arguments: "--limit 12800"), EXTRA
# ("name=command" of a further program with the same arguments; several with ';' between).
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
python=${PYTHON:-/usr/bin/python3}
mnist=${MNIST:-${CLGRAD_DATA:-/usr/share/datasets}/mnist}
fashion=${FASHION:-/usr/share/datasets/fashion-mnist}
iris=${IRIS:-$top/datasets/iris/iris.csv}

fast=() # in e and f JAX, FANN and EXTRA, which take a few microseconds a step, run longer
case ${1:-} in
a)
    job=(--data "$mnist" --layers "784,30,10" --act sigmoid --loss mse
        --batch 100 --lr 3 --epochs 5)
    ;;
b)
    job=(--data "$mnist" --layers "784,128,10" --act relu --loss ce
        --batch 64 --lr 0.1 --epochs 5)
    ;;
c)
    job=(--data "$fashion" --layers "784,512,512,10" --act relu --loss ce
        --batch 128 --lr 0.1 --epochs 1)
    ;;
d)
    job=(--data "$mnist" --layers "784,2048,2048,10" --act relu --loss ce
        --batch 512 --lr 0.1 --epochs 1)
    ;;
e)
    job=(--data "$iris" --layers "4,16,3" --act relu --loss ce
        --batch 16 --lr 0.1 --epochs 1000)
    fast=(--epochs 50000)
    ;;
f)
    job=(--data xor --layers "2,2,1" --act sigmoid --loss mse
        --batch 4 --lr 4 --epochs 10000)
    fast=(--epochs 1000000)
    ;;
*)
    sed -n '2,13s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
shift
[ $# -gt 0 ] || set -- clgrad torch1 torch2 jax1 jax2 numpy1 numpy2 sklearn
read -ra more <<<"${ARGS:-}"

# one COMMAND...: its JSON line, nothing where it fails.
one() {
    timeout "${TMO:-300}" "$@" ${more[@]+"${more[@]}"} 2>/dev/null | grep '^{' | tail -n 1
}

bench() {
    case $1 in
    clgrad) one "${CLGRAD_BENCH:-$top/build/release/bench/clgrad_bench}" "${job[@]}" ;;
    torchc[0-9])
        one "$python" "$here/torch_bench.py" "${job[@]}" --variant compile --threads "${1#torchc}"
        ;;
    torch[0-9]) one "$python" "$here/torch_bench.py" "${job[@]}" --threads "${1#torch}" ;;
    jax[0-9]) one "$python" "$here/jax_bench.py" "${job[@]}" "${fast[@]}" --threads "${1#jax}" ;;
    numpy[0-9]) one "$python" "$here/numpy_bench.py" "${job[@]}" --threads "${1#numpy}" ;;
    sklearn) one "$python" "$here/sklearn_bench.py" "${job[@]}" ;;
    fann) one "${FANN_BENCH:-$top/build/release/bench/fann_bench}" "${job[@]}" "${fast[@]}" ;;
    fanni)
        one "${FANN_BENCH:-$top/build/release/bench/fann_bench}" "${job[@]}" "${fast[@]}" \
            --variant incremental
        ;;
    *) echo "compare.sh: unknown bench $1" >&2 ;;
    esac
}

exec 9>"${BENCH_LOCK:-${TMPDIR:-/tmp}/clgrad-bench.lock}"
flock 9
IFS=';' read -ra extra <<<"${EXTRA:-}"
for ((round = 0; round < ${ROUNDS:-5}; round++)); do
    for name in "$@"; do
        bench "$name"
    done
    for entry in ${extra[@]+"${extra[@]}"}; do
        read -ra words <<<"${entry#*=}"
        one "${words[@]}" "${job[@]}" "${fast[@]}"
    done
done
