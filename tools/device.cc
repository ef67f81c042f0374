#include "tools/device.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "backends/cpu/kernel_table.h"
#include "graph/base/status.h"
#include "tools/cuda_backend.h"

namespace tools {
namespace {

DeviceChoice Cpu(std::string reason) {
  return {"cpu", std::move(reason), backends::cpu::DetectCapabilities()};
}

absl::StatusOr<DeviceChoice> Cuda(int index, std::string reason) {
  ASSIGN_OR_RETURN(const graph::Backend backend, MakeCudaBackend(index, /*threads=*/1));
  return DeviceChoice{backend.device->name(), std::move(reason), backend.capabilities};
}

}  // namespace

std::string DeviceChoice::Text() const {
  return reason.empty() ? device : absl::StrCat(device, ", chosen by auto: ", reason);
}

absl::StatusOr<DeviceChoice> ChooseDevice(absl::string_view asked) {
  if (asked == "cpu") return Cpu("");
  if (asked == "auto") {
    const absl::StatusOr<DeviceChoice> cuda = Cuda(0, "it is the first GPU");
    if (cuda.ok()) return cuda;
    // The way out that follows is for those who asked for a GPU.
    const absl::string_view message = cuda.status().message();
    return Cpu(std::string(message.substr(0, message.find(';'))));
  }
  int index = 0;
  absl::string_view number = asked;
  if (asked == "cuda" || (absl::ConsumePrefix(&number, "cuda:") &&
                          absl::SimpleAtoi(number, &index) && index >= 0)) {
    return Cuda(index, "");
  }
  return graph::InvalidArgument("--device=", asked, " must be auto, cpu, cuda or cuda:N");
}

}  // namespace tools
