#include "tools/diff/diff_nets.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "graph/base/counted.h"
#include "graph/base/status.h"
#include "tools/parity/replay.h"
#include "tools/parity/values.h"

namespace tools {
namespace {

using graph::ConstTensor;
using graph::Executable;

struct Kept {
  graph::TensorType type;
  std::vector<uint8_t> bytes;

  std::vector<double> values() const { return ValuesOf(type.dtype, bytes).data; }
};
absl::StatusOr<Kept> ReadAll(const graph::ConstTensor& tensor) {
  Kept kept{tensor.type, std::vector<uint8_t>(tensor.type.bytes())};
  RETURN_IF_ERROR(tensor.ReadBytes(0, absl::MakeSpan(kept.bytes)));
  return kept;
}

// What is done with each result of a run.
using See = std::function<absl::Status(const graph::Net&, const graph::Op&, graph::BlobId,
                                       const ConstTensor&)>;

// Shows results to `see` until that fails.
class Watch : public graph::TraceHook {
 public:
  explicit Watch(See see) : see_(std::move(see)) {}
  void BeforeOp(const graph::Net&, graph::OpId) override {}
  void AfterOp(const graph::Net& net, graph::OpId id,
               absl::Span<const ConstTensor> outputs) override {
    const graph::Op& op = net.ops[id];
    for (size_t i = 0; i < outputs.size() && status_.ok(); ++i) {
      status_ = see_(net, op, op.outputs[i], outputs[i]);
    }
  }
  const absl::Status& status() const { return status_; }

 private:
  const See see_;
  absl::Status status_;
};

// A side's net with its own memory.
class Runnable {
 public:
  explicit Runnable(const DiffSide& side) : side_(side), workspace_(side.compile.backend->device) {}

  absl::Status Make(const graph::Net& net) {
    absl::StatusOr<std::unique_ptr<Executable>> made =
        graph::Compile(net, side_.compile, &workspace_);
    if (!made.ok()) return graph::Annotate(made.status(), side_.name);
    executable_ = std::move(*made);
    return graph::Annotate(side_.feed(executable_.get()), side_.name);
  }
  size_t ResultBytes() const {
    size_t bytes = 0;
    const graph::Net& net = executable_->net();
    for (const graph::Op& op : net.ops) {
      for (graph::BlobId b : op.outputs) bytes += net.type(b).bytes();
    }
    return bytes;
  }
  absl::Status Run(See see) {
    Watch watch(std::move(see));
    executable_->AddTraceHook(&watch);
    absl::Status status = executable_->Run();
    executable_->RemoveTraceHook(&watch);
    status.Update(watch.status());
    return graph::Annotate(status, side_.name);
  }

 private:
  const DiffSide& side_;
  graph::Workspace workspace_;
  std::unique_ptr<Executable> executable_;
};

// "12 only in a: x, y, z, ..."
void Names(const std::vector<std::string>& names, const std::string& what, std::string* text) {
  constexpr size_t kShown = 4;
  if (names.empty()) return;
  const std::vector<std::string> shown(names.begin(),
                                       names.begin() + std::min(kShown, names.size()));
  absl::StrAppend(text, "  not compared: ", graph::Counted(names.size(), "blob"), " ", what, ": ",
                  absl::StrJoin(shown, ", "), names.size() > kShown ? ", ..." : "", "\n");
}

// "loss:accuracy", "out/acc1"; not "accum/norm.weight".
bool IsShare(const std::string& blob) {
  return absl::StrContains(blob, "accuracy") || absl::EndsWith(blob, "acc1");
}

double OverBound(const BlobDiff& diff) {
  return diff.bound > 0 ? diff.error / diff.bound : diff.error > 0 ? 1e300 : 0;
}

}  // namespace

void Judge(const std::vector<double>& a, const std::vector<double>& b, const Bounds& bounds,
           bool of_floats, bool low, BlobDiff* diff) {
  Measure(a, b, diff);
  const double counts = low ? bounds.counts_low : bounds.counts_f32;
  if (diff->integer) {
    diff->bound = of_floats ? std::max(counts, 2 / diff->scale) : 0;
  } else if (IsShare(diff->blob)) {
    diff->scale = 1;
    diff->error = diff->max_abs;
    diff->bound = counts;
  } else {
    diff->bound = low ? bounds.low : bounds.f32;
  }
}

const BlobDiff* DiffReport::first_beyond() const {
  for (const BlobDiff& diff : blobs) {
    if (diff.beyond()) return &diff;
  }
  return nullptr;
}

int DiffReport::beyond() const {
  return static_cast<int>(
      std::count_if(blobs.begin(), blobs.end(), [](const BlobDiff& d) { return d.beyond(); }));
}

std::vector<const BlobDiff*> DiffReport::Worst(size_t most) const {
  std::vector<const BlobDiff*> worst;
  for (const BlobDiff& diff : blobs) worst.push_back(&diff);
  std::stable_sort(worst.begin(), worst.end(), [](const BlobDiff* a, const BlobDiff* b) {
    return OverBound(*a) > OverBound(*b);
  });
  if (worst.size() > most) worst.resize(most);
  return worst;
}

absl::StatusOr<DiffReport> DiffNets(const graph::Net& net, const DiffSide& a, const DiffSide& b,
                                    const DiffOptions& options) {
  std::map<std::string, Kept> kept;
  {
    Runnable run(a);
    RETURN_IF_ERROR(run.Make(net));
    const size_t bytes = run.ResultBytes();
    if (bytes > options.most_bytes) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "the results of ", a.name, " take ", bytes >> 20, " MiB, more than the ",
          options.most_bytes >> 20, " MiB that are kept; a smaller --batch_size needs less, or ",
          "raise --most_mib"));
    }
    RETURN_IF_ERROR(run.Run([&](const graph::Net& net_a, const graph::Op&, graph::BlobId blob,
                                const ConstTensor& result) -> absl::Status {
      ASSIGN_OR_RETURN(kept[net_a.blob(blob).name], ReadAll(result));
      return absl::OkStatus();
    }));
  }
  DiffReport report;
  std::set<std::string> seen;
  const bool low_precision = a.low_precision || b.low_precision;
  Runnable run(b);
  RETURN_IF_ERROR(run.Make(net));
  RETURN_IF_ERROR(run.Run([&](const graph::Net& net_b, const graph::Op& op, graph::BlobId blob,
                              const ConstTensor& result) -> absl::Status {
    BlobDiff diff;
    diff.blob = net_b.blob(blob).name;
    const auto in_a = kept.find(diff.blob);
    if (in_a == kept.end()) {
      report.only_b.push_back(diff.blob);
      return absl::OkStatus();
    }
    seen.insert(diff.blob);
    diff.op = op.Describe();
    diff.type_a = in_a->second.type;
    diff.type_b = result.type;
    if (diff.type_a.shape != diff.type_b.shape) {
      report.reshaped.push_back(diff.blob);
      return absl::OkStatus();
    }
    diff.integer = !graph::IsFloat(diff.type_a.dtype) || !graph::IsFloat(diff.type_b.dtype);
    const bool of_floats =
        std::any_of(op.inputs.begin(), op.inputs.end(),
                    [&](graph::BlobId input) { return graph::IsFloat(net_b.type(input).dtype); });
    ASSIGN_OR_RETURN(const Kept in_b, ReadAll(result));
    Judge(in_a->second.values(), in_b.values(), options.bounds, of_floats, low_precision, &diff);
    report.blobs.push_back(std::move(diff));
    return absl::OkStatus();
  }));
  for (const auto& [name, value] : kept) {
    if (seen.count(name) == 0) report.only_a.push_back(name);
  }
  if (report.blobs.empty()) {
    return absl::FailedPreconditionError("the two nets have no blob in common to compare");
  }
  return report;
}

