"""A repository made from one PyPI wheel, pinned by version and SHA-256."""

def _wheel_repository_impl(ctx):
    python = ctx.which("python3")
    if not python:
        fail("python3 is missing: run tools/setup.sh")
    result = ctx.execute([
        python,
        "-m",
        "pip",
        "download",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary=:all:",
        "--dest=wheels",
        ctx.attr.wheel,
    ], timeout = 600)
    if result.return_code != 0:
        fail("pip could not download %s (tools/setup.sh checks for python3-pip):\n%s" %
             (ctx.attr.wheel, result.stderr))
    wheels = ctx.path("wheels").readdir()
    if len(wheels) != 1:
        fail("pip downloaded %d files for %s, not one wheel" % (len(wheels), ctx.attr.wheel))
    digest = ctx.execute(["sha256sum", str(wheels[0])]).stdout.split(" ")[0]
    if digest != ctx.attr.sha256:
        fail("%s has SHA-256 %s, but WORKSPACE pins %s" %
             (ctx.attr.wheel, digest, ctx.attr.sha256))

    # Bazel 4.2 tells an archive by its name, and does not know ".whl".
    unzip = ctx.execute([python, "-m", "zipfile", "-e", str(wheels[0]), "wheel"])
    if unzip.return_code != 0:
        fail("could not unpack %s:\n%s" % (ctx.attr.wheel, unzip.stderr))
    ctx.symlink(ctx.attr.build_file, "BUILD.bazel")

wheel_repository = repository_rule(
    implementation = _wheel_repository_impl,
    attrs = {
        "build_file": attr.label(mandatory = True, doc = "The BUILD file of the repository; paths start with wheel/."),
        "sha256": attr.string(mandatory = True, doc = "The wheel's SHA-256."),
        "wheel": attr.string(mandatory = True, doc = "NAME==VERSION as pip takes it."),
    },
)
