"""Writes tar shards as Python's tarfile and gzip do, for shard_dataset_test.

usage: make_shards.py OUT...   one path for each of SHARDS, in that order, and offsets.txt
"""
import gzip
import io
import struct
import sys
import tarfile
import zlib

LONG = "/".join(["a_folder_with_a_long_name"] * 8)  # 200 bytes and more


def png(level):
    """An 8x6 picture of one grey level."""
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    header = struct.pack(">IIBBBBB", 8, 6, 8, 2, 0, 0, 0)
    rows = (b"\0" + bytes([level]) * 24) * 6
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) +
            chunk(b"IEND", b""))


def shard(members, form):
    out = io.BytesIO()
    offsets = []
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as tar:
        for info in tar:
            offsets.append("%d %d %s" % (info.offset_data, info.size, info.name))
    return out.getvalue(), offsets


def samples(first, count, prefix=""):
    members = []
    for i in range(first, first + count):
        members.append((f"{prefix}{i:06d}.png", png(10 * i)))
        members.append((f"{prefix}{i:06d}.cls", str(i % 3).encode()))
        members.append((f"{prefix}{i:06d}.json", b'{"a": 1}'))
    return members


SHARDS = {
    "plain.tar": (samples(0, 5), tarfile.USTAR_FORMAT),
    "second.tar": (samples(5, 4), tarfile.PAX_FORMAT),
    "gnu_long.tar": (samples(9, 2, LONG + "/"), tarfile.GNU_FORMAT),
    "pax_long.tar": (samples(11, 2, LONG + "/\u6d77 \u00e9/"), tarfile.PAX_FORMAT),
    "packed.tar.gz": (samples(13, 5), tarfile.PAX_FORMAT),
}

if __name__ == "__main__":
    lines = []
    for path, (name, (members, form)) in zip(sys.argv[1:], SHARDS.items()):
        data, offsets = shard(members, form)
        lines += [name + " " + line for line in offsets]
        with open(path, "wb") as file:
            file.write(gzip.compress(data, mtime=0) if name.endswith("gz") else data)
    with open(sys.argv[-1], "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
