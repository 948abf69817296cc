#!/usr/bin/env python3
"""Writes the corpus of the hostile-file tests again, small files of every kind that a loader tells
apart: make_corpus.py CLGRAD [FOLDER].  Model files come from the program, all others from here.
Files whose name begins with "bad" are to be refused."""
import gzip, json, os, struct, subprocess, sys, tempfile, zlib

clgrad = sys.argv[1]
root = sys.argv[2] if len(sys.argv) > 2 else os.path.join(os.path.dirname(__file__), "corpus")


def put(name, data):
    path = os.path.join(root, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data.encode() if isinstance(data, str) else data)


def idx(code, shape, body):
    return struct.pack(">BBBB", 0, 0, code, len(shape)) + struct.pack(">%dI" % len(shape), *shape) + body


def npy(header, body, version=1):
    text = header.encode()
    prefix = 10 if version == 1 else 12
    text += b" " * (-(prefix + len(text) + 1) % 64) + b"\n"
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text + body


def dictionary(descr, shape, fortran=False):
    return "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }" % (descr, fortran, shape)


images = idx(8, (3, 2, 2), bytes(range(12)))
put("idx/images", images)
put("idx/labels", idx(8, (5,), bytes([0, 1, 2, 1, 0])))
put("idx/int16", idx(0x0B, (2, 2), struct.pack(">4h", 1, -2, 3, 32767)))
put("idx/float32", idx(0x0D, (2, 2), struct.pack(">4f", 1, -2.5, 3e38, 0)))
put("idx/float64", idx(0x0E, (2, 1), struct.pack(">2d", 1e300, -1)))
put("idx/many_dimensions", idx(9, (2,) + (1,) * 30, b"\x01\xff"))
put("idx/bad_product", idx(8, (0xFFFFFFFF,) * 4, b""))
put("idx/bad_nan", idx(0x0D, (1, 2), struct.pack(">2f", 1, float("nan"))))

put("gz/images", gzip.compress(images, mtime=0))
put("gz/csv", gzip.compress(b"a,b,c\n1,2,x\n3,4,y\n", mtime=0))
put("gz/two_members", gzip.compress(images[:9], mtime=0) + gzip.compress(images[9:], mtime=0))
put("gz/stored", gzip.compress(images, 0, mtime=0))
put("gz/bad_bomb", gzip.compress(idx(8, (60000, 784), bytes(200000)), 9, mtime=0))

put("npy/float32", npy(dictionary("<f4", "(2, 3)"), struct.pack("<6f", *range(6))))
put("npy/float64_fortran", npy(dictionary(">f8", "(2, 2)", True), struct.pack(">4d", 1, 2, 3, 4)))
put("npy/float16", npy(dictionary("<f2", "(3, 1)"), struct.pack("<3e", 1, 2, -3)))
put("npy/bytes", npy(dictionary("|u1", "(2, 2, 2)"), bytes(range(8))))
put("npy/int64", npy(dictionary("<i8", "(3,)"), struct.pack("<3q", 0, 1, 2)))
put("npy/bool_version_2", npy(dictionary("|b1", "(4, 1)"), b"\x00\x01\x01\x00", 2))
put("npy/bad_shape", npy(dictionary("<f8", "(4294967296, 4294967296)"), b""))
put("npy/bad_object", npy(dictionary("|O", "(1,)"), b"x"))
put("npy/bad_inf", npy(dictionary("<f4", "(1, 1)"), struct.pack("<f", float("inf"))))

put("csv/plain", "1,2,0\n3.5,-4e2,1\n")
put("csv/header", 'width,"height, cm",name\r\n1,2,a\r\n3,4,"b ""c"""\r\n')
put("csv/semicolons", "\ufeff1;2;x\n3;4;y\n")
put("csv/quoted_lines", '1,"a\nb"\n2,"c"\n')
put("csv/bad_columns", "1,2,3\n4,5\n")
put("csv/bad_cell", "a,b,c\n1,2,0\nx,2,1\n")
put("csv/bad_quote", '1,2,"never closed\n3,4,5\n')
put("csv/bad_missing", "1,,0\n2,3,1\n")

put("libsvm/plain", "+1 1:0.5 3:2\n-1 2:1e-3\n")
put("libsvm/comments", "# a comment\n0 1:1 # behind\n2 4:4\n\n1 2:2\n")
put("libsvm/fractions", "0.5 1:1\n1.5 2:1\n")
put("libsvm/bad_order", "1 3:1 2:1\n")
put("libsvm/bad_index", "1 99999999999999999999:1\n")
put("libsvm/bad_value", "1 1:1e999\n")

put("config/defaults", "[learning]\nlr = 0.01\nopt = sgd\n\n[network]\nlayers = 4:relu,3\n")
put("config/comments", "; a comment\n# another\nbatch=full\nseed = 7\nno-shuffle = true\n")
put("config/bad_key", "lr = 0.1\nleyers = 3\n")
put("config/bad_value", "lr = fast\n")
put("config/bad_line", "lr\n")

key = b"clgrad fuzz\n"
binary = bytes(range(64))
put("cache/whole", b"clgbin01" + struct.pack("=3Q", len(key), len(binary), zlib.crc32(binary)) + key + binary)
put("cache/lengths", b"clgbin01" + struct.pack("=3Q", 2**64 - 1, 2**64 - 1, 0) + key + binary)
put("tuning/tuned", "clgrad tuning 1\ngroups:16,plan-1m:fused")
put("tuning/none", "clgrad tuning 1\nnone")
put("tuning/routes", "clgrad routes 1\nway register\noperation product nn\n")

with tempfile.TemporaryDirectory() as folder:
    for opt, layers, name in (("adam", "3:tanh", "adam"), ("sgd", "2:maxout:2", "maxout")):
        run = os.path.join(folder, name)
        subprocess.run([clgrad, "train", "--train", "xor", "--device", "ref", "--opt", opt, "--layers",
                        layers, "--epochs", "2", "--out", run, "-q"], check=True)
        with open(os.path.join(run, "last.safetensors"), "rb") as f:
            put("safetensors/" + name, f.read())


def tensors(header, data):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


weight = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
bias = {"dtype": "F32", "shape": [2], "data_offsets": [24, 32]}
plain = struct.pack("<8f", 1, 2, 3, 4, 5, 6, 0.5, -1)
put("safetensors/plain", tensors({"layers.0.weight": weight, "layers.0.bias": bias}, plain))
put("safetensors/bad_offsets", tensors({"layers.0.weight": dict(weight, data_offsets=[0, 2**62])}, plain))
put("safetensors/bad_shape", tensors({"layers.0.weight": dict(weight, shape=[2**31, 2**33])}, plain))
put("safetensors/bad_nan", tensors({"layers.0.weight": weight, "layers.0.bias": bias},
                                   struct.pack("<8f", 1, 2, float("nan"), 4, 5, 6, 0.5, -1)))
