// A GPU: its memory, its streams, and the handles of libraries that kernels share.
#ifndef BACKENDS_CUDA_CUDA_DEVICE_H_
#define BACKENDS_CUDA_CUDA_DEVICE_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "backends/cuda/cudnn.h"
#include "backends/cuda/gpu_properties.h"
#include "graph/runtime/device.h"

struct cublasLtContext;  // cublasLtHandle_t points to it

namespace backends::cuda {

// OK for 0, else `what` was being done, with the error's name and text: RESOURCE_EXHAUSTED where
// memory is lacking, INTERNAL otherwise. `cuda_error` is a cudaError_t.
absl::Status ToStatus(int cuda_error, absl::string_view what);

// Named "cuda:0", after its number. Tensors are aligned to 256 bytes, as cudaMalloc does. All
// errors that come from the device are sticky: after one, each call returns it.
class CudaDevice final : public graph::Device {
 public:
  // GPU `index`; the host keeps `threads` threads for what it does itself. UNAVAILABLE says in one
  // line what is missing (a driver, a GPU, a newer one) and what to do.
  static absl::StatusOr<std::shared_ptr<CudaDevice>> Create(int index, int threads);
  // A GPU that need not be there, named after its chip, to plan for: AvailableBytes() is its memory
  // without kReservedBytes, and all that would use it is FAILED_PRECONDITION. No driver is needed.
  // UNAVAILABLE where the chip is too old.
  static absl::StatusOr<std::shared_ptr<CudaDevice>> Describe(const GpuProperties& properties,
                                                              int threads);
  ~CudaDevice() override;

  std::string name() const override;
  int threads() const override { return threads_; }
  size_t alignment() const override { return 256; }
  bool host_accessible() const override { return false; }
  absl::optional<size_t> AvailableBytes() const override;

  absl::StatusOr<graph::Block> Allocate(size_t bytes, graph::Contents contents) override;
  absl::Status CopyIn(void* to, const void* from, size_t bytes) override;
  absl::Status CopyOut(void* to, const void* from, size_t bytes) override;
  absl::Status CopyWithin(void* to, const void* from, size_t bytes) override;
  absl::Status Launch(absl::FunctionRef<absl::Status()> start_kernels) override;
  // As a CUDA graph of the compute stream.
  absl::StatusOr<graph::CapturedWork> Capture(
      absl::FunctionRef<absl::Status()> start_kernels) override;
  absl::Status Replay(const graph::CapturedWork& work) override;
  absl::Status Synchronize() override;

  graph::Stream stream(graph::StreamRole role) override;
  absl::StatusOr<graph::Block> AllocateHost(size_t bytes) override;
  absl::Status StartCopyIn(void* to, const void* from, size_t bytes) override;
  absl::Status StartCopyOut(void* to, const void* from, size_t bytes) override;
  absl::StatusOr<graph::Event> MakeEvent() override;
  absl::Status Record(const graph::Event& event, graph::StreamRole stream) override;
  absl::Status StreamWait(graph::StreamRole stream, const graph::Event& event) override;
  absl::Status HostWait(const graph::Event& event) override;

  bool described() const { return index_ < 0; }
  const GpuProperties& properties() const { return properties_; }
  // Null where the GPU is only described.
  cublasLtContext* cublaslt() const { return cublaslt_; }
  // The plan of a graph on this GPU; it lives as long as the device. Unimplemented where there is
  // no cuDNN, or it refuses.
  absl::StatusOr<const CudnnPlan*> PlanCudnn(const CudnnGraphSpec& spec);
  // "cuDNN 9.19.0", or "no cuDNN: " and why.
  const std::string& cudnn_text() const { return cudnn_text_; }

 private:
  explicit CudaDevice(int index, int threads) : index_(index), threads_(threads) {}
  absl::Status Start();
  // Makes the GPU that of the calling thread.
  absl::Status Select() const;
  // A copy of the kind cudaMemcpyKind `kind`, after all other work, complete on return.
  absl::Status Copy(void* to, const void* from, size_t bytes, int kind);

  const int index_;  // negative: described
  const int threads_;
  GpuProperties properties_;
  graph::Stream compute_ = nullptr;
  graph::Stream copy_in_ = nullptr;
  cublasLtContext* cublaslt_ = nullptr;
  std::unique_ptr<Cudnn> cudnn_;
  std::string cudnn_text_;
};

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_CUDA_DEVICE_H_
