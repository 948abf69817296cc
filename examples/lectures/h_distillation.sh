#!/bin/sh
# Distillation (Hinton, Vinyals, Dean, 2015): a small network learns from 5,000 labelled images
# alone, and again with a larger teacher's softened answers to the same images.  The teacher has
# seen all of the training part; the test part is new to all three.
# shellcheck disable=SC1091,SC2154,SC2086
. "$(dirname "$0")/common.sh"

train teacher --train mnist --layers 400 --dropout 0.3 --batch 100 --epochs "$(pick 10 1)"
teacher=$(figure accuracy teacher mnist)
echo "teacher, 784-400-10: test accuracy $(percent "$teacher")"

alone=0 taught=0
for seed in 1 2 3; do
    student="--train $(pick_rows "mnist --val-split 55000" 2000) --layers 30 --batch 50
        --epochs $(pick 40 20) --seed $seed"
    train alone-$seed $student
    train taught-$seed $student --teacher "$out/teacher/last.safetensors" --temperature 4 \
        --distill-weight 0.9
    a=$(figure accuracy alone-$seed mnist)
    t=$(figure accuracy taught-$seed mnist)
    echo "student, 784-30-10, seed $seed: alone $(percent "$a"), taught $(percent "$t")"
    alone=$(awk -v s=$alone -v x="$a" 'BEGIN { print s + x / 3 }')
    taught=$(awk -v s=$taught -v x="$t" 'BEGIN { print s + x / 3 }')
done
must "mean test accuracy of the taught student" "$taught" ">" "$alone"
