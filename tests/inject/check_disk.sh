#!/bin/sh
# The program on a disk that is really full, and in a folder that is really read-only: exit 4, the
# path named, and the checkpoint of the run before still whole.  In a mount namespace of its own, so
# that nothing outside is filled; 77 where the system gives none.
#
#   check_disk.sh CLGRAD
set -eu
clgrad=$1
if [ "${2-}" != inside ]; then
    unshare -rm true 2>/dev/null || unshare -m true 2>/dev/null || exit 77
    user=$(unshare -rm true 2>/dev/null && echo -r || true)
    exec unshare $user -m sh "$0" "$clgrad" inside
fi
mount -t tmpfs -o size=256k none /dev/shm 2>/dev/null || exit 77
run=/dev/shm/run
fail() {
    echo "check_disk: $1" >&2
    exit 1
}
# train NAME OPTION...: exit code in $code, the line in $line
train() {
    code=0
    line=$("$clgrad" train --train xor --device ref --layers 64 --opt adam --epochs 3 \
        --save-every 1 --progress none --out "$@" 2>&1 >/dev/null) || code=$?
}
train $run
[ "$code" = 0 ] || fail "the first run: $code: $line"
cp $run/last.safetensors /tmp/last.$$
trap 'rm -f /tmp/last.$$' EXIT
dd if=/dev/zero of=/dev/shm/filler bs=4k 2>/dev/null || true
train $run --seed 2
[ "$code" = 4 ] || fail "a full disk gave $code: $line"
case $line in *"$run"*"No space left on device"*) ;; *) fail "a full disk: $line" ;; esac
"$clgrad" eval --model $run/last.safetensors --data xor --device ref >/dev/null ||
    fail "the checkpoint is damaged after a full disk"
rm /dev/shm/filler
cp /tmp/last.$$ $run/last.safetensors
mount -o remount,ro /dev/shm
train $run --seed 3
[ "$code" = 4 ] || fail "a read-only folder gave $code: $line"
case $line in *"$run"*"Read-only file system"*) ;; *) fail "a read-only folder: $line" ;; esac
cmp $run/last.safetensors /tmp/last.$$ || fail "a read-only checkpoint changed"
echo "full: exit 4, read-only: exit 4, checkpoint whole"
