#!/bin/sh
# clang-tidy over the library's files, one a process: check_tidy.sh SOURCE BUILD JOBS ROOM...  What
# is looked for is
# in .clang-tidy.  77 where the tool is missing.
set -eu
export LC_ALL=C.UTF-8
source=$1 build=$2 jobs=$3
shift 3
command -v clang-tidy >/dev/null || { echo "clang-tidy is not installed"; exit 77; }
cd "$source"
for room in "$@"; do
    ls host/"$room"/*.c
done >"$build/tidy-files.txt"
# The public header, the rooms and what pkg-config knows of: no database of a compiler's own options
# is needed.
flags='-std=c11 -Iinclude -Ihost -DCLG_HAS_CLBLAST=1 -DCLG_DATASETS_DIR="" -DCLI_LAYER_FOLDER=""'
# shellcheck disable=SC2086
if ! xargs -P "$jobs" -I '{}' clang-tidy --quiet '{}' -- $flags <"$build/tidy-files.txt" \
    >"$build/tidy.txt" 2>&1; then
    grep -E ' (error|warning): ' "$build/tidy.txt" | sort -u
    echo "clang-tidy: see $build/tidy.txt"
    exit 1
fi
echo "clang-tidy: $(wc -l <"$build/tidy-files.txt") files, no finding"
