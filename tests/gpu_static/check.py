#!/usr/bin/env python3
"""Compiles the forms for devices with local memory of their own for NVIDIA and AMD GPUs and judges
what tools/gpu-static counts: nothing in private memory, room for two work-groups on a
multiprocessor, and in the largest tile enough fma.  Proves on a planted kernel that it would
notice.

    check.py TOOLS/gpu-static KERNEL_SOURCE KERNEL_TILES [--full]

KERNEL_SOURCE prints a program, KERNEL_TILES the macros of the tiles.  Prints every row counted;
--full takes every set of macros with every tile, which is minutes.  77 where the compilers are
missing."""
import re
import subprocess
import sys
import tempfile

REGISTERS = 32768      # of a work-group: half of a multiprocessor's
LOCAL_BYTES = 24 * 1024
FMA_PERCENT = 60       # of all instructions, with the largest tile
FMA_TARGET = "sm_90"
TARGETS = "sm_75,sm_90,gfx906,gfx1030"
GROUP = 128            # work-items, CLG_TILE_ITEMS and those of local_head.cl

LEARN = "-DOPT=%d -DHAS_MOMENTUM=%d -DSCORED=1 -DPERMUTED=1 -DBYTES=1 -DTARGET_KIND=1"
HEAD = "-DLOSS=%d -DACT_KIND=%d -DTARGET=%d -DWEIGHTED=%d -DOUTPUTS=%d -DDELTA=%d -DFRONT_KIND=%d"

# Program, macros, kernels that come of it, and whether a short run takes it.
TILED = [
    ("matmul", "-DFORM_LOCAL", 3, True),
    ("local_dense", "-DFORWARD -DACT_KIND=0", 1, False),
    ("local_dense", "-DFORWARD -DACT_KIND=1", 1, False),
    ("local_dense", "-DFORWARD -DACT_KIND=2", 1, False),
    ("local_dense", "-DFORWARD -DACT_KIND=3", 1, True),
    ("local_dense", "-DFORWARD -DACT_KIND=7 -DACT_A_BITS=1065353216", 1, False),
    ("local_dense", "-DFORWARD -DACT_KIND=8", 1, True),
    ("local_dense", "-DFORWARD -DACT_KIND=9", 1, False),
    ("local_dense", "-DFORWARD -DACT_KIND=10", 1, False),
    ("local_dense", "-DACT_KIND=0", 1, False),
    ("local_dense", "-DACT_KIND=1", 1, False),
    ("local_dense", "-DACT_KIND=2", 1, False),
    ("local_dense", "-DACT_KIND=3", 1, True),
    ("local_dense", "-DACT_KIND=7 -DACT_A_BITS=1065353216", 1, False),
    ("local_dense", "-DACT_KIND=8", 1, True),
    ("local_dense", "-DACT_KIND=9", 1, False),
    ("local_dense", "-DACT_KIND=10", 1, False),
    ("local_learn", LEARN % (0, 0), 1, True),
    ("local_learn", LEARN % (1, 0), 1, False),
    ("local_learn", LEARN % (2, 0), 1, False),
    ("local_learn", LEARN % (3, 0), 1, False),
    ("local_learn", LEARN % (4, 0), 1, False),
    ("local_learn", LEARN % (5, 0), 1, False),
    ("local_learn", LEARN % (5, 1), 1, False),
    ("local_learn", LEARN % (6, 0), 1, False),
    ("local_learn", LEARN % (7, 0), 1, True),
]
UNTILED = [
    ("local_head", HEAD % (0, 4, 0, 0, 10, 1, 3), 1, True),
    ("local_head", HEAD % (0, 4, 0, 1, 16, 1, 8), 1, False),
    ("local_head", HEAD % (2, 1, 1, 0, 1, 0, 0), 1, False),
]

# Layers of 4-16-3 and of 20-9-10, whose parameters take the largest group.  There is only one group,
# which may have all registers.
SPAN = ("-DGROUP=256 -DLAYERS=2 -DBATCH=%d -DHAS_MOMENTUM=0 -DWHOLE=0 -DTARGET=0 -DLOSS=0 -DL2=%d"
        " -DS0=%d -DS1=%d -DS2=%d -DACT1=%d -DA1=0 -DACT2=4 -DA2=0 -DW1_AT=0 -DW1_LD=16"
        " -DW2_AT=512 -DW2_LD=48 -DB1_AT=1600 -DB2_AT=1616 -DOPT=%d -DBYTES=%d -DPERMUTED=%d")
