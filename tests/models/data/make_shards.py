"""Writes tar shards as Python's tarfile and gzip do, for the tests of shards.

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
        for name, data, *kind in members:
            info = tarfile.TarInfo(name)
            if kind:
                info.type, info.linkname = kind[0], data
            else:
                info.size = len(data)
            tar.addfile(info, None if kind else io.BytesIO(data))
    with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as tar:
        files = {}
        for info in tar:
            if info.isreg():
                files[info.name] = info.offset_data, info.size
            elif info.islnk() and info.linkname in files:
                files[info.name] = files[info.linkname]
            else:
                continue
            offsets.append("%d %d %s" % (*files[info.name], info.name))
    return out.getvalue(), offsets


def samples(first, count, prefix=""):
    members = []
    for i in range(first, first + count):
        members.append((f"{prefix}{i:06d}.png", png(10 * i)))
        members.append((f"{prefix}{i:06d}.cls", str(i % 3).encode()))
        members.append((f"{prefix}{i:06d}.json", b'{"a": 1}'))
    return members


def linked(prefix):
    """Two samples and links to the first one's files."""
    hard, symbolic = tarfile.LNKTYPE, tarfile.SYMTYPE
    return [
        (prefix + "early.png", prefix + "000019.png", hard),
        *samples(18, 2, prefix),
        (prefix + "linked.png", prefix + "000018.png", hard),
        (prefix + "linked.cls", prefix + "000018.cls", hard),
        (prefix + "twice.png", prefix + "linked.png", hard),
        (prefix + "symbolic.png", "000018.png", symbolic),
        (prefix + "symbolic.cls", "000018.cls", symbolic),
        (prefix + "README", "000018.json", symbolic),
    ]


SHARDS = {
    "plain.tar": (samples(0, 5), tarfile.USTAR_FORMAT),
    "second.tar": (samples(5, 4), tarfile.PAX_FORMAT),
    "gnu_long.tar": (samples(9, 2, LONG + "/"), tarfile.GNU_FORMAT),
    "pax_long.tar": (samples(11, 2, LONG + "/\u6d77 \u00e9/"), tarfile.PAX_FORMAT),
    "packed.tar.gz": (samples(13, 5), tarfile.PAX_FORMAT),
    "links.tar": (linked(""), tarfile.GNU_FORMAT),
    "utf8_links.tar": (linked("\u6d77/"), tarfile.PAX_FORMAT),
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
