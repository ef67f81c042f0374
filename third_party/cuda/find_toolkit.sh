#!/usr/bin/env bash
# Prints what this machine has of CUDA, a line NAME=VALUE each; a value is empty where there is
# none. @cuda (repository.bzl) is made from it, and tools/setup.sh --cuda fetches what is missing.
#
#   toolkit, libraries, version     CUDA 13: nvcc, headers, cudart, cuBLASLt, NVRTC
#   cudnn, cudnn_libraries          folders of cuDNN 9: headers, libraries
#   frontend                        folder of the headers of cuDNN's frontend
#   missing                         what is not there, for people
#
# The toolkit is CUDA_HOME. If that is not set, /usr/local/cuda; if that is none, what
# tools/setup.sh --cuda has fetched. cuDNN may also lie where its Debian packages install it.
set -euo pipefail

system=/usr/local/cuda
fetched=${HOME:-}/.cache/droppos-cuda

# The number that FILE defines as NAME.
number() {
  sed -n "s/^#define $2  *\([0-9]\{1,\}\).*/\1/p" "$1"
}

# Whether DIR is a toolkit; if so, sets what is printed of it, else `missing`.
is_toolkit() {
  local folder file found
  for file in bin/nvcc include/cuda_runtime_api.h include/cublasLt.h include/nvrtc.h; do
    [ -e "$1/$file" ] || { missing="no toolkit in $1: it has no $file"; return 1; }
  done
  found=$("$1/bin/nvcc" --version 2>/dev/null | sed -n 's/.*, V//p') || true
  if [ "${found%%.*}" != 13 ]; then
    missing="the nvcc in $1 is of CUDA ${found:-(it does not run)}, not 13"
    return 1
  fi
  for folder in lib64 lib; do
    if [ -e "$1/$folder/libcudart_static.a" ] && [ -e "$1/$folder/libcublasLt.so.13" ] &&
      [ -e "$1/$folder/libnvrtc.so.13" ]; then
      toolkit=$1 libraries=$1/$folder version=$found
      return 0
    fi
  done
  missing="the toolkit in $1 has no libcudart_static.a, libcublasLt.so.13 or libnvrtc.so.13"
  return 1
}

toolkit="" libraries="" version="" cudnn="" cudnn_libraries="" frontend="" missing=""
if [ -n "${CUDA_HOME:-}" ]; then
  is_toolkit "$CUDA_HOME" || true
else
  is_toolkit "$system" || is_toolkit "$fetched" || missing="no CUDA 13 in $system or $fetched"
fi

if [ -n "$toolkit" ]; then
  missing=""
  debian=x86_64-linux-gnu
  for folders in "$toolkit/include:$libraries" "/usr/include/$debian:/usr/lib/$debian" \
    "/usr/include:/usr/lib/$debian" "/usr/include:/usr/lib64" "$fetched/include:$fetched/lib"; do
    headers=${folders%:*}
    if [ -e "$headers/cudnn.h" ] && [ -e "${folders##*:}/libcudnn.so.9" ] &&
      [ "$(number "$headers/cudnn_version.h" CUDNN_MAJOR)" = 9 ]; then
      cudnn=$headers cudnn_libraries=${folders##*:}
      break
    fi
  done
  for headers in "$toolkit/include" /usr/include "$fetched/include"; do
    if [ -e "$headers/cudnn_frontend.h" ]; then
      frontend=$headers
      break
    fi
  done
  [ -n "$cudnn" ] || missing="no cuDNN 9"
  [ -n "$frontend" ] || missing="${missing:+$missing, }no frontend of cuDNN"
fi
for name in toolkit libraries version cudnn cudnn_libraries frontend missing; do
  echo "$name=${!name}"
done