UNTILED += [
    ("resident_group", SPAN % (16, 0, 4, 16, 3, 3, 0, 0, 1), 1, True),
    ("resident_group", SPAN % (33, 1, 20, 9, 10, 8, 6, 1, 0), 1, False),
]

ROW = re.compile(r"(sm_\d+|gfx\d+)\s+(\w+)\s+(\d+)\s+(\d+)\s+(\d+)\s+"
                 r"(?:(\d+) instructions: (\d+) fma|(-))")


def count(tool, source, macros, targets=TARGETS):
    """(text, rows): target, kernel, registers, local bytes, spilled bytes, instructions, fma."""
    with tempfile.NamedTemporaryFile("w", suffix=".cl") as file:
        file.write(source)
        file.flush()
        r = subprocess.run([sys.executable, tool, "--targets", targets, *macros.split(), file.name],
                           capture_output=True, text=True)
    rows = [(m[1], m[2], int(m[3]), int(m[4]), int(m[5]), int(m[6] or 0), int(m[7] or 0))
            for m in ROW.finditer(r.stdout)]
    return r.returncode, r.stdout + r.stderr, rows


def faults(row, percent, group=GROUP, most=REGISTERS):
    """What is wrong with one row counted; percent 0: any share of fma is good."""
    target, _, registers, local, spilled, instructions, fma = row
    found = []
    if spilled:
        found.append("%d bytes of private memory" % spilled)
    if target.startswith("sm_") and registers * group > most:
        found.append("%d registers for each of %d work-items" % (registers, group))
    if local > LOCAL_BYTES:
        found.append("%d bytes of local memory" % local)
    if target == FMA_TARGET and percent and 100 * fma < percent * instructions:
        found.append("%d fma of %d instructions, wanted %d %%" % (fma, instructions, percent))
    return found


def check(tool, source, macros, kernels, percent):
    """How many rows are bad."""
    status, text, rows = count(tool, source, macros)
    if status == 77:
        print(text.strip())
        sys.exit(77)
    targets = TARGETS.split(",")
    if len(rows) != kernels * len(targets):
        print("FAILED: %s: %d kernels counted, wanted %d\n%s"
              % (macros, len(rows), kernels * len(targets), text))
        return 1
    own = re.search(r"-DGROUP=(\d+)", macros)
    sizes = (int(own[1]), 2 * REGISTERS) if own else (GROUP, REGISTERS)
    bad = 0
    for row in rows:
        if row[0] == FMA_TARGET and not row[5]:
            print("nvdisasm is not installed (tools/gpu-static): instructions cannot be counted")
            sys.exit(77)
        print("%-7s %-9s %4d registers %6d B local %5d instructions %4.1f %% fma  %s"
              % (row[0], row[1], row[2], row[3], row[5], 100 * row[6] / max(row[5], 1), macros))
        for fault in faults(row, percent, *sizes):
            print("FAILED: %s on %s, %s: %s" % (row[1], row[0], macros, fault))
            bad += 1
    return bad


def check_planted(tool):
    """A kernel with two faults: a private array, and hardly any fma."""
    planted = ("kernel void planted(global float *x, int i) { volatile float own[64]; "
               "own[i] = x[0]; x[1] = own[i + 1]; }")
    _, _, rows = count(tool, planted, "", FMA_TARGET)
    found = faults(rows[0], FMA_PERCENT) if rows else []
    if len(found) != 2:
        print("FAILED: of the planted faults only these were noticed: %s" % found)
        return 1
    return 0


def main():
    tool, source_program, tiles_program = sys.argv[1:4]
    full = "--full" in sys.argv[4:]

    def output(*command):
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    tiles = output(tiles_program).split("\n")[:-1]
    sources = {name: output(source_program, name)
               for name in {row[0] for row in TILED + UNTILED}}
    bad, sets = 0, 0
    for name, macros, kernels, short in TILED:
        for number, tile in enumerate(tiles):
            if full or short and (number == 0 or name == "matmul"):
                bad += check(tool, sources[name], macros + " " + tile, kernels,
                             0 if number else FMA_PERCENT)
                sets += 1
    for name, macros, kernels, short in UNTILED:
        if full or short:
            bad += check(tool, sources[name], macros, kernels, 0)
            sets += 1
    bad += check_planted(tool)
    print("%d sets of macros compiled for %s, %d faults" % (sets, TARGETS, bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
