#include "tools/diff/diff_flags.h"

#include <cmath>
#include <map>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "graph/base/printable.h"
#include "graph/base/quoted.h"
#include "graph/base/status.h"
#include "models/training/invocation.h"
#include "models/training/output_dir.h"
#include "tools/flags/device_name.h"
#include "tools/flags/flag_table.h"
#include "tools/flags/parse_flags.h"
#include "tools/flags/resolve_flags.h"

namespace tools {
namespace {

using graph::ComputePrecision;

absl::Status Wrong(const std::string& flag, absl::string_view word, const char* way_out) {
  return graph::InvalidArgument(flag, ": ", graph::Quoted(word), " ", way_out);
}

// Removes this tool's own flags from `args`: "--a=x", "--a x".
absl::StatusOr<std::map<std::string, std::string>> TakeOwn(std::vector<std::string>* args) {
  static const std::set<std::string> names = {"--a", "--b", "--golden", "--bound", "--most_mib"};
  std::map<std::string, std::string> own;
  std::vector<std::string> rest;
  for (size_t i = 0; i < args->size(); ++i) {
    const std::string& arg = (*args)[i];
    const size_t equals = arg.find('=');
    const std::string name = arg.substr(0, equals);
    if (name == "--help" || name == "-h") {
      own["--help"] = "";
    } else if (names.count(name) == 0) {
      rest.push_back(arg);
    } else if (equals != std::string::npos) {
      own[name] = arg.substr(equals + 1);
    } else if (i + 1 < args->size()) {
      own[name] = (*args)[++i];
    } else {
      return graph::InvalidArgument(name, " needs a value: ", name, "=VALUE");
    }
  }
  *args = std::move(rest);
  return own;
}

absl::StatusOr<models::ZooEntry> EntryOf(std::vector<std::string> args, const models::Zoo& zoo,
                                         uint64_t* seed) {
  const std::vector<FlagRow> table = FlagTable(zoo.entries());
  for (const std::string& arg : args) {
    const std::string name = arg.substr(0, arg.find('='));
    for (const FlagRow& row : table) {
      if (row.scope != models::FlagScope::kCompute) continue;
      if (name == absl::StrCat("--", row.name) || name == absl::StrCat("--no_", row.name)) {
        return graph::InvalidArgument(name, " is said in --a and --b, for each of them");
      }
    }
  }
  args.insert(args.begin(), "--batch_size=2");  // the last one given wins
  ASSIGN_OR_RETURN(const ParsedFlags parsed, ParseTrainFlags(args, zoo));
  if (!parsed.flags.model) {
    return graph::InvalidArgument("--model=NAME or --golden=FILE must say what to run");
  }
  ASSIGN_OR_RETURN(const models::ZooEntry entry, zoo.Find(*parsed.flags.model));
  ASSIGN_OR_RETURN(const ResolvedFlags resolved, ResolveTrainFlags(parsed.flags, entry, {}));
  *seed = static_cast<uint64_t>(resolved.flags.seed.value_or(0));
  return resolved.entry;
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
    const bool backend = word == "reference" || CheckDeviceName(word).ok();
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
                   "is none of cpu, cuda, cuda:N, auto, reference, passes=on|off, "
                   "disable=NAME+NAME, "
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

absl::StatusOr<DiffFlags> ParseDiffFlags(const std::vector<std::string>& args,
                                         const models::Zoo& zoo) {
  DiffFlags flags;
  std::vector<std::string> rest = args;
  ASSIGN_OR_RETURN(auto own, TakeOwn(&rest));
  if (own.count("--help") > 0) {
    flags.help = true;
    return flags;
  }
  if (own.count("--a") == 0) {
    return graph::InvalidArgument("--a=WAY is missing; for example --a=cpu,passes=off");
  }
  ASSIGN_OR_RETURN(flags.a, ParseWay("--a", own["--a"]));
  if (own.count("--bound") > 0) {
    double bound;
    if (!absl::SimpleAtod(own["--bound"], &bound) || !(bound >= 0) || std::isinf(bound)) {
      return graph::InvalidArgument("--bound=", graph::Printable(own["--bound"]),
                                    " must be a number, at least 0");
    }
    flags.bound = bound;
  }
  if (own.count("--most_mib") > 0 &&
      (!absl::SimpleAtoi(own["--most_mib"], &flags.most_mib) || flags.most_mib < 1)) {
    return graph::InvalidArgument("--most_mib=", graph::Printable(own["--most_mib"]),
                                  " must be a whole number, at least 1");
  }
  if (own.count("--golden") > 0) {
    if (own.count("--b") > 0 || !rest.empty()) {
      return graph::InvalidArgument("--golden compares --a with the case, which says the model; ",
                                    "leave out ", own.count("--b") > 0 ? "--b" : rest[0]);
    }
    flags.golden = models::ResolveUserPath(own["--golden"]);
    return flags;
  }
  if (own.count("--b") == 0) {
    return graph::InvalidArgument("--b=WAY is missing; for example --b=cpu,passes=on");
  }
  ASSIGN_OR_RETURN(flags.b, ParseWay("--b", own["--b"]));
  ASSIGN_OR_RETURN(flags.entry, EntryOf(std::move(rest), zoo, &flags.seed));
  return flags;
}

std::string DiffFlagsHelp() {
  return absl::StrReplaceAll(R"(Runs the same net two ways and reports the first blob that differs.

  bazel run //tools:diff_nets -- --model=droppos_tiny --a=reference --b=cpu
  bazel run //tools:diff_nets -- --model=droppos_tiny --a=cpu,passes=off --b=cpu,precision=bf16
  bazel run //tools:diff_nets -- --golden=FILE.safetensors --a=cpu

  --a=WAY --b=WAY   words with commas between them: cpu, cuda, cuda:N,
                    auto or reference, passes=on|off, disable=PASS+PASS,
                    precision=fp32|bf16, guide=same|bf16|int8, threads=N
  --model=NAME      a model of the zoo, with the shape flags of train, on random
                    images (--batch_size, 2 by default) and parameters by --seed
  --golden=FILE     a case of the official code instead of model and --b
  --bound=X         largest error as a share of a blob's largest element;
                    default 1e-4, and 0.06 where something is computed in bf16
                    (why: tools/diff/diff_nets.h)
  --most_mib=N      memory for the results of --a, all of which are kept;
                    default 4096

Exit code 0 when all blobs that both nets have are within bounds, 1 when not or
when a net cannot be run, 2 on bad usage.
)",
                             {{"bazel run //tools:diff_nets --", models::Invocation("diff_nets")}});
}

}  // namespace tools
