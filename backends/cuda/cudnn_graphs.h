// The graphs that the backend gives to cuDNN: attention, and products with what follows them. No
// other files speak to its frontend. To build, plan and print a graph takes no GPU.
#ifndef BACKENDS_CUDA_CUDNN_GRAPHS_H_
#define BACKENDS_CUDA_CUDNN_GRAPHS_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace backends::cuda {

// What each tensor of a graph is to cuDNN, and in the map of pointers that it is run with.
enum CudnnTensor : int64_t {
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
  kLeft = 11,
  kRight,
  kProductBias,
  kPreGelu,
  kResult,
  kTimes,
  kSums,
};

// Attention over bf16 rows (batch, tokens, 3, heads, width): query, key and value of one token lie
// behind each other, as the product before gives them. Results are rows (batch, tokens, heads,
// width). log_sum_exp is f32 (batch, heads, tokens), for the gradient.
struct CudnnAttention {
  int64_t batch, tokens, heads, width;
};

// result (rows, cols) = left (rows, inner) · right, all bf16 and row-major; right is (inner, cols),
// or (cols, inner) where it is transposed.
struct CudnnProduct {
  int64_t rows, cols, inner;
  bool transposed;
};

// `device`: the text of cudnn_frontend::DeviceProperties, of a GPU that need not be there; empty:
// the thread's current device.
class CudnnGraph {
 public:
  static CudnnGraph Attention(const CudnnAttention& a, const std::string& device);
  // Without atomic sums. The gradients lie as query, key and value do.
  static CudnnGraph AttentionGrad(const CudnnAttention& a, const std::string& device);
  // result = gelu(pre) in its erf form, pre = product + bias, which is f32; pre is kept in bf16.
  static CudnnGraph ProductBiasGelu(const CudnnProduct& p, const std::string& device);
  // result = product * times, elementwise: times (rows, cols) is GELU's derivative. With `sums`,
  // also sums (cols) = the f32 sums of result's columns: a bias gradient.
  static CudnnGraph ProductTimes(const CudnnProduct& p, bool sums, const std::string& device);

  ~CudnnGraph();
  CudnnGraph(CudnnGraph&&);

  // Validates, plans and compiles it. Returns the bytes of workspace, or what cuDNN refused.
  absl::StatusOr<int64_t> Plan();
  // What the graph is, in the frontend's own words: nodes, and sizes and strides of all tensors.
  // After Plan(), which infers them.
  std::string Json() const;

 private:
  struct Impl;
  explicit CudnnGraph(const std::string& device);
  std::unique_ptr<Impl> impl_;
};

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_CUDNN_GRAPHS_H_
