#!/bin/sh
# The short form of a lecture's script, which fails where one of its bars is missed.  77 without
# its data or without a device.
#   check_script.sh SCRIPT ref|auto PROGRAM FOLDER
set -eu
script=$1 device=$2 folder=$4
export CLGRAD="$3"
if grep -q mnist "$script" && [ ! -d "${CLGRAD_DATA:-}/mnist" ]; then
    echo "no MNIST: CLGRAD_DATA names no folder with mnist/"
    exit 77
fi
if [ "$device" != ref ] && ! "$CLGRAD" devices >/dev/null 2>&1; then
    echo "no OpenCL device"
    exit 77
fi
rm -rf "$folder"
mkdir -p "$folder"
code=0
sh "$script" --short --device "$device" --out "$folder" >"$folder/said" || code=$?
cat "$folder/said"
[ "$code" -eq 0 ] && grep -q 'asked for' "$folder/said"
