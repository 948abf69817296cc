#!/bin/sh
# A network that is large enough learns anything by heart: the first 2,000 images of MNIST with
# their labels shuffled, so that there is nothing to learn about digits (Zhang and others,
# Understanding deep learning requires rethinking generalization, 2017).
# shellcheck disable=SC1091,SC2154,SC2059
. "$(dirname "$0")/common.sh"

rows=2000
first_images $rows train-images-idx3-ubyte >"$out/random-images"
# Fisher and Yates by a linear congruential generator: the same order with every awk.
labels=$(mnist train-labels-idx1-ubyte | tail -c +9 | head -c $rows | od -An -v -tu1 |
    tr -s ' ' '\n' | awk -v n=$rows 'NF { label[++count] = $1 }
        END {
            state = 12345
            for (i = count; i > 1; i--) {
                state = (state * 16807) % 2147483647
                j = 1 + state % i
                kept = label[i]; label[i] = label[j]; label[j] = kept
            }
            printf "\\000\\000\\010\\001\\000\\000\\%03o\\%03o", n / 256, n % 256
            for (i = 1; i <= count; i++)
                printf "\\%03o", label[i]
        }')
printf "$labels" >"$out/random-labels"

train random --train "$out/random-images,$out/random-labels" --layers 512 --batch 100 \
    --epochs "$(pick 100 60)"
must "$rows images with shuffled labels: training accuracy" \
    "$(figure accuracy random "$out/random-images,$out/random-labels")" ">=" 0.99
tested=$(figure accuracy random mnist)
echo "test accuracy of the same network, chance is 10 %: $(percent "$tested")"
