#!/usr/bin/env python3
"""Runs what //:dist and //:wheel hold, in an empty folder and with an empty environment."""

import ast
import glob
import io
import os
import re
import struct
import subprocess
import sys
import tarfile
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, "tools/dist")
import make_dist  # pylint: disable=wrong-import-position

# What every system has, and glibc.
SYSTEM = re.compile(r"(linux-vdso|ld-linux-x86-64|libc|libm|libmvec|libdl|librt|libpthread)\.so")
TRAIN = ["train", "--model=droppos_tiny", "--steps=3", "--batch_size=8", "--threads=2"]


def only(pattern):
    paths = glob.glob(pattern)
    assert len(paths) == 1, (pattern, paths)
    return os.path.abspath(paths[0])


def bmp(side, pixels):
    """A square picture; `pixels` are rows of 3-byte pixels, of a multiple of 4 bytes each."""
    return struct.pack("<2sIIIIiiHHIIiiII", b"BM", 54 + len(pixels), 0, 54, 40, side, side, 1, 24, 0,
                       len(pixels), 2835, 2835, 0, 0) + pixels


TAR = only("tools/dist/*.tar.gz")
WHEEL = only("tools/dist/*.whl")
with open("tools/dist/commit.txt", encoding="utf-8") as stamp:
    COMMIT = stamp.read().strip()
GUIDE = os.path.abspath("docs/python.md")


