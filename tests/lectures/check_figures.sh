#!/bin/sh
# Compares the figures that a program prints, lines "label: value ...", with those in a file of
# lines "label|bound on the reference|bound on a device|value ...".  Every label of the file must
# be printed, with as many numbers; one that is NaN or Inf is no number.  Without a device: 77.
#   check_figures.sh FILE ref|auto PROGRAM
set -eu
file=$1 device=$2 program=$3
code=0
figures=$("$program" --device "$device") || code=$?
[ "$code" -ne 5 ] || exit 77
[ "$code" -eq 0 ] || { echo "$program: exit code $code"; exit 1; }
printf '%s\n' "$figures" | awk -v file="$file" -v device="$device" '
    BEGIN {
        while ((getline line < file) > 0) {
            if (line ~ /^#/)
                continue
            if (split(line, part, "|") != 4)
                fail(line ": not of the form label|bound|bound|values")
            bound[part[1]] = part[device == "ref" ? 2 : 3]
            want[part[1]] = part[4]
            rows++
        }
        if (!rows)
            fail(file ": no figures")
    }
    function fail(why) {
        print why
        bad = 1
    }
    {
        at = index($0, ": ")
        label = substr($0, 1, at - 1)
        if (!at || !(label in want))
            next
        seen[label] = 1
        if (bound[label] == "-")
            next
        count = split(substr($0, at + 2), got, " ")
        if (count != split(want[label], value, " "))
            fail(label ": " count " numbers, expected " want[label])
        for (i = 1; i <= count; i++) {
            off = got[i] - value[i]
            if (got[i] !~ /^-?[0-9]+(\.[0-9]+)?$/ || off > bound[label] || off < -bound[label])
                fail(label ": " got[i] " instead of " value[i] ", bound " bound[label])
            else
                compared++
        }
    }
    END {
        for (label in want)
            if (!(label in seen))
                fail(label ": not printed")
        if (!compared)
            fail("nothing was compared")
        print compared " figures compared on " device
        exit bad
    }'
