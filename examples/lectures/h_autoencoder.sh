#!/bin/sh
# An autoencoder of MNIST, 784-128-32-128-784: each image through 32 numbers and back.  The
# figure is the mean over test images of |y - x|^2 / 784, pixels in 0..1: the square of eval's
# rmse.
# shellcheck disable=SC1091,SC2154,SC2086
. "$(dirname "$0")/common.sh"

train autoencoder --train "$(pick_rows mnist 10000)" --target input --layers 128,32,128 \
    --output-act sigmoid --loss mse --batch 100 --epochs "$(pick 20 6)" --lr 0.001
rmse=$(figure rmse autoencoder mnist)
error=$(awk -v r="$rmse" 'BEGIN { printf "%.6f", r * r }')
must "squared error a pixel on the test images" "$error" "<=" "$(pick 0.012 0.035)"

first_images 100 t10k-images-idx3-ubyte >"$out/test-images"
"$clgrad" predict --device "$device" -q --model "$out/autoencoder/last.safetensors" \
    --data "$out/test-images" --out "$out/autoencoder/reconstructions.png"
echo "the first 100 test images, reconstructed: $out/autoencoder/reconstructions.png"
