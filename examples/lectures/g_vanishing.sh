#!/bin/sh
# Vanishing gradients: ten layers of sigmoid units against ten of ReLU, the norm of each layer's
# weight gradient at the end of the first epoch, from metrics.jsonl.  A sigmoid's slope is at
# most 1/4, so each layer on the way back takes its share; ReLU's slope is 1 where the unit is
# on.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/common.sh"

held=$(pick 50000 59000)
layers=100,100,100,100,100,100,100,100,100

# norms RUN: a number a layer.
norms() {
    sed -n 's/.*"gradient_norm": *\[\([^]]*\)\].*/\1/p' "$out/$1/metrics.jsonl" | head -n 1 |
        tr -d ' ' | tr ',' ' '
}

for act in sigmoid relu; do
    train "vanishing-$act" --train mnist --val-split "$held" --layers $layers --act $act \
        --opt sgd --lr 0.01 --batch 100 --epochs 1
done
echo "layer    sigmoid       relu"
printf '%s\n%s\n' "$(norms vanishing-sigmoid)" "$(norms vanishing-relu)" | awk '
    { for (i = 1; i <= NF; i++) norm[NR, i] = $i; layers = NF }
    END { for (i = 1; i <= layers; i++) printf "%5d %10.2e %10.2e\n", i, norm[1, i], norm[2, i] }'
# share RUN: first layer's norm in parts of the last's.
share() {
    norms "$1" | awk 'NF == 10 { printf "%.3e", $1 / $NF }'
}
must "sigmoid, first layer's part of the last's" "$(share vanishing-sigmoid)" "<=" 1e-4
must "relu, first layer's part of the last's" "$(share vanishing-relu)" ">=" 0.1
