#!/bin/sh
# Greedy layer-wise pre-training as a recipe on the command line (Bengio and others, Greedy
# layer-wise training of deep networks, 2006; with dropped inputs, Vincent and others, Extracting
# and composing robust features with denoising autoencoders, 2008).  Each hidden layer first
# learns to keep what the images hold, one after the other; the classifier starts from them.  It
# pays where labels are few, here 300, and images many.
# shellcheck disable=SC1091,SC2154,SC2086
. "$(dirname "$0")/common.sh"

images="--train $(pick_rows mnist 10000) --target input --act sigmoid --output-act sigmoid
    --loss bce --dropout-input 0.3 --batch 100 --epochs $(pick 10 6)"
labels="--train $(pick_rows "mnist --val-split 59700" 300) --act sigmoid --batch 50 --epochs 30"

# The first layer, 784-256-784: its targets are its inputs, of which it sees 70 %.
train pretrain-1 $images --layers 256
# A layer on top: --init-from takes the layers whose shape is the same, and --freeze holds them.
train pretrain-2 $images --layers 256,128 --freeze 0 \
    --init-from "$out/pretrain-1/last.safetensors"
train pretrain-3 $images --layers 256,128,64 --freeze 0,1 \
    --init-from "$out/pretrain-2/last.safetensors"
# The classifier: three hidden layers taken over, a new output layer, and everything learns.
train pretrained $labels --layers 256,128,64 --init-from "$out/pretrain-3/last.safetensors"
# The same from random weights.
train from-nothing $labels --layers 256,128,64

nothing=$(figure accuracy from-nothing mnist)
pretrained=$(figure accuracy pretrained mnist)
echo "300 labels, from random weights: test accuracy $(percent "$nothing")"
must "300 labels, after pre-training: test accuracy" "$pretrained" ">" "$nothing"
