#!/bin/sh
# Bazel stamps programs with what this prints (.bazelrc). The commit, or nothing outside a clone.
unset GIT_DIR GIT_WORK_TREE
echo "BUILD_SCM_REVISION $(GIT_OPTIONAL_LOCKS=0 git -c safe.directory='*' describe --always --dirty --abbrev=40 --match='' 2>/dev/null)"
