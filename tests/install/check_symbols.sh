#!/usr/bin/env bash
# The dynamic symbols that the library exports are those of the list, no more and no fewer: a name
# that goes breaks programs, one that slips out becomes a promise.
#
#   check_symbols.sh LIBRARY LIST
set -euo pipefail
export LC_ALL=C
exported=$(nm -D --defined-only "$1" | awk '{ print $NF }' | sort)
if ! diff <(sort "$2") - <<<"$exported"; then
    echo "$1 exports other symbols than $2 (< the list, > the library)"
    exit 1
fi
if grep -v '^clg_' <<<"$exported"; then
    echo "$1 exports symbols without the prefix clg_"
    exit 1
fi
