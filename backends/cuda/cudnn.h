// cuDNN, for what neither cuBLASLt nor our own kernels do well: attention over many tokens, and
// products with an epilogue. It is loaded when a device starts and may be missing; then, and for
// what it refuses, our own kernels do the work.
#ifndef BACKENDS_CUDA_CUDNN_H_
#define BACKENDS_CUDA_CUDNN_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "backends/cuda/launch.h"

namespace backends::cuda {

// What a tensor is to its graph.
enum class CudnnTensor : int64_t {
  // Of attention.
  kQuery = 1,
  kKey,
  kValue,
  kAttended,
  kLogSumExp,
  // Of its gradient as well.
  kAttendedGrad,
  kQueryGrad,
  kKeyGrad,
  kValueGrad,
  // Of products.
  kX = 11,
  kW,
  kBias,
  kPre,
  kResult,
};

// Attention over bf16 rows (batch, tokens, 3, heads, width): query, key and value of one token lie
// behind each other, as the product before gives them. Results are rows (batch, tokens, heads,
// width); kLogSumExp is f32 (batch, heads, tokens), the natural logarithm of the sum of
// exponentials of the scaled scores.
struct CudnnAttention {
  int64_t batch, tokens, heads, width;
  // The gradient instead, of equal bits on every run. The results kQueryGrad, kKeyGrad and
  // kValueGrad lie as query, key and value do.
  bool grad;
};

// result (rows, cols) = the epilogue of x (rows, inner) · w, all bf16, dense and row-major; w is
// (inner, cols), or (cols, inner) where trans_w. The epilogue computes in f32.
struct CudnnProduct {
  enum Epilogue {
    kGelu,      // gelu(x · w + bias) in its erf form; bias is f32 (cols)
    kGeluGrad,  // x · w times gelu'(pre); pre is bf16 (rows, cols)
  };
  int64_t rows, cols, inner;
  bool trans_w;
  Epilogue epilogue;
  bool keep_pre = false;  // of kGelu: x · w + bias, which GELU is of, is a result as well, kPre
};

using CudnnGraphSpec = std::variant<CudnnAttention, CudnnProduct>;

// "attention gradient (64, 197, 16 x 32)": equal texts are equal graphs.
std::string Describe(const CudnnGraphSpec& spec);

// A tensor of a graph and its address on the device, which is 16-byte aligned.
using CudnnPointers = std::initializer_list<std::pair<CudnnTensor, const void*>>;

// A graph that is ready to run. Kernels may share one.
class CudnnPlan {
 public:
  virtual ~CudnnPlan() = default;
  virtual size_t workspace_bytes() const = 0;
  // Starts it, with an address for each tensor; `workspace` is 256-byte aligned. The stream may be
  // captured after a first run that is not.
  virtual absl::Status Run(CudnnPointers pointers, void* workspace, Stream stream) const = 0;
};

class Cudnn {
 public:
  virtual ~Cudnn() = default;

  virtual std::string version() const = 0;  // "9.19.0"
  // The plan for `spec`, which this owns: the first that cuDNN's heuristic proposes and supports,
  // so the same in every process. Unimplemented, with the reason, where it refuses the graph. It
  // takes about a second, and no time when the same graph is asked for again.
  absl::StatusOr<const CudnnPlan*> Plan(const CudnnGraphSpec& spec);

 private:
  virtual absl::StatusOr<std::unique_ptr<CudnnPlan>> MakePlan(const CudnnGraphSpec& spec) = 0;

  std::mutex mutex_;
  std::map<std::string, absl::StatusOr<std::unique_ptr<CudnnPlan>>> plans_;  // by description
};

// The library, for the calling thread's GPU, of compute capability `sm_version` (90: 9.0).
// Unavailable says in a few words why there is none. Defined by cudnn_library.cc; where the backend
// is built without cuDNN, by cudnn_none.cc; in tests by tests/fake_cuda/cudnn.cc.
absl::StatusOr<std::unique_ptr<Cudnn>> LoadCudnn(int sm_version);

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_CUDNN_H_
