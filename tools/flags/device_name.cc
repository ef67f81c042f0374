#include "tools/flags/device_name.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "graph/base/status.h"

namespace tools {

absl::Status CheckDeviceName(absl::string_view name) {
  constexpr int kMostGpus = 64;
  if (name == "auto" || name == "cpu" || name == "cuda") return absl::OkStatus();
  int number = 0;
  if (absl::ConsumePrefix(&name, "cuda:") &&
      std::all_of(name.begin(), name.end(), absl::ascii_isdigit) &&
      absl::SimpleAtoi(name, &number) && number < kMostGpus) {
    return absl::OkStatus();
  }
  return graph::InvalidArgument("must be auto, cpu, cuda or cuda:N, with N from 0 to ",
                                kMostGpus - 1);
}

}  // namespace tools
