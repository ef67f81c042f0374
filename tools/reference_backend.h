// The naive double-precision backend with the plugins' kernels, for tools that check; never linked
// into the trainer.
#ifndef TOOLS_REFERENCE_BACKEND_H_
#define TOOLS_REFERENCE_BACKEND_H_

#include "absl/status/statusor.h"
#include "graph/compiler/backend.h"
#include "tools/device.h"

namespace tools {

graph::Backend MakeReferenceBackend();

// ChooseDevice and MakeBackend (device.h, plugins.h) that know "reference", too.
absl::StatusOr<DeviceChoice> ChooseAnyDevice(absl::string_view asked, int threads);
absl::StatusOr<graph::Backend> MakeAnyBackend(const DeviceChoice& choice, int threads);
absl::StatusOr<graph::Backend> MakeAnyBackend(absl::string_view name, int threads);

}  // namespace tools

#endif  // TOOLS_REFERENCE_BACKEND_H_
