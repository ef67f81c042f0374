#include "tools/diff/way.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "graph/base/quoted.h"
#include "graph/base/status.h"

namespace tools {
namespace {

using graph::ComputePrecision;

absl::Status Wrong(const std::string& flag, absl::string_view word, const char* way_out) {
  return graph::InvalidArgument(flag, ": ", graph::Quoted(word), " ", way_out);
}

}  // namespace

graph::PipelineOptions Way::Pipeline() const {
  graph::PipelineOptions options;
  options.enabled = passes;
  options.disabled = disabled;
  options.precision = precision;
  if (guide != precision) options.precision_overrides.push_back({"guide", guide});
  return options;
}

absl::StatusOr<Way> ParseWay(const std::string& flag, const std::string& text) {
  Way way;
  way.text = text;
  bool guide_given = false;
  std::set<std::string> seen;
  for (absl::string_view word : absl::StrSplit(text, ',')) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(word, absl::MaxSplits('=', 1));
    const auto& [key, value] = parts;
    const bool backend = word == "cpu" || word == "reference";
    if (!seen.insert(backend ? "backend" : key).second) {
      return Wrong(flag, word, "says again what another word has said; leave one out");
    }
    if (backend) {
      way.backend = std::string(word);
    } else if (key == "passes" && (value == "on" || value == "off")) {
      way.passes = value == "on";
    } else if (key == "disable" && !value.empty()) {
      for (absl::string_view name : absl::StrSplit(value, '+')) way.disabled.emplace(name);
    } else if (key == "precision" && (value == "fp32" || value == "bf16")) {
      way.precision = value == "bf16" ? ComputePrecision::kBF16 : ComputePrecision::kF32;
    } else if (key == "guide" && (value == "same" || value == "bf16" || value == "int8")) {
      guide_given = value != "same";
      way.guide = value == "int8" ? ComputePrecision::kInt8Products : ComputePrecision::kBF16;
    } else if (key == "threads") {
      if (!absl::SimpleAtoi(value, &way.threads) || way.threads < 1 || way.threads > 1024) {
        return Wrong(flag, word, "must be a whole number from 1 to 1024");
      }
    } else {
      return Wrong(flag, word,
                   "is none of cpu, reference, passes=on|off, disable=NAME+NAME, "
                   "precision=fp32|bf16, guide=same|bf16|int8, threads=N");
    }
  }
  if (!guide_given) way.guide = way.precision;
  if (!way.passes && (way.precision != ComputePrecision::kF32 || guide_given)) {
    return graph::InvalidArgument(flag, ": passes=off leaves out the pass that lowers the ",
                                  "precision; use disable=NAME for others, or precision=fp32");
  }
  return way;
}

}  // namespace tools
