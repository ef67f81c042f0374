"""python3 -m droppos COMMAND [FLAGS], and the script `droppos` of the wheel."""

import os
import sys

import droppos


def main():
    launcher = droppos.launcher()
    os.environ.setdefault("DROPPOS_LAUNCHER", "droppos")
    os.execv(launcher, [launcher] + sys.argv[1:])


if __name__ == "__main__":
    main()
