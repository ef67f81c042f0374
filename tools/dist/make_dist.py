"""Packs the programs and what they need, as a tar and as a wheel.

The tar holds one folder, droppos-VERSION:
  bin/droppos               runs the programs
  libexec/droppos/          the programs, stripped
  lib/                      their shared libraries, but those of glibc; found by $ORIGIN/../../lib.
                            With libdroppos_cuda.so, which they load, but not cuBLASLt and cuDNN
  share/droppos/            fonts for drawings
  share/doc/droppos/        LICENSE, README, docs; licenses/ of the libraries
The wheel holds the same folder inside the Python package, whose script `droppos` runs bin/droppos.
Equal inputs give equal bytes: names are sorted, and times and owners are fixed.
"""

import argparse
import base64
import gzip
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile

# Parts of glibc belong to the system: the loader must match them.
GLIBC = re.compile(r"(ld-linux-x86-64|libc|libm|libmvec|libdl|librt|libpthread|libresolv)\.so")
# Hundreds of megabytes, under NVIDIA's terms.
NVIDIA = re.compile(r"lib(cublas|cublasLt|cuda|cudnn\w*|nvrtc)\.so")
CUDA_TERMS = b"""libdroppos_cuda.so holds NVIDIA's CUDA runtime (cudart_static), unchanged. NVIDIA lets programs
distribute it under the terms of the CUDA Toolkit End User License Agreement, Attachment A:
https://docs.nvidia.com/cuda/eula

Where cuDNN was there when it was built, it also holds code of cuDNN's frontend, unchanged, whose
license is Apache 2.0 (LICENSE of this download), for some files with MIT's below. Its notice:

cudnn-frontend
Copyright (c) 2020-2026 NVIDIA CORPORATION & AFFILIATES. All rights reserved.

This product includes software developed at NVIDIA CORPORATION
(https://www.nvidia.com/).

MIT License

Copyright (c) 2020-2026 NVIDIA CORPORATION & AFFILIATES. All rights reserved.

Permission is hereby granted, free of charge, to any person obtaining a
copy of this software and associated documentation files (the "Software"),
to deal in the Software without restriction, including without limitation
the rights to use, copy, modify, merge, publish, distribute, sublicense,
and/or sell copies of the Software, and to permit persons to whom the
Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in
all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT.  IN NO EVENT SHALL
THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING
FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER
DEALINGS IN THE SOFTWARE.
"""
# Packages whose headers are compiled into the programs.
HEADERS = ["libcli11-dev", "libeigen3-dev", "libhwy-dev", "nlohmann-json3-dev"]
FONTS = ["/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
         "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf"]


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def stripped(path):
    copy = "stripped"
    shutil.copyfile(path, copy)
    os.chmod(copy, 0o755)
    run("strip", "--strip-unneeded", copy)
    with open(copy, "rb") as file:
        return file.read()


def libraries(programs, onednn):
    """Names and paths of the shared libraries that the programs load, glibc's and NVIDIA's left out."""
    found = {os.path.basename(onednn): onednn}
    for program in programs:
        for line in run("ldd", program).splitlines():
            match = re.match(r"\s*(\S+) => (\S+)", line)
            if not match or match.group(1) in found:
                continue
            if GLIBC.match(match.group(1)) or NVIDIA.match(match.group(1)):
                continue
            if match.group(2) == "not":
                sys.exit("make_dist.py: %s: %s is not found" % (program, match.group(1)))
            found[match.group(1)] = os.path.realpath(match.group(2))
    return found


def package_of(path):
    """The Debian package that installed a file."""
    for name in (path, path.replace("/usr/lib/", "/lib/", 1)):
        owner = subprocess.run(["dpkg", "-S", name], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)
        if owner.returncode == 0:
            return owner.stdout.split(":")[0]
    sys.exit("make_dist.py: no Debian package has installed %s, so its license is unknown" % path)


def licenses(packages):
    """The packages' copyright files, the licenses that these name, and where the sources are."""
    result = {}
    for package in sorted(packages):
        with open("/usr/share/doc/%s/copyright" % package, "rb") as file:
            result[package] = file.read()
    named = {name for text in result.values()
             for name in re.findall(rb"/usr/share/common-licenses/([A-Za-z0-9.-]*[A-Za-z0-9])", text)}
    for name in sorted(named):
        with open(b"/usr/share/common-licenses/" + name, "rb") as file:
            result["common-licenses/" + name.decode()] = file.read()
    versions = run("dpkg-query", "-W", "-f=${source:Package} ${source:Version}\\n",
                   *sorted(packages))
    result["SOURCES"] = (
        "The libraries in lib/ and the headers compiled into the programs are those of Debian's\n"
        "packages, unchanged but for debug symbols. Debian publishes their sources as these\n"
        "packages and versions (apt-get source PACKAGE=VERSION):\n\n" +
        "\n".join(sorted(set(versions.splitlines()))) + "\n").encode()
    return result


def for_download(name, text, programs):
    """A page whose commands are those of a download, not of a clone, where it has them."""
    if not name.endswith(".md"):
        return text
    names = "|".join(map(os.path.basename, programs)).encode()
    text = re.sub(rb"(tools/setup.sh && )?bazel run //tools:(%s) --" % names, rb"droppos \2", text)
    text = re.sub(rb"`//tools:(%s)`" % names, rb"`droppos \1`", text)
    return text.replace(b"tools/convert_checkpoint.py", b"share/droppos/convert_checkpoint.py")


