#!/bin/sh
# check.sh SOURCE FOLDER SANITIZERS [TEST...]: builds host code under the sanitizers in FOLDER and
# runs the tests
# named, or, where none is, all that need no device.  Reports of the OpenCL drivers and their
# compilers, which
# are not built so, are suppressed by name in tsan.txt.  77 where the compiler has no such runtime.
set -eu
export LC_ALL=C.UTF-8
source=$1 folder=$2 sanitizers=$3
shift 3
mkdir -p "$folder"
echo 'int main(void) { return 0; }' >"$folder/probe.c"
"${CC:-cc}" -fsanitize="$sanitizers" "$folder/probe.c" -o "$folder/probe" 2>/dev/null &&
    "$folder/probe" || { echo "no runtime for -fsanitize=$sanitizers"; exit 77; }
cmake -S "$source" -B "$folder/build" -DCMAKE_BUILD_TYPE=Debug -DCLGRAD_WERROR=ON \
    -DCLGRAD_TESTS=ON -DCLGRAD_SANITIZE="$sanitizers" >"$folder/build.txt"
if [ $# -gt 0 ]; then
    cmake --build "$folder/build" --parallel 2 --target "$@" >>"$folder/build.txt"
    chosen="^($(echo "$*" | tr ' ' '|'))\$"
else
    cmake --build "$folder/build" --parallel 2 >>"$folder/build.txt"
    chosen='^(test_host|test_cli)'
fi
export TSAN_OPTIONS="suppressions=$source/tests/sanitizers/tsan.txt exitcode=66"
export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
ctest --test-dir "$folder/build" --output-on-failure --no-tests=error --parallel 2 -R "$chosen" \
    -E 'test_cli_(terminal|profile)'
