#include "tools/reference_backend.h"

#include "backends/reference/droppos/kernel_table.h"
#include "backends/reference/kernel_table.h"
#include "tools/plugins.h"

namespace tools {

graph::Backend MakeReferenceBackend() {
  graph::Backend backend = backends::reference::MakeBackend();
  backends::reference::droppos::RegisterKernels(&backend.kernels);
  return backend;
}

absl::StatusOr<DeviceChoice> ChooseAnyDevice(absl::string_view asked, int threads) {
  if (asked != "reference") return ChooseDevice(asked, threads);
  return DeviceChoice{"reference", "", MakeReferenceBackend().capabilities, {}};
}

absl::StatusOr<graph::Backend> MakeAnyBackend(const DeviceChoice& choice, int threads) {
  return choice.device == "reference" ? MakeReferenceBackend() : MakeBackend(choice, threads);
}

absl::StatusOr<graph::Backend> MakeAnyBackend(absl::string_view name, int threads) {
  if (name == "reference") return MakeReferenceBackend();
  return MakeBackend(name, threads);
}

}  // namespace tools
