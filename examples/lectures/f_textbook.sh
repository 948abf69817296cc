#!/bin/sh
# The textbook classifiers on MNIST: pixels in -1..1, the last 5,000 rows of the shuffle held back.
# shellcheck disable=SC1091,SC2154,SC2086
. "$(dirname "$0")/common.sh"

held=$(pick 5000 50000)
data="--train mnist --val-split $held --normalize range:-1:1 --batch 100"

# Sigmoid units and cross-entropy.  The gradient is summed over the batch, and each update adds
# 0.01 w to it: w <- w - 0.0005 (sum of gradients + 0.01 w).
train textbook $data --layers 100:sigmoid --output-act sigmoid --loss bce --reduction sum \
    --opt sgd --lr 0.0005 --l2 0.01 --epochs "$(pick 200 20)"
must "784-100-10 sigmoid, cross-entropy: test accuracy" "$(figure accuracy textbook mnist)" \
    ">=" "$(pick 0.973 0.88)"

# The same with squared error, whose delta carries the sigmoid's slope.
train textbook-mse $data --layers 30:sigmoid --output-act sigmoid --loss mse --reduction sum \
    --opt sgd --lr "$(pick 0.002 0.005)" --epochs "$(pick 30 10)"
must "784-30-10 sigmoid, squared error: test accuracy" "$(figure accuracy textbook-mse mnist)" \
    ">=" "$(pick 0.93 0.80)"

# Ten separate perceptrons, each "this digit or not".  Where several fire, or none, the first of
# them is taken: a count of errors that is hard on them.
train perceptrons $data --loss perceptron --output-act step --reduction sum \
    --opt sgd --lr 0.0005 --epochs "$(pick 30 10)"
must "ten perceptrons: test accuracy" "$(figure accuracy perceptrons mnist)" ">=" \
    "$(pick 0.70 0.60)"