absl::StatusOr<DiffReport> DiffGolden(const GoldenCase& golden,
                                      const graph::CompileOptions& compile, bool low_precision,
                                      const Bounds& bounds) {
  ASSIGN_OR_RETURN(const ReplayResult replay, Replay(golden, compile));
  std::vector<std::pair<int, std::string>> order;
  for (const auto& [tensor, origin] : replay.origins) order.emplace_back(origin.order, tensor);
  std::sort(order.begin(), order.end());
  DiffReport report;
  for (const auto& [place, tensor] : order) {
    const auto entry = golden.file.tensors().find(tensor);
    if (entry == golden.file.tensors().end()) {
      report.only_b.push_back(tensor);
      continue;
    }
    const Origin& origin = replay.origins.at(tensor);
    const Values& ours = replay.tensors.at(tensor);
    const std::vector<double> theirs = ValuesOf(entry->second.type.dtype, entry->second.data).data;
    if (theirs.size() != ours.data.size()) {
      report.reshaped.push_back(tensor);
      continue;
    }
    BlobDiff diff;
    diff.blob = tensor;
    diff.op = origin.op;
    diff.type_a = entry->second.type;
    diff.type_b = origin.type;
    diff.integer = ours.integer;
    Judge(theirs, ours.data, bounds, /*of_floats=*/false, low_precision, &diff);
    report.blobs.push_back(std::move(diff));
  }
  if (report.blobs.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(golden.file.name(), " has no tensor that the net makes"));
  }
  return report;
}

std::string ReportText(const DiffReport& report) {
  std::string text = absl::StrCat(graph::Counted(report.blobs.size(), "blob"), " compared\n");
  Names(report.only_a, "only in a (fused or removed in b)", &text);
  Names(report.only_b, "only in b (fused or removed in a)", &text);
  Names(report.reshaped, "with fewer rows in one of them", &text);
  const BlobDiff* first = report.first_beyond();
  if (first == nullptr) {
    return absl::StrCat(text, "all within bounds; the closest to its bound is\n",
                        Describe(*report.Worst(1)[0]));
  }
  absl::StrAppend(&text, graph::Counted(static_cast<size_t>(report.beyond()), "blob"),
                  " beyond the bound; the first in the order of b's net is\n", Describe(*first),
                  "the worst:\n",
                  absl::StrFormat("  %-52s %10s %10s  %s\n", "blob", "error", "bound", "operator"));
  for (const BlobDiff* diff : report.Worst(10)) {
    if (!diff->beyond()) break;
    absl::StrAppendFormat(&text, "  %-52s %10.3g %10.3g  %s\n", diff->blob, diff->error,
                          diff->bound, diff->op);
  }
  return text;
}

}  // namespace tools
