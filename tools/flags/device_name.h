// The form of --device, in every program.
#ifndef TOOLS_FLAGS_DEVICE_NAME_H_
#define TOOLS_FLAGS_DEVICE_NAME_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace tools {

// For --help.
inline constexpr char kDeviceNames[] = "auto|cpu|cuda|cuda:N";
inline constexpr char kDeviceHelp[] =
    "where nets run: cuda is the first GPU, auto takes it if it can be used and else the CPU "
    "(docs/gpu.md)";

// That `name` is one of these, with N from 0 to 63; the error has no flag's name. Whether there is
// such a GPU, ChooseDevice (tools/device.h) says.
absl::Status CheckDeviceName(absl::string_view name);

}  // namespace tools

#endif  // TOOLS_FLAGS_DEVICE_NAME_H_
