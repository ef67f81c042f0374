#include "tools/benchmark/net_bench.h"

#include <limits>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "graph/base/status.h"
#include "graph/compiler/compiler.h"
#include "graph/ir/serialize.h"
#include "models/data/file_util.h"
#include "models/training/nets.h"
#include "tools/benchmark/random_fill.h"

namespace tools {
namespace {

absl::StatusOr<graph::Net> ReadNet(const std::string& flag, const std::string& path) {
  constexpr int64_t kMostBytes = int64_t{1} << 30;
  absl::StatusOr<std::string> bytes = models::ReadFile(path, kMostBytes);
  if (!bytes.ok()) return graph::Annotate(bytes.status(), flag);
  absl::StatusOr<graph::Net> net = absl::EndsWith(path, ".pbtxt") ? graph::FromNetDefText(*bytes)
                                                                  : graph::FromNetDefBytes(*bytes);
  if (!net.ok()) return graph::Annotate(net.status(), absl::StrCat(flag, "=", path));
  return net;
}

// "X_init_net.pb" beside "X_predict_net.pb"; empty if there is none.
std::string InitNetBeside(const std::string& path) {
  for (const char* ending : {".pb", ".pbtxt"}) {
    absl::string_view stem = path;
    if (!absl::ConsumeSuffix(&stem, absl::StrCat("_predict_net", ending))) continue;
    const std::string init = absl::StrCat(stem, "_init_net", ending);
    if (models::IsFile(init)) return init;
  }
  return "";
}

// Values for the scalars of training nets with which the step is done as in training.
float ScalarOf(const std::string& name) {
  if (name == "lr") return 1e-4f;
  return name == models::kLossLimit ? std::numeric_limits<float>::infinity() : 1.0f;
}

absl::Status FillInputs(graph::Executable* executable, int64_t ids) {
  for (const graph::BlobId input : executable->net().inputs) {
    const graph::Blob& blob = executable->net().blob(input);
    ASSIGN_OR_RETURN(const graph::Tensor tensor, executable->Find(blob.name));
    if (blob.type.dtype == graph::DType::kF32 && blob.type.elements() == 1) {
      RETURN_IF_ERROR(tensor.WriteScalar(ScalarOf(blob.name)));
    } else {
      RETURN_IF_ERROR(FillRandom(ids, tensor));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<NetBenchResult> BenchNet(const graph::SchemaRegistry& registry,
                                        const graph::Backend& backend,
                                        const NetBenchOptions& options) {
  NetBenchResult result;
  result.init_net = options.init_net.empty() ? InitNetBeside(options.net) : options.init_net;
  ASSIGN_OR_RETURN(graph::Net net, ReadNet("--net", options.net));
  result.net = net.name;
  graph::CompileOptions compile{&registry, &backend, {}};
  compile.passes.enabled = false;
  graph::Workspace workspace(backend.device);
  absl::StatusOr<std::unique_ptr<graph::Executable>> compiled =
      graph::Compile(std::move(net), compile, &workspace);
  if (!compiled.ok()) {
    return graph::Annotate(compiled.status(), absl::StrCat("--net=", options.net));
  }
  graph::Executable& executable = **compiled;
  if (!result.init_net.empty()) {
    ASSIGN_OR_RETURN(graph::Net init, ReadNet("--init_net", result.init_net));
    absl::StatusOr<std::unique_ptr<graph::Executable>> set =
        graph::Compile(std::move(init), compile, &workspace);
    RETURN_IF_ERROR(graph::Annotate(set.ok() ? (*set)->Run() : set.status(),
                                    absl::StrCat("--init_net=", result.init_net)));
  }
  RETURN_IF_ERROR(FillInputs(&executable, options.ids));

  std::vector<double> seconds;
  for (int run = -options.warmup; run < options.runs; ++run) {
    const Clock::time_point start = Clock::now();
    RETURN_IF_ERROR(executable.Run());
    if (run >= 0) seconds.push_back(SecondsSince(start));
  }
  result.seconds = SpreadOf(seconds);
  OpTimes times;
  executable.AddTraceHook(&times);
  for (int run = 0; run < options.runs; ++run) RETURN_IF_ERROR(executable.Run());
  executable.RemoveTraceHook(&times);
  result.ops = times.ByOp(registry, executable);
  result.arena_bytes = workspace.arena_bytes();
  result.persistent_bytes = workspace.persistent_bytes() + executable.slot()->bytes();
  return result;
}

}  // namespace tools
