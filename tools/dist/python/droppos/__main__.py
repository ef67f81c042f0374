"""python3 -m droppos COMMAND [FLAGS], and the script `droppos` of the wheel."""

import os
import shlex
import shutil
import sys

import droppos


def invocation():
    """What a shell needs to start this program again as it was started."""
    def found(path):
        return shutil.which(os.path.basename(path)) == path

    started = sys.argv[0]
    if os.path.basename(started) == "__main__.py":
        python = sys.executable
        return (os.path.basename(python) if found(python) else shlex.quote(python)) + " -m droppos"
    return "droppos" if found(os.path.abspath(started)) else shlex.quote(started)


def main():
    launcher = droppos.launcher()
    os.environ.setdefault("DROPPOS_LAUNCHER", invocation())
    os.execv(launcher, [launcher] + sys.argv[1:])


if __name__ == "__main__":
    main()
