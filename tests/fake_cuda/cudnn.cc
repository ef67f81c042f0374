// cuDNN of the emulated device: its frontend checks a graph and prints it, and the interpreter
// runs what is printed. The library is asked for its version alone; that it plans the same graphs
// is cudnn_plans_test's business.
#include "backends/cuda/cudnn.h"

#include <cstring>
#include <map>

#include "absl/strings/str_cat.h"
#include "backends/cuda/cudnn_graphs.h"
#include "graph/base/status.h"
#include "tests/fake_cuda/cudnn_interpreter.h"
#include "tests/fake_cuda/state.h"
#include "tests/simt/memory.h"

namespace backends::cuda {
namespace {

class InterpretedPlan final : public CudnnPlan {
 public:
  explicit InterpretedPlan(std::string json)
      : json_(std::make_shared<const std::string>(std::move(json))) {}

  size_t workspace_bytes() const override { return 1000; }

  absl::Status Run(CudnnPointers pointers, void* workspace, Stream stream) const override {
    const fake_cuda::Entry entry;
    std::map<int64_t, void*> by_uid;
    bool aligned = reinterpret_cast<uintptr_t>(workspace) % 256 == 0;
    for (const auto& [tensor, p] : pointers) {
      aligned = aligned && reinterpret_cast<uintptr_t>(p) % 16 == 0;
      by_uid[static_cast<int64_t>(tensor)] = const_cast<void*>(p);
    }
    // "device pointer is not aligned to the tensor's ...-byte alignment" (frontend, execute)
    if (!aligned) return absl::InternalError("cuDNN, starting a graph: unaligned");
    const auto run = [json = json_, by_uid, workspace, bytes = workspace_bytes()] {
      simt::Touch(workspace, bytes, true);  // nobody else's meanwhile, and garbage when it is done
      std::memset(workspace, 0xff, bytes);
      fake_cuda::ExecuteCudnnGraph(*json, by_uid, simt::Touch);
    };
    const cudaError_t error = fake_cuda::Enqueue(stream, "cudnn", run);
    if (error == cudaSuccess) return absl::OkStatus();
    return absl::InternalError(absl::StrCat("cuDNN, starting a graph: ", cudaGetErrorName(error)));
  }

 private:
  const std::shared_ptr<const std::string> json_;  // work may outlive the plan
};

class InterpretedCudnn final : public Cudnn {
 public:
  InterpretedCudnn(int version, int sm_version) : version_(version), sm_version_(sm_version) {}

  std::string version() const override { return CudnnVersionText(version_); }

 private:
  absl::StatusOr<std::unique_ptr<CudnnPlan>> MakePlan(const CudnnGraphSpec& spec) override {
    CudnnTarget target;
    target.sm_version = sm_version_;
    CudnnGraph graph(spec, target);
    RETURN_IF_ERROR(graph.Validate());
    return std::make_unique<InterpretedPlan>(graph.Json());
  }

  const int version_, sm_version_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Cudnn>> LoadCudnn(int sm_version) {
  if (!fake_cuda::state().options.cudnn) {
    return absl::UnavailableError("libcudnn.so.9: cannot open shared object file");
  }
  ASSIGN_OR_RETURN(const int version, OpenCudnn());
  return std::make_unique<InterpretedCudnn>(version, sm_version);
}

}  // namespace backends::cuda
