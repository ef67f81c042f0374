#!/usr/bin/env bash
# find_toolkit.sh on made-up toolkits.
# usage: find_toolkit_test.sh find_toolkit.sh
set -euo pipefail
top=$TEST_TMPDIR/cuda
export HOME=$top/home

# What stands for /usr: nothing of this machine is seen.
mkdir -p "$HOME"
sed "s|/usr/|$top/usr/|g" "$1" >"$top/find_toolkit.sh"
! grep '[ "=:]/usr/' "$top/find_toolkit.sh" || { echo "FAIL: the script sees this machine"; exit 1; }

toolkit() {  # DIR VERSION: makes one, whose folder of libraries is `lib` as in wheels
  mkdir -p "$1"/{bin,include,lib}
  printf '#!/bin/sh\necho "Cuda compilation tools, release 1, V%s"\n' "$2" >"$1/bin/nvcc"
  chmod +x "$1/bin/nvcc"
  touch "$1"/include/{cuda_runtime_api,cublasLt,nvrtc}.h
  touch "$1"/lib/{libcudart_static.a,libcublasLt.so.13,libnvrtc.so.13}
}
cudnn() {  # INCLUDE LIB VERSION
  mkdir -p "$1" "$2"
  touch "$1/cudnn.h" "$2/libcudnn.so.9"
  printf '#define CUDNN_MAJOR %s\n#define CUDNN_MINOR 19\n' "$3" >"$1/cudnn_version.h"
}

failed=0
expect() {  # WHAT NAME=VALUE...: what find_toolkit.sh prints; names that are not given are empty
  local what=$1 line name value want
  shift
  while IFS= read -r line; do
    name=${line%%=*} value=${line#*=} want=""
    for expected in "$@"; do
      [ "${expected%%=*}" != "$name" ] || want=${expected#*=}
    done
    # shellcheck disable=SC2053  # `want` is a pattern
    [[ $value == $want ]] || { echo "FAIL: $what: $name is '$value', not '$want'"; failed=1; }
  done < <(bash "$top/find_toolkit.sh")
}
unset CUDA_HOME
fetched=$HOME/.cache/droppos-cuda
system=$top/usr/local/cuda

expect "nothing there" "missing=no CUDA 13 in $system or $fetched"

toolkit "$fetched" 13.0.88
expect "what setup.sh fetched" toolkit="$fetched" libraries="$fetched/lib" version=13.0.88 \
  missing="no cuDNN 9, no frontend of cuDNN"

toolkit "$system" 12.9.1
expect "an old system one is passed by" toolkit="$fetched" libraries="$fetched/lib" \
  version=13.0.88 missing="no cuDNN 9, no frontend of cuDNN"

toolkit "$system" 13.2.7
mv "$system/lib" "$system/lib64"
expect "the system's comes first" toolkit="$system" libraries="$system/lib64" version=13.2.7 \
  missing="no cuDNN 9, no frontend of cuDNN"

cudnn "$fetched/include" "$fetched/lib" 8
touch "$fetched/include/cudnn_frontend.h"
expect "an old cuDNN is passed by, the frontend is one that setup.sh fetched" \
  toolkit="$system" libraries="$system/lib64" version=13.2.7 frontend="$fetched/include" \
  missing="no cuDNN 9"

cudnn "$fetched/include" "$fetched/lib" 9
expect "all there" toolkit="$system" libraries="$system/lib64" version=13.2.7 \
  cudnn="$fetched/include" cudnn_libraries="$fetched/lib" frontend="$fetched/include"

debian=x86_64-linux-gnu
cudnn "$top/usr/include/$debian" "$top/usr/lib/$debian" 9
expect "Debian's cuDNN" toolkit="$system" libraries="$system/lib64" version=13.2.7 \
  cudnn="$top/usr/include/$debian" cudnn_libraries="$top/usr/lib/$debian" \
  frontend="$fetched/include"

export CUDA_HOME=/nonexistent
expect "CUDA_HOME alone counts" "missing=no toolkit in /nonexistent: *bin/nvcc"

export CUDA_HOME=$top/old
toolkit "$CUDA_HOME" 12.9.1
expect "CUDA_HOME is too old" "missing=*12.9.1, not 13"

toolkit "$CUDA_HOME" 13.0.1
rm "$CUDA_HOME/lib/libcublasLt.so.13"
expect "CUDA_HOME lacks a library" "missing=*no libcudart_static.a, libcublasLt.so.13 or *"
exit "$failed"