class Dist(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        cls.home = os.path.join(cls.folder.name, "home")
        os.mkdir(cls.home)
        with tarfile.open(TAR) as tar:
            tar.extractall(cls.folder.name)
        cls.root = only(os.path.join(cls.folder.name, "droppos-*"))
        cls.site = os.path.join(cls.folder.name, "site")
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps",
                        "--disable-pip-version-check", "--target", cls.site, WHEEL], check=True,
                       env={"PATH": os.environ["PATH"], "HOME": cls.home})

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def run_program(self, *command, code=0, **options):
        """Standard output and error of a program that sees nothing of this environment."""
        env = {"PATH": "/usr/bin:/bin", "HOME": self.home, **options.pop("env", {})}
        ended = subprocess.run(command, cwd=self.home, env=env, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, **options)
        text = ended.stdout.decode(), ended.stderr.decode()
        self.assertEqual(ended.returncode, code, text)
        return text

    def droppos(self, *arguments, **options):
        return self.run_program(os.path.join(self.root, "bin", "droppos"), *arguments, **options)

    def test_every_library_but_glibc_is_inside(self):
        programs = glob.glob(os.path.join(self.root, "libexec", "droppos", "*"))
        self.assertGreaterEqual(len(programs), 11)
        for program in programs + glob.glob(os.path.join(self.root, "lib", "libdroppos*")):
            for line in self.run_program("ldd", program)[0].splitlines():
                name, _, path = line.strip().partition(" => ")
                name = os.path.basename(name.split()[0])
                if SYSTEM.match(name) or make_dist.NVIDIA.match(name):
                    continue
                inside = os.path.realpath(path.split()[0])
                self.assertTrue(inside.startswith(os.path.realpath(self.root)), (program, line))

    def test_every_library_has_its_license(self):
        folder = os.path.join(self.root, "share", "doc", "droppos", "licenses")
        licenses = os.listdir(folder)
        for package in ("onednn", "libpng16-16", "libcairo2", "libgomp1", "fonts-dejavu-core",
                        "nlohmann-json3-dev", "SOURCES"):
            self.assertIn(package, licenses)
        self.assertIn("GPL-2", os.listdir(os.path.join(folder, "common-licenses")))

    def test_a_model_is_trained_resumed_evaluated_drawn_and_exported(self):
        train = [*TRAIN, "--output_dir=run"]
        out, _ = self.droppos(*train)
        self.assertIn("step 3", out)
        self.droppos("train", "--resume=auto", "--output_dir=run", "--steps=4")
        self.droppos("evaluate", "--protocol=position", "--checkpoint=run", "--max_images=8", "--threads=2")
        self.droppos("predict_positions", "--checkpoint=run", "--num_images=1", "--out=a.png")
        self.droppos("plot", "run", "--out=curves.png")
        self.droppos("export", "--checkpoint=run", "--format=timm", "--out=timm")
        for name in ("a.png", "curves.png", "timm/model.safetensors"):
            self.assertGreater(os.path.getsize(os.path.join(self.home, name)), 1000, name)

    def test_the_cuda_backend_is_found_where_it_was_built(self):
        said = self.droppos("train", "--model=droppos_tiny", "--device=cuda", "--steps=1", code=1,
                            env={"CUDA_VISIBLE_DEVICES": ""})[1]
        if os.path.exists(os.path.join(self.root, "lib", "libdroppos_cuda.so")):
            self.assertRegex(said, "NVIDIA driver|libcublasLt")
            with open(os.path.join(self.root, "share/doc/droppos/licenses/cuda"),
                      encoding="utf-8") as file:
                self.assertIn("MIT License", file.read())
        else:
            self.assertIn("built without CUDA", said)

    def test_programs_say_how_they_are_called(self):
        text, _ = self.droppos("train", "--help")
        self.assertIn("/bin/droppos train --model=droppos_tiny", text)
        self.assertNotIn("bazel run", text)
        self.assertNotIn("bazel run", self.droppos("plot", "--help")[0])

    def test_pages_give_the_download_s_commands(self):
        with open(os.path.join(self.root, "share/doc/droppos/README.md"), encoding="utf-8") as file:
            page = file.read()
        self.assertIn("    droppos train --model=droppos_tiny", page)
        self.assertNotIn("bazel run", page)
        self.run_program(sys.executable,
                         os.path.join(self.root, "share/droppos/convert_checkpoint.py"), "--help")

    def test_the_version_is_that_of_the_tar(self):
        version = re.search(r"droppos-([0-9.]+)-linux", TAR).group(1)
        for command, name in ((["--version"], "droppos"), (["plot", "--version"], "plot")):
            text, _ = self.droppos(*command)
            self.assertTrue(text.startswith("%s (DropPos for C++) %s\n" % (name, version)), text)
            self.assertRegex(text, "\nbuilt with abseil .*giflib [0-9.]+, libjpeg-turbo [0-9.]+")
            # A tree that is no clone has no commit.
            commit = "[0-9a-f]{40}(-dirty)?" if COMMIT else "unknown"
            self.assertRegex(text, "\ncommit %s, built by GCC" % commit)
            self.assertRegex(text, "libpng 1\\.[0-9]+\\.[0-9]+,")

    def test_what_is_no_command_is_named(self):
        for arguments, says in ((["trian"], "no command 'trian'"), ([], "Usage: droppos COMMAND")):
            self.assertIn(says, self.droppos(*arguments, code=2)[1])
        self.assertIn("unknown model", self.droppos("train", "--model=none", code=1)[1])

    def test_pictures_come_from_a_pipe(self):
        out, _ = self.droppos("train", "--help")
        self.assertIn("--data_path", out)
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as tar:
            for i in range(16):
                picture = bmp(40, bytes((i * 7 + k) % 256 for k in range(40 * 40 * 3)))
                entry = tarfile.TarInfo("%02d.bmp" % i)
                entry.size = len(picture)
                tar.addfile(entry, io.BytesIO(picture))
        out, _ = self.droppos(*TRAIN, "--output_dir=piped", "--data_path=-", "--val_fraction=0.25",
                              input=data.getvalue())
        # What comes next, as it can be typed.
        again = [re.search("droppos (%s --.*) < TAR" % name, out) for name in ("evaluate", "train")]
        self.assertIn("--data_path=-", again[1].group(1))
        self.droppos(*again[0].group(1).split(), "--threads=2", input=data.getvalue())
        err = self.droppos("evaluate", "--protocol=position", "--checkpoint=piped", code=1)[1]
        self.assertIn("its images from standard input", err)
        self.assertIn("ended before its first byte",
                      self.droppos(*TRAIN, "--output_dir=none", "--data_path=-", code=1,
                                   input=b"")[1])

    def test_the_wheel_runs_the_same_programs(self):
        # Named in the way they were started, because bin/ of pip's --target is on no PATH.
        env = {"PYTHONPATH": self.site}
        script = os.path.join(self.site, "bin", "droppos")
        for command, says in (([sys.executable, "-m", "droppos"], " *[^ ]*python[0-9.]* -m droppos"),
                              ([script], "  " + re.escape(script))):
            text, _ = self.run_program(*command, "train", "--help", env=env)
            self.assertRegex(text, "\n%s train --model=droppos_tiny\n" % says)
        env["PATH"] = os.path.dirname(script) + ":/usr/bin:/bin"
        text, _ = self.run_program(script, "train", "--help", env=env)
        self.assertIn("\n  droppos train --model=droppos_tiny\n", text)

    def test_the_package_has_the_version_of_the_wheel(self):
        text, _ = self.run_program(sys.executable, "-c", "import droppos; print(droppos.__version__)",
                                   env={"PYTHONPATH": self.site})
        self.assertEqual(text.strip(), re.search(r"droppos-([0-9.]+)-py3", WHEEL).group(1))

    def test_the_guide_s_snippets_run(self):
        self.droppos(*TRAIN, "--output_dir=runs/tiny")
        with open(GUIDE, encoding="utf-8") as guide:
            snippets = re.findall(r"```python\n(.*?)```", guide.read(), re.S)
        self.assertEqual(len(snippets), 4)
        for snippet in snippets:
            self.run_program(sys.executable, "-c", snippet, env={"PYTHONPATH": self.site})

    def test_runs_of_older_versions_read_the_same(self):
        run = os.path.join(self.home, "older")
        os.mkdir(run)
        with open(os.path.join(run, "metrics.jsonl"), "w", encoding="utf-8") as file:
            file.write('{"step":1,"epoch":0.5,"loss":4.5,"timing":{"seconds":2.0}}\n'
                       '{"epoch":0.5,"step":1,"heldout_pos_acc1":0.1,"chance":0.02}\n{"step":2,"ep')
        code = "import droppos; print(droppos.read_run('older'))"
        out, _ = self.run_program(sys.executable, "-c", code, env={"PYTHONPATH": self.site})
        self.assertEqual(ast.literal_eval(out), [
            {"step": 1, "epoch": 0.5, "loss": 4.5, "time_seconds": 2.0, "kind": "train"},
            {"epoch": 0.5, "step": 1, "heldout_pos_acc1": 0.1, "chance": 0.02, "kind": "eval"},
        ])

    def test_python_reports_what_a_program_says(self):
        code = "import droppos; droppos.load('nowhere', as_='numpy')"
        _, err = self.run_program(sys.executable, "-c", code, env={"PYTHONPATH": self.site}, code=1)
        self.assertIn("DropPosError", err)
        self.assertIn("nowhere", err)

    def test_python_says_what_arrays_need(self):
        code = "import sys; sys.modules['numpy'] = None; import droppos; droppos.load('nowhere')"
        _, err = self.run_program(sys.executable, "-c", code, env={"PYTHONPATH": self.site}, code=1)
        self.assertIn("as_='torch' needs numpy: pip install numpy", err)


if __name__ == "__main__":
    unittest.main(verbosity=2)
