#include "tools/device.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "backends/cpu/kernel_table.h"
#include "graph/base/quoted.h"
#include "graph/base/status.h"
#include "tools/cuda_backend.h"
#include "tools/flags/device_name.h"
#include "tools/plugins.h"

namespace tools {
namespace {

absl::StatusOr<DeviceChoice> Cuda(int index, int threads, std::string reason) {
  ASSIGN_OR_RETURN(const graph::Backend backend, MakeCudaBackend(index, threads));
  return DeviceChoice{backend.device->name(), std::move(reason), backend.capabilities, backend};
}

}  // namespace

std::string DeviceChoice::Text() const {
  return reason.empty() ? device : absl::StrCat(device, ", chosen by auto: ", reason);
}

std::string DeviceChoice::Line() const {
  return Text() == "cpu" ? "" : absl::StrCat("on     ", Text(), "\n");
}

DeviceChoice CpuDevice() { return {"cpu", "", backends::cpu::DetectCapabilities(), {}}; }

absl::StatusOr<DeviceChoice> ChooseDevice(absl::string_view asked, int threads) {
  const std::string flag = absl::StrCat("--device=", graph::Shortened(asked));
  RETURN_IF_ERROR(graph::Annotate(CheckDeviceName(asked), flag));
  if (asked == "cpu") return CpuDevice();
  if (asked == "auto") {
    absl::StatusOr<DeviceChoice> cuda = Cuda(0, threads, "it is the first GPU");
    if (cuda.ok()) return cuda;
    DeviceChoice cpu = CpuDevice();
    // The way out that follows is for those who asked for a GPU.
    const absl::string_view message = cuda.status().message();
    cpu.reason = std::string(message.substr(0, message.find(';')));
    return cpu;
  }
  int index = 0;
  absl::string_view number = asked;
  if (absl::ConsumePrefix(&number, "cuda:")) CHECK(absl::SimpleAtoi(number, &index));
  absl::StatusOr<DeviceChoice> cuda = Cuda(index, threads, "");
  if (!cuda.ok()) return graph::Annotate(cuda.status(), flag);
  return cuda;
}

absl::StatusOr<graph::Backend> MakeBackend(const DeviceChoice& choice, int threads) {
  if (choice.gpu.has_value() && choice.gpu->device->threads() == threads) return *choice.gpu;
  return MakeBackend(choice.device, threads);
}

}  // namespace tools