def files(args):
    """All files of the download: {name: (bytes, mode)}."""
    result = {}

    def add(name, data, mode=0o644):
        result[name] = (data, mode)

    def add_file(name, path, mode=0o644):
        with open(path, "rb") as file:
            add(name, file.read(), mode)

    add_file("bin/droppos", args.launcher, 0o755)
    for program in args.programs:
        add("libexec/droppos/" + os.path.basename(program), stripped(program), 0o755)
    add_file("share/droppos/fonts.conf", args.fonts_conf)
    packages = {package_of(font) for font in FONTS} | set(HEADERS)
    for font in FONTS:
        add_file("share/droppos/fonts/" + os.path.basename(font), font)
    for plugin in args.plugins:
        add("lib/" + os.path.basename(plugin), stripped(plugin))
        add("share/doc/droppos/licenses/cuda", CUDA_TERMS)
    for name, path in libraries(args.programs + args.plugins, args.onednn).items():
        add("lib/" + name, stripped(path))
        if path != args.onednn:
            packages.add(package_of(path))
    for name in args.onednn_licenses:
        add_file("share/doc/droppos/licenses/onednn/" + os.path.basename(name), name)
    for name, text in licenses(packages).items():
        add("share/doc/droppos/licenses/" + name, text)
    for script in args.scripts:
        add_file("share/droppos/" + os.path.basename(script), script, 0o755)
    for document in args.documents:
        with open(document, "rb") as file:
            add("share/doc/droppos/" + os.path.normpath(document),
                for_download(document, file.read(), args.programs))
    return dict(sorted(result.items()))


def write_tar(path, folder, contents):
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as zipped:
        with tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name, (data, mode) in contents.items():
                entry = tarfile.TarInfo("%s/%s" % (folder, name))
                entry.size, entry.mode = len(data), mode
                tar.addfile(entry, io.BytesIO(data))


def write_wheel(args, contents, readme):
    version, info = args.version, "droppos-%s.dist-info/" % args.version
    entries = {}
    for module in args.modules:
        with open(module, "rb") as file:
            text = file.read().replace(b'"of a clone"', b'"%s"' % version.encode())
        entries["droppos/" + os.path.basename(module)] = (text, 0o644)
    for name, entry in contents.items():
        entries["droppos/programs/" + name] = entry
    with open(readme, "rb") as file:
        # A picture's address in the clone means nothing elsewhere.
        text = re.sub(r"!\[[^\n]*\n", "", for_download(readme, file.read(), args.programs).decode())
    cuda = ("Provides-Extra: cuda\nRequires-Dist: nvidia-cublas >=13,<14; extra == 'cuda'\n"
            "Requires-Dist: nvidia-cudnn-cu13 >=9.16,<10; extra == 'cuda'\n")
    entries[info + "METADATA"] = ((
        "Metadata-Version: 2.1\nName: droppos\nVersion: %s\n"
        "Summary: Self-supervised pretraining of Vision Transformers by reconstructing dropped "
        "positions\nLicense: Apache-2.0; the libraries inside have their own, see "
        "droppos/programs/share/doc/droppos/licenses\nRequires-Python: >=3.8\nProvides-Extra: arrays\n"
        "Requires-Dist: numpy; extra == 'arrays'\n%sDescription-Content-Type: text/markdown\n\n%s" %
        (version, cuda if args.plugins else "", text)).encode(), 0o644)
    entries[info + "WHEEL"] = (("Wheel-Version: 1.0\nGenerator: make_dist\nRoot-Is-Purelib: false\n"
                                "Tag: py3-none-manylinux_2_36_x86_64\n").encode(), 0o644)
    entries[info + "entry_points.txt"] = (b"[console_scripts]\ndroppos = droppos.__main__:main\n",
                                          0o644)
    entries[info + "LICENSE"] = contents["share/doc/droppos/LICENSE"]
    record = ""
    for name, (data, _) in entries.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record += "%s,sha256=%s,%d\n" % (name, digest, len(data))
    entries[info + "RECORD"] = ((record + info + "RECORD,,\n").encode(), 0o644)
    with zipfile.ZipFile(args.wheel, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as wheel:
        for name, (data, mode) in entries.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = (0o100000 | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            wheel.writestr(entry, data)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--version", required=True)
    parser.add_argument("--tar", required=True)
    parser.add_argument("--wheel", required=True)
    parser.add_argument("--launcher", required=True)
    parser.add_argument("--fonts_conf", required=True)
    parser.add_argument("--onednn", required=True)
    parser.add_argument("--onednn_licenses", nargs="+", required=True)
    parser.add_argument("--scripts", nargs="+", required=True)
    parser.add_argument("--programs", nargs="+", required=True)
    parser.add_argument("--plugins", nargs="*", required=True)
    parser.add_argument("--modules", nargs="+", required=True)
    parser.add_argument("--documents", nargs="+", required=True)
    args = parser.parse_args()
    contents = files(args)
    write_tar(args.tar, "droppos-" + args.version, contents)
    write_wheel(args, contents, "README.md")


if __name__ == "__main__":
    main()
