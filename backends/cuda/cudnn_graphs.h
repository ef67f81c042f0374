// Graphs in the words of cuDNN's frontend. No other files include it. To build, validate, plan and
// print a graph takes no GPU.
#ifndef BACKENDS_CUDA_CUDNN_GRAPHS_H_
#define BACKENDS_CUDA_CUDNN_GRAPHS_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "backends/cuda/cudnn.h"
#include "backends/cuda/launch.h"

struct cudnnContext;  // cudnnHandle_t points to it

namespace backends::cuda {

// Loads libcudnn.so.9, once in a process, and returns its version: 91900 for 9.19.0. Unavailable
// where there is none, or an old one. All that follows needs it.
absl::StatusOr<int> OpenCudnn();
std::string CudnnVersionText(int version);  // "9.19.0"

// A handle of the library, on the calling thread's GPU.
class CudnnHandle {
 public:
  static absl::StatusOr<std::unique_ptr<CudnnHandle>> Create();
  ~CudnnHandle();

  cudnnContext* get() const { return handle_; }
  absl::Status SetStream(Stream stream);

 private:
  explicit CudnnHandle(cudnnContext* handle) : handle_(handle) {}

  cudnnContext* const handle_;
  Stream stream_ = nullptr;
};

// The GPU that a graph is planned for.
struct CudnnTarget {
  cudnnContext* handle = nullptr;  // that of the handle
  int sm_version = 0;              // its compute capability; 90: 9.0
  // Where there is no handle: the text of cudnn_frontend::DeviceProperties, of a GPU that need not
  // be there, with that compute capability.
  std::string properties;
};

class CudnnGraph {
 public:
  CudnnGraph(const CudnnGraphSpec& spec, const CudnnTarget& target);
  ~CudnnGraph();

  // What the frontend checks by itself; it infers sizes and strides.
  absl::Status Validate();
  // Validates, plans and compiles it. Returns the bytes of workspace, or Unimplemented with what
  // cuDNN refused.
  absl::StatusOr<int64_t> Plan();
  // What the graph is, in the frontend's own words: nodes, and sizes and strides of all tensors.
  // After Validate() or Plan().
  std::string Json() const;
  // Starts what Plan() has made, in the handle's stream.
  absl::Status Execute(const CudnnHandle& handle, CudnnPointers pointers, void* workspace) const;

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_CUDNN_GRAPHS_H_
