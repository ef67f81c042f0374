#!/usr/bin/env python3
"""Packs the programs of //tests/gpu_suite and what they need as one tar.

usage: pack.py TAR RUN ONEDNN PROGRAMS... -- DATA...

It holds one folder, gpu_suite: run, bin/ (the programs, stripped), lib/ (their shared libraries but
those of glibc and NVIDIA), and the data under the names that the tests open.
"""

import os
import sys

import make_dist


def main(tar, run, onednn, *rest):
    programs, data = rest[:rest.index("--")], rest[rest.index("--") + 1:]
    contents = {}
    for path, name, mode in [(run, "run", 0o755)] + [(path, path, 0o644) for path in data]:
        with open(path, "rb") as file:
            contents[name] = (file.read(), mode)
    for program in programs:
        contents["bin/" + os.path.basename(program)] = (make_dist.stripped(program), 0o755)
    # NVIDIA's are of the machine that it runs on: run.py looks for them.
    for name, path in make_dist.libraries(programs, onednn).items():
        contents["lib/" + name] = (make_dist.stripped(path), 0o644)
    make_dist.write_tar(tar, "gpu_suite", dict(sorted(contents.items())))


if __name__ == "__main__":
    main(*sys.argv[1:])
