#!/bin/sh
# Builds the libFuzzer programs with clang and runs each for so many seconds on the corpus and what it
# finds: fuzz.sh BUILD SECONDS [NAME...].  One line a loader; 1 where a sanitizer had a finding, whose
# file then lies in BUILD.
set -eu
source=$(cd "$(dirname "$0")/../.." && pwd)
build=$1
seconds=$2
shift 2
[ $# -gt 0 ] || set -- idx gz npy csv libsvm safetensors config cache tuning
command -v clang >/dev/null || {
    echo "fuzz: clang is missing" >&2
    exit 77
}
cmake -S "$source" -B "$build" -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=RelWithDebInfo \
    -DCLGRAD_TESTS=ON -DCLGRAD_SANITIZE=fuzzer-no-link,address,undefined -DCLGRAD_FUZZ=ON >/dev/null
cmake --build "$build" --target fuzzers --parallel "$(nproc)" >/dev/null
failed=0
for name; do
    mkdir -p "$build/found/$name"
    log=$build/fuzz_$name.txt
    if (cd "$build" && tests/fuzz/fuzz_$name -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 \
        -max_len=65536 -print_final_stats=1 "found/$name" "$source/tests/fuzz/corpus/$name") \
        >"$log" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        cover=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
        echo "fuzz $name: $runs files in $seconds s, $cover edges, no finding"
    else
        failed=1
        echo "fuzz $name FAILED: see $log"
    fi
done
exit $failed
