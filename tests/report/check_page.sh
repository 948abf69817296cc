#!/usr/bin/env bash
# The pages of a run and of a comparison in headless Chromium: at the width of a phone and of a desk
# nothing is wider than the window, every picture decodes, no rule of the page's policy is broken, and
# the page is drawn in light and in dark.
#
#   check_page.sh CLGRAD
set -euo pipefail
export LC_ALL=C
program=$1
browser=$(command -v chromium || command -v chromium-browser || true)
if [ -z "$browser" ]; then
    echo "chromium is not installed"
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# 60 pictures of 8x8 in three classes, one with a name that would spread
printf '\0\0\10\3\0\0\0\74\0\0\0\10\0\0\0\10' >x
for ((i = 0; i < 60; i++)); do
    printf '%064d' "$((i % 3 * 1111111 + i))" | tr '0-9' '\001-\366'
done >>x
printf '\0\0\10\1\0\0\0\74' >y
for ((i = 0; i < 20; i++)); do printf '\0\1\2'; done >>y
train() { "$program" train --device ref --train x,y --layers 6,5 --epochs 12 -q "$@" >/dev/null; }
train --out a-run-with-a-rather-long-name-that-has-no-place-to-break --val-split 0.2
train --out b --lr 0.05
cat >b/profile.json <<'END'
{"roofs": {"compute": [{"name": "fma float8", "gflops": 180}], "memory": [{"name": "memory", "gbps":
14}]}, "kernels": [{"name": "grad", "calls": 9, "ms": 4, "gflops": 61, "gbps": 6.2,
"flop_per_byte": 9.8}, {"name": "update", "ms": 1, "gflops": 2, "flop_per_byte": 0.26}]}
END
echo '{"ok": true, "cases": 121, "worst": 0.99}' >b/verify.json
"$program" report b -q >/dev/null
"$program" report a-run* b --out both.html -q >/dev/null
mv a-run*/report.html one.html
mv b/report.html two.html

chromium() {
    timeout 100 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage \
        --hide-scrollbars --user-data-dir="$folder/profile" "$@" 2>"$folder/log"
}

# a frame of each width round each page; what it finds stands in the text of the page round it
{
    echo '<pre id="found"></pre>'
    for page in one two both; do
        for width in 360 400 1060; do
            echo "<iframe src=\"$page.html\" width=\"$width\" height=\"800\"></iframe>"
        done
    done
    cat <<'END'
<script>
addEventListener("load", function () {
    for (const frame of document.querySelectorAll("iframe")) {
        const page = frame.contentDocument, root = page.documentElement;
        const broken = [...page.images].filter(i => !i.complete || !i.naturalWidth).length;
        found.textContent += "page " + frame.getAttribute("src") + " " + frame.width + ": wide "
            + (root.scrollWidth > root.clientWidth) + ", broken " + broken + ", sections "
            + page.querySelectorAll("section h2").length + "\n";
    }
});
</script>
END
} >look.html
chromium --allow-file-access-from-files --virtual-time-budget=4000 --dump-dom \
    "file://$folder/look.html" >dom
grep '^page\|>page' dom
[ "$(grep -c 'page .*: wide false, broken 0, sections [1-9]' dom)" = 9 ]

for scheme in 0 1; do
    chromium --blink-settings=preferredColorScheme=$scheme --window-size=400,900 \
        --screenshot="$folder/$scheme.png" "file://$folder/one.html" >/dev/null
    [ "$(stat -c %s $scheme.png)" -gt 10000 ]
done
if cmp -s 0.png 1.png; then
    echo "light and dark look the same"
    exit 1
fi
if grep -i 'content security policy\|refused to' "$folder/log"; then
    echo "the page's own policy is broken"
    exit 1
fi
