"""Inflates every deflated cluster of a QCOW2 image with a window of 4 KiB, 4 KiB of output at a time, so that a match
from further back fails, and compares it with the raw disk. Prints how many clusters there were."""

import os
import struct
import sys
import zlib


def inflate(data, length):
    inflater = zlib.decompressobj(-12)
    out = b""
    while len(out) < length and not inflater.eof:
        step = inflater.decompress(data, 4096)
        data = inflater.unconsumed_tail
        if not step:
            break
        out += step
    return out


def clusters(image):
    bits, = struct.unpack(">I", image[20:24])
    l1_len, l1 = struct.unpack(">IQ", image[36:48])
    size = 1 << bits
    offset_bits = 62 - (bits - 8)
    for number, table in enumerate(struct.unpack(f">{l1_len}Q", image[l1:l1 + 8 * l1_len])):
        table &= (1 << 56) - (1 << 9)
        if table == 0:
            continue
        for at, entry in enumerate(struct.unpack(f">{size // 8}Q", image[table:table + size])):
            if entry >> 62 == 1:
                offset = entry & ((1 << offset_bits) - 1)
                sectors = ((entry & ((1 << 62) - 1)) >> offset_bits) + 1
                end = offset // 512 * 512 + sectors * 512
                yield (number * (size // 8) + at) * size, size, image[offset:end]


def main():
    image = open(sys.argv[1], "rb").read()
    raw = open(sys.argv[2], "rb").read()
    count = 0
    for start, size, data in clusters(image):
        expected = raw[start:start + size].ljust(size, b"\0")
        if inflate(data, size) != expected:
            sys.exit(f"the cluster at {start:#x} differs")
        count += 1
    # What this script is for: a stream with a larger window fails.
    block = os.urandom(6000)
    encoder = zlib.compressobj(6, zlib.DEFLATED, -15)
    try:
        if inflate(encoder.compress(block * 4) + encoder.flush(), 24000) == block * 4:
            sys.exit("a window of 32 KiB was not noticed")
    except zlib.error:
        pass
    print(count)


main()
