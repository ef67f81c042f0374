// --device: where nets run.
#ifndef TOOLS_DEVICE_H_
#define TOOLS_DEVICE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "graph/compiler/backend.h"

namespace tools {

struct DeviceChoice {
  std::string device;  // "cpu", "cuda:0"
  std::string reason;  // why auto chose it; empty if it was asked for
  graph::Capabilities capabilities;

  // "cuda:0, chosen by auto: ...", "cpu".
  std::string Text() const;
  // A line for the tools: "on     " and Text(); empty for "cpu" that was asked for.
  std::string Line() const;
};

// The CPU, as if it was asked for.
DeviceChoice CpuDevice();

// `asked` is "auto" (a GPU if there is one, else the CPU), "cpu", "cuda" (the first GPU) or "cuda:N".
// UNAVAILABLE says why a GPU that was asked for cannot be had; INVALID_ARGUMENT for other names. Both
// name the flag.
absl::StatusOr<DeviceChoice> ChooseDevice(absl::string_view asked);

}  // namespace tools

#endif  // TOOLS_DEVICE_H_
