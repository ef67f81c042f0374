// --device: where nets run.
#ifndef TOOLS_DEVICE_H_
#define TOOLS_DEVICE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "graph/compiler/backend.h"

namespace tools {

struct DeviceChoice {
  std::string device;  // "cpu", "cuda:0"
  std::string reason;  // why auto chose it; empty if it was asked for
  graph::Capabilities capabilities;
  absl::optional<graph::Backend> gpu;  // made to see that it can be had; empty for "cpu"

  // "cuda:0, chosen by auto: ...", "cpu".
  std::string Text() const;
  // A line for the tools: "on     " and Text(); empty for "cpu" that was asked for.
  std::string Line() const;
};

// The CPU, as if it was asked for.
DeviceChoice CpuDevice();

// `asked` is "auto" (a GPU if there is one, else the CPU), "cpu", "cuda" (the first GPU) or "cuda:N".
// UNAVAILABLE says why a GPU that was asked for cannot be had; INVALID_ARGUMENT for other names. Both
// name the flag. Beside a GPU the host uses `threads` threads.
absl::StatusOr<DeviceChoice> ChooseDevice(absl::string_view asked, int threads);

// The GPU that was chosen, which is not made again unless `threads` are others than it was chosen
// with; else MakeBackend (plugins.h) of the choice's name.
absl::StatusOr<graph::Backend> MakeBackend(const DeviceChoice& choice, int threads);

}  // namespace tools

#endif  // TOOLS_DEVICE_H_
