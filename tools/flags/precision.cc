#include "tools/flags/precision.h"

#include "absl/strings/str_cat.h"

namespace tools {

graph::ComputePrecision PrecisionChoice::compute() const {
  return precision == "bf16" ? graph::ComputePrecision::kBF16 : graph::ComputePrecision::kF32;
}

std::string PrecisionChoice::Text() const {
  return reason.empty() ? precision : absl::StrCat(precision, ", chosen by auto: ", reason);
}

PrecisionChoice ChoosePrecision(absl::string_view asked, const graph::Capabilities& can,
                                bool has_pass, absl::string_view device) {
  const bool cpu = device == "cpu";
  PrecisionChoice choice;
  if (asked == "bf16") {
    if (can.bf16_products) {
      choice.precision = "bf16";
    } else {
      choice.lacks = "--precision=bf16 needs a CPU with AVX512-BF16 or AMX; this one has neither";
    }
  }
  if (asked != "auto") return choice;
  const absl::string_view who = cpu ? "this CPU" : device;
  // What each gains is in the tables of docs/performance.md.
  if (!has_pass) {
    choice.reason = "the pass that makes bf16, mixed_precision, is left out";
  } else if (can.fast_bf16_products) {
    choice.precision = "bf16";
    choice.reason = absl::StrCat(who, " has fast products of bf16",
                                 cpu ? " (trains 1.6 to 4.4 times as fast as fp32)" : "",
                                 "; --precision=fp32 rounds less");
  } else if (can.bf16_products) {
    choice.reason =
        absl::StrCat(who, "'s products of bf16 are slower than fp32; --precision=bf16 tries them");
  } else {
    choice.reason = absl::StrCat(who, " has no products of bf16");
  }
  return choice;
}

}  // namespace tools
