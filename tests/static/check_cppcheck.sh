#!/bin/sh
# cppcheck over the library and the program: check_cppcheck.sh SOURCE BUILD JOBS.  77 where the tool
# is missing.
# Results are kept in BUILD, so that only changed files are read again.
set -eu
export LC_ALL=C.UTF-8
source=$1 build=$2 jobs=$3
command -v cppcheck >/dev/null || { echo "cppcheck is not installed"; exit 77; }
cd "$source"
mkdir -p "$build/cppcheck"
cppcheck --quiet -j "$jobs" --std=c11 --enable=warning,performance,portability --error-exitcode=1 \
    --template='{file}:{line}: {id}: {message}' --cppcheck-build-dir="$build/cppcheck" \
    --suppressions-list=tests/static/cppcheck.txt -D__linux__ \
    '-Djson_object_foreach(object,key,value)=if (key = 0, value = 0, object)' \
    -I host -I include host
echo "cppcheck: no finding"
