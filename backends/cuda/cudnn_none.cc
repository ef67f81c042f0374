#include "backends/cuda/cudnn.h"

namespace backends::cuda {

absl::StatusOr<std::unique_ptr<Cudnn>> LoadCudnn(int) {
  return absl::UnavailableError("the backend was built without it");
}

}  // namespace backends::cuda
