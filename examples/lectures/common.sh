# shellcheck shell=sh disable=SC2059
# What the scripts of the lectures share; read by them, not run.  Options: --device D (auto),
# --out DIR for the runs (runs/lectures), --short for a form that takes seconds.  CLGRAD names
# the program where it is not in the PATH.
set -eu
export LC_ALL=C
clgrad=${CLGRAD:-clgrad} device=auto out=runs/lectures short=no
while [ $# -gt 0 ]; do
    case $1 in
    --short) short=yes ;;
    --device | --out)
        [ $# -gt 1 ] || { echo "$0: $1 needs a value" >&2; exit 2; }
        if [ "$1" = --device ]; then device=$2; else out=$2; fi
        shift
        ;;
    *)
        echo "usage: $0 [--device D] [--out DIR] [--short]" >&2
        exit 2
        ;;
    esac
    shift
done
mkdir -p "$out"

# pick FULL SHORT: the setting of this form.
pick() {
    if [ $short = yes ]; then echo "$2"; else echo "$1"; fi
}

# train RUN OPTION...: trains $out/RUN without a word.
train() {
    run=$1
    shift
    "$clgrad" train --device "$device" --progress none -q --out "$out/$run" "$@" \
        >"$out/log" 2>&1 || {
        cat "$out/log" >&2
        echo "$0: the run $run failed" >&2
        exit 1
    }
}

# figure NAME RUN DATA: a number of eval's, for the model of a run.
figure() {
    value=$("$clgrad" eval --device "$device" -q --json --model "$out/$2/last.safetensors" \
        --data "$3" | tr -d '\n' | sed -n "s/.*\"$1\": *\([0-9.eE+-]*\).*/\1/p")
    [ -n "$value" ] || { echo "$0: eval gave no $1 for $2" >&2; exit 1; }
    echo "$value"
}

# percent FRACTION
percent() {
    awk -v x="$1" 'BEGIN { printf "%.2f %%\n", 100 * x }'
}

# must LABEL VALUE ">="|"<="|">" BAR: prints the label with both, and ends the script where it
# does not hold.
must() {
    awk -v label="$1" -v x="$2" -v op="$3" -v bar="$4" 'BEGIN {
        off = x - bar
        good = op == "<=" ? off <= 0 : op == ">" ? off > 0 : off >= 0
        good = good && x ~ /^-?[0-9.]+([eE][-+]?[0-9]+)?$/
        printf "%s: %s, asked for %s %s%s\n", label, x, op, bar, good ? "" : ": MISSED"
        exit !good
    }' || exit 1
}

# mnist FILE: the bytes of one of MNIST's files.
mnist() {
    folder=${CLGRAD_DATA:-/usr/share/datasets}/mnist
    if [ -f "$folder/$1" ]; then
        cat "$folder/$1"
    elif [ -f "$folder/$1.gz" ]; then
        gzip -dc "$folder/$1.gz"
    else
        echo "$0: MNIST's $1 is not in $folder: set CLGRAD_DATA to the folder of mnist/" >&2
        exit 1
    fi
}

# first_images N FILE: the first N images as an IDX file.
first_images() {
    {
        printf "$(awk -v n="$1" 'BEGIN {
            printf "\\000\\000\\010\\003\\000\\000\\%03o\\%03o", n / 256, n % 256
            printf "\\000\\000\\000\\034\\000\\000\\000\\034" }')"
        mnist "$2" | tail -c +17 | head -c $((784 * $1))
    }
}

# first_labels N FILE: their classes.
first_labels() {
    printf "$(awk -v n="$1" 'BEGIN {
        printf "\\000\\000\\010\\001\\000\\000\\%03o\\%03o", n / 256, n % 256 }')"
    mnist "$2" | tail -c +9 | head -c "$1"
}

# pick_rows FULL N: the data of this form; in the short one the first N rows of MNIST's training
# part alone, since it has no time to validate on the rest after each epoch.
pick_rows() {
    if [ $short = yes ]; then
        first_images "$2" train-images-idx3-ubyte >"$out/images-$2"
        first_labels "$2" train-labels-idx1-ubyte >"$out/labels-$2"
        echo "$out/images-$2,$out/labels-$2"
    else
        echo "$1"
    fi
}
