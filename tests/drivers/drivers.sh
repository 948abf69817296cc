#!/bin/sh
# Proves the program on every OpenCL driver that this machine has and prints a table, in Markdown,
# of what came out: the full verification, a training in lockstep, and the test accuracy of a short
# training; where no device is named, Oclgrind too, which is a simulator: a quick verification of it.
# Installs nothing; the table of docs/drivers.md was made by it.  Left out: timing, which bench/ does,
# and ctest, which takes the best device alone.
#
#   drivers.sh CLGRAD [DEVICE...]      devices as `clgrad devices` numbers them; default: all
#
# Exit 1 where a device fails a check.  Environment: DRIVERS_VERIFY (--full or --quick), and the
# limit of each check in seconds, DRIVERS_LIMIT (default 1800).
set -eu
clgrad=${1:?usage: drivers.sh CLGRAD [DEVICE...]}
shift
verify=${DRIVERS_VERIFY:---full}
limit=${DRIVERS_LIMIT:-1800}
work=$(mktemp -d "${TMPDIR:-/tmp}/clgrad-drivers.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
failed=0
layer= # what the program is run under

# Mesa's driver shows the devices that this names; its software renderer is there on every machine.
export RUSTICL_ENABLE="${RUSTICL_ENABLE:-llvmpipe}"

# field NAME FILE: the first value of that name, without quotes.
field() {
    grep -o '"'"$1"'": *\("[^"]*"\|[^,}]*\)' "$2" | head -n 1 | sed 's/^"[^"]*": *//; s/"//g'
}

# One file an OpenCL device: $work/device.0, ...; prints how many.
list_devices() {
    "$clgrad" devices --json >"$work/devices" 2>/dev/null || [ -s "$work/devices" ]
    sed 's/}, {/}\n{/g' "$work/devices" | grep '"id": "[0-9]*:[0-9]*"' >"$work/lines" || :
    count=0
    while read -r line; do
        printf '%s\n' "$line" >"$work/device.$count"
        count=$((count + 1))
    done <"$work/lines"
    echo "$count"
}

is_wanted() {
    [ $# -gt 1 ] || return 0
    id=$1
    shift
    for one in "$@"; do
        [ "$one" != "$id" ] || return 0
    done
    return 1
}

# check NAME ARGUMENT...: runs clgrad, its standard output into $work/NAME; prints what it ended with.
check() {
    name=$1
    status=0
    shift
    timeout "$limit" $layer "$clgrad" "$@" >"$work/$name" 2>"$work/$name.log" || status=$?
    case $status in
    0) echo ok ;;
    1) echo MISMATCH ;;
    124) echo "none in $limit s" ;;
    *) echo "exit $status" ;;
    esac
}

# The accuracy after two epochs or, where 200 steps take more than 20 s, after these.
accuracy() {
    began=$(date +%s)
    steps=200
    verdict=$(check train train --device "$1" --train fashion-mnist --layers 128 --steps 200 \
        --progress none --out "$work/run")
    if [ "$verdict" = ok ] && [ $(($(date +%s) - began)) -le 20 ]; then
        rm -rf "$work/run"
        steps=1876
        verdict=$(check train train --device "$1" --train fashion-mnist --layers 128 --epochs 2 \
            --progress none --out "$work/run")
    fi
    [ "$verdict" != ok ] || verdict=$(check eval eval --device "$1" \
        --model "$work/run/last.safetensors" --data fashion-mnist --json)
    rm -rf "$work/run"
    if [ "$verdict" != ok ]; then
        echo "$verdict"
    else
        awk -v a="$(field accuracy "$work/eval")" -v n="$steps" \
            'BEGIN { printf "%.2f %% after %d steps\n", 100 * a, n }'
    fi
}

# One row of the table, from the device's line of `clgrad devices --json`.
row() {
    id=$(field id "$1")
    if [ "$(field usable "$1")" != true ]; then
        echo "| $(field platform "$1") $(field driver "$1") | $(field device "$1") | not usable:" \
            "$(field quirks "$1") | | | | | |"
        return
    fi
    echo "$id $(field device "$1")" >&2
    began=$(date +%s)
    verdict=$(check verify verify "$verify" --device "$id" --json)
    took=$(($(date +%s) - began))
    lockstep=$(check lockstep verify --device "$id" --train fashion-mnist --layers 128 --steps 10 \
        --json)
    trained=$(accuracy "$id")
    case "$verdict,$lockstep,$trained" in ok,ok,*steps) ;; *) failed=1 ;; esac
    [ "$verdict" = ok ] || verdict="$verdict: $(tail -n 1 "$work/verify.log" | tr '|' ' ')"
    [ "$lockstep" = ok ] || lockstep="$lockstep: $(tail -n 1 "$work/lockstep.log" | tr '|' ' ')"
    echo "| $(field platform "$1") $(field driver "$1") | $(field device "$1") | $verdict" \
        "| $(field cases "$work/verify") | $(printf %.3f "$(field worst "$work/verify")")" \
        "| $lockstep | $trained | $took |"
}

# Oclgrind hides the drivers, so it cannot be a row like the others.
row_oclgrind() {
    layer=oclgrind
    echo "Oclgrind" >&2
    began=$(date +%s)
    verdict=$(check verify verify --quick --no-cache --json)
    took=$(($(date +%s) - began))
    layer=
    [ "$verdict" = ok ] || failed=1
    [ "$verdict" = ok ] || verdict="$verdict: $(tail -n 1 "$work/verify.log" | tr '|' ' ')"
    echo "| $(field driver_version "$work/verify") | $(field name "$work/verify")" \
        "| $verdict (--quick) | $(field cases "$work/verify")" \
        "| $(printf %.3f "$(field worst "$work/verify")") | | | $took |"
}

count=$(list_devices)
[ "$count" -gt 0 ] || { echo "drivers: no OpenCL device" >&2; exit 5; }
echo "| driver | device | verify $verify | operations | worst error / bound | 10 steps in lockstep \
| Fashion-MNIST, test accuracy | seconds of verify |"
echo "|---|---|---|---|---|---|---|---|"
at=0
while [ "$at" -lt "$count" ]; do
    ! is_wanted "$(field id "$work/device.$at")" "$@" || row "$work/device.$at"
    at=$((at + 1))
done
[ $# -gt 0 ] || ! command -v oclgrind >/dev/null || row_oclgrind
exit $failed
