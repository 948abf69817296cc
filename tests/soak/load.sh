#!/usr/bin/env bash
# load.sh CLGRAD [MINUTES]: trains on the best OpenCL device for so long with a save a second, and
# prints one line: whether memory and open files stayed as they were after the first tenth, and what
# verify says of the model at the end.
set -euo pipefail
clgrad=$1
minutes=${2:-60}
work=$(mktemp -d)
pid=
trap '[[ -z $pid ]] || kill "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT

"$clgrad" train --train fashion-mnist --layers 64 --batch 128 --epochs 1000000 --save-every 1s \
    --progress none --out "$work/run" >/dev/null 2>"$work/errors" &
pid=$!

# rss KiB, descriptors; those of a save under way, which is over in a moment, are none that stay
look() {
    local fewest=1000000 count
    awk '/^VmRSS/ { print $2 }' "/proc/$pid/status"
    for ((k = 0; k < 10; k++)); do
        count=$(find "/proc/$pid/fd" -mindepth 1 | wc -l)
        ((count >= fewest)) || fewest=$count
        sleep 0.05
    done
    echo "$fewest"
}

# from the first save on every kernel is there
until [[ -s $work/run/last.safetensors ]]; do
    kill -0 "$pid" || exit 1
    sleep 1
done
sleep $((minutes * 6)) # a tenth
read -r -d '' rss files < <(look && printf '\0')
most=$rss
for ((i = 0; i < minutes * 9; i++)); do
    sleep 6
    read -r -d '' now open < <(look && printf '\0')
    ((now <= most)) || most=$now
    [[ $open == "$files" ]] || files="$files, later $open"
done
kill -INT "$pid"
code=0
wait "$pid" || code=$?
"$clgrad" verify --model "$work/run/last.safetensors" --data fashion-mnist >"$work/verify" ||
    code=1
awk -v m="$minutes" -v a="$rss" -v b="$most" -v f="$files" -v c="$code" -v v="$(tail -n 1 "$work/verify")" \
    'BEGIN { grown = 100 * (b - a) / a
             printf "load: %d minutes, memory %.1f MiB, grown by %.2f %%; %s files open; exit %d; %s\n",
                    m, b / 1024, grown, f, c, v
             exit !(grown <= 1 && c == 130 && f !~ /,/) }'
