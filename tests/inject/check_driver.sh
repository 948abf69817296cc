#!/bin/sh
# A driver that aborts when it is probed, beside those of the system: the program says so, goes on
# with the next, and does not load it again; one that hangs is left out too, and asked anew.
#
#   check_driver.sh CLGRAD BROKEN_DRIVER.so
set -eu
clgrad=$1
broken=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() {
    echo "check_driver: $1" >&2
    exit 1
}
vendors=${OCL_ICD_VENDORS:-/etc/OpenCL/vendors}
[ -d "$vendors" ] || exit 77
"$clgrad" devices >/dev/null 2>&1 || exit 77
mkdir "$folder/vendors" "$folder/cache"
cp "$vendors"/*.icd "$folder/vendors/" || exit 77
echo "$broken" >"$folder/vendors/aaa.icd"
export OCL_ICD_VENDORS="$folder/vendors" CLGRAD_CACHE="$folder/cache"
export BROKEN_DRIVER_MARK="$folder/mark" TMPDIR="$folder"
marks() { wc -c <"$folder/mark" | tr -d ' '; }

for time in 1 2; do
    "$clgrad" devices --json >"$folder/out" 2>"$folder/err" || fail "devices: $(cat "$folder/err")"
    grep -q 'aaa.icd: broken' "$folder/err" || fail "time $time said: $(cat "$folder/err")"
    grep -q '"0:0"' "$folder/out" || fail "no other device was found"
    [ "$(marks)" = 1 ] || fail "time $time: loaded $(marks) times"
done
"$clgrad" train --train xor --steps 2 --out "$folder/run" --progress none 2>"$folder/err" ||
    fail "train: $(cat "$folder/err")"
[ "$(marks)" = 1 ] || fail "train loaded it again"
"$clgrad" train --train xor --steps 2 --out "$folder/run" --progress none --device ref \
    2>"$folder/err" || fail "train on ref: $(cat "$folder/err")"
if grep -q aaa.icd "$folder/err"; then
    fail "the reference asked for drivers"
fi
echo >>"$folder/vendors/aaa.icd" # another version
BROKEN_DRIVER_HANGS=1 CLGRAD_TIMEOUT=1 "$clgrad" devices >/dev/null 2>"$folder/err" ||
    fail "devices beside a driver that hangs: $(cat "$folder/err")"
grep -q 'aaa.icd: broken, it hangs' "$folder/err" || fail "a hang gave: $(cat "$folder/err")"
if ls -d "$folder"/clgrad-drivers.* >/dev/null 2>&1; then
    fail "a folder of drivers stayed"
fi
if [ "$(id -u)" = 0 ]; then
    mkdir "$folder/foreign"
    chown 65534 "$folder/foreign"
    CLGRAD_CACHE="$folder/foreign" "$clgrad" devices >/dev/null 2>&1 ||
        fail "devices with another user's cache"
    [ -z "$(ls -A "$folder/foreign")" ] || fail "kept in another user's folder: $(ls -A "$folder/foreign")"
fi
echo "died once, was loaded once, and others were used"
