// cuDNN itself, as programs use it.
#include "backends/cuda/cudnn.h"
#include "backends/cuda/cudnn_graphs.h"
#include "graph/base/status.h"

namespace backends::cuda {
namespace {

// What plans share: a handle has one stream, so one of them starts at a time.
struct Shared {
  std::mutex mutex;
  std::unique_ptr<CudnnHandle> handle;
};

class LibraryPlan final : public CudnnPlan {
 public:
  LibraryPlan(std::shared_ptr<Shared> shared, std::unique_ptr<CudnnGraph> graph,
              int64_t workspace_bytes)
      : shared_(std::move(shared)),
        graph_(std::move(graph)),
        workspace_bytes_(static_cast<size_t>(workspace_bytes)) {}

  size_t workspace_bytes() const override { return workspace_bytes_; }
  absl::Status Run(CudnnPointers pointers, void* workspace, Stream stream) const override {
    const std::lock_guard<std::mutex> lock(shared_->mutex);
    RETURN_IF_ERROR(shared_->handle->SetStream(stream));
    return graph_->Execute(*shared_->handle, pointers, workspace);
  }

 private:
  const std::shared_ptr<Shared> shared_;  // outlives the graph, which is of the handle
  const std::unique_ptr<CudnnGraph> graph_;
  const size_t workspace_bytes_;
};

class LibraryCudnn final : public Cudnn {
 public:
  LibraryCudnn(int version, int sm_version, std::unique_ptr<CudnnHandle> handle)
      : version_(version), sm_version_(sm_version), shared_(std::make_shared<Shared>()) {
    shared_->handle = std::move(handle);
  }

  std::string version() const override { return CudnnVersionText(version_); }

 private:
  absl::StatusOr<std::unique_ptr<CudnnPlan>> MakePlan(const CudnnGraphSpec& spec) override {
    CudnnTarget target;
    target.handle = shared_->handle->get();
    target.sm_version = sm_version_;
    auto graph = std::make_unique<CudnnGraph>(spec, target);
    ASSIGN_OR_RETURN(const int64_t workspace_bytes, graph->Plan());
    return std::make_unique<LibraryPlan>(shared_, std::move(graph), workspace_bytes);
  }

  const int version_, sm_version_;
  const std::shared_ptr<Shared> shared_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Cudnn>> LoadCudnn(int sm_version) {
  ASSIGN_OR_RETURN(const int version, OpenCudnn());
  ASSIGN_OR_RETURN(std::unique_ptr<CudnnHandle> handle, CudnnHandle::Create());
  return std::make_unique<LibraryCudnn>(version, sm_version, std::move(handle));
}

}  // namespace backends::cuda
