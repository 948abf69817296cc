#!/bin/sh
# The perceptron rule on two species of Iris that a line separates, and one detector a species
# for all three.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/common.sh"

# Batch 1, so that every mistake moves the line at once: w <- w - 0.01 (y - d) x.
train iris-rule --train iris --columns sepal_length,petal_length --classes setosa,versicolor \
    --loss perceptron --output-act step --init zero --normalize none \
    --opt sgd --lr 0.01 --batch 1 --epochs 10
accuracy=$(figure accuracy iris-rule iris)
errors=$(awk -v a="$accuracy" 'BEGIN { printf "%.0f", 100 * (1 - a) }')
echo "weights and bias of the line:"
"$clgrad" export --model "$out/iris-rule/last.safetensors" --to npy \
    --out "$out/iris-rule/weights" >"$out/log" 2>&1
od -An -tf4 -j128 "$out/iris-rule/weights/layers.0.weight.npy"
od -An -tf4 -j128 "$out/iris-rule/weights/layers.0.bias.npy"
must "setosa against versicolor, wrong of 100 after 10 epochs" "$errors" "<=" 0

# Three sigmoid units, each trained on "mine or not"; the largest answer names the species.
train iris-one-vs-rest --train iris --one-vs-rest --loss bce --lr 0.05 --batch 10 --epochs 100
must "one-vs-rest, accuracy over three species" \
    "$(figure accuracy iris-one-vs-rest iris)" ">=" 0.95
