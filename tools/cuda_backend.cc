#include "tools/cuda_backend.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/cuda/entry.h"
#include "graph/base/status.h"

namespace tools {
namespace {

MakeCuda g_linked = nullptr;
DescribeCuda g_describe_linked = nullptr;

constexpr char kLibrary[] = "libdroppos_cuda.so";

// Where the library is; empty if nowhere.
std::string FindLibrary() {
  if (const char* given = std::getenv("DROPPOS_CUDA_LIBRARY"); given != nullptr) return given;
  std::error_code ignored;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", ignored);
  const std::vector<std::filesystem::path> candidates = {
      program.parent_path() / ".." / ".." / "lib" / kLibrary,            // the download
      program.string() + ".runfiles/droppos/backends/cuda/" + kLibrary,  // bazel run
      program.parent_path() / ".." / "backends" / "cuda" / kLibrary,     // bazel-bin
  };
  for (const std::filesystem::path& path : candidates) {
    if (std::filesystem::exists(path, ignored)) return path.lexically_normal().string();
  }
  return "";
}

template <typename Function>
absl::StatusOr<Function*> Symbol(void* library, const std::string& path, const char* name) {
  void* const found = dlsym(library, name);
  if (found == nullptr) {
    return absl::UnavailableError(absl::StrCat("'", path, "' is no CUDA backend: it has no ", name,
                                               "; unset DROPPOS_CUDA_LIBRARY, build it anew, or use "
                                               "--device=cpu"));
  }
  return reinterpret_cast<Function*>(found);
}

struct Library {
  decltype(&droppos_cuda_make_backend) make;
  decltype(&droppos_cuda_describe_backend) describe;
};

absl::StatusOr<Library> Load() {
  const std::string path = FindLibrary();
  if (path.empty()) {
    return absl::UnavailableError(
        absl::StrCat("this program was built without CUDA: there is no ", kLibrary,
                     " beside it; docs/gpu.md says how to build it, or use --device=cpu"));
  }
  // Its kernels live as long as the process.
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    // "libcudnn.so.9: cannot open shared object file: No such file or directory"
    return absl::UnavailableError(absl::StrCat("the CUDA backend does not load: ", dlerror(),
                                               "; docs/gpu.md lists the libraries that it needs, "
                                               "or use --device=cpu"));
  }
  ASSIGN_OR_RETURN(const auto abi, Symbol<int()>(library, path, "droppos_cuda_abi"));
  if (abi() != backends::cuda::kAbi) {
    return absl::UnavailableError(absl::StrCat("'", path, "' belongs to another version (interface ",
                                               abi(), ", this program has ", backends::cuda::kAbi,
                                               "); build both anew, or use --device=cpu"));
  }
  Library entries;
  ASSIGN_OR_RETURN(entries.make, Symbol<decltype(droppos_cuda_make_backend)>(
                                     library, path, "droppos_cuda_make_backend"));
  ASSIGN_OR_RETURN(entries.describe, Symbol<decltype(droppos_cuda_describe_backend)>(
                                         library, path, "droppos_cuda_describe_backend"));
  return entries;
}

const absl::StatusOr<Library>& Loaded() {
  static const auto* const library = new absl::StatusOr<Library>(Load());
  return *library;
}

}  // namespace

void UseLinkedCudaBackend(MakeCuda make, DescribeCuda describe) {
  g_linked = make;
  g_describe_linked = describe;
}

absl::StatusOr<graph::Backend> MakeCudaBackend(int index, int threads) {
  if (g_linked != nullptr) return g_linked(index, threads);
  RETURN_IF_ERROR(Loaded().status());
  absl::StatusOr<graph::Backend> backend = absl::UnknownError("");
  Loaded()->make(index, threads, &backend);
  return backend;
}

absl::StatusOr<graph::Backend> DescribeCudaBackend(const backends::cuda::GpuProperties& gpu,
                                                   int threads) {
  if (g_describe_linked != nullptr) return g_describe_linked(gpu, threads);
  RETURN_IF_ERROR(Loaded().status());
  absl::StatusOr<graph::Backend> backend = absl::UnknownError("");
  Loaded()->describe(gpu, threads, &backend);
  return backend;
}

}  // namespace tools
