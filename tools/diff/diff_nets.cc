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
using KeptBlobs = std::map<std::string, Kept>;

// A hook that reads results; `status` is the first read error.
class Reader : public graph::TraceHook {
 public:
  const absl::Status& status() const { return status_; }

 protected:
  absl::Status status_;
};

// Copies every result of a run.
class Keep : public Reader {
 public:
  explicit Keep(KeptBlobs* kept) : kept_(*kept) {}
  void BeforeOp(const graph::Net&, graph::OpId) override {}
  void AfterOp(const graph::Net& net, graph::OpId op,
               absl::Span<const ConstTensor> outputs) override {
    for (size_t i = 0; i < outputs.size(); ++i) {
      absl::StatusOr<Kept> kept = ReadAll(outputs[i]);
      status_.Update(kept.status());
      if (kept.ok()) kept_[net.blob(net.ops[op].outputs[i]).name] = *std::move(kept);
    }
  }

 private:
  KeptBlobs& kept_;
};

// Compares every result of a run with the kept one.
class Against : public Reader {
 public:
  Against(const KeptBlobs& kept, const Bounds& bounds, bool low_precision, DiffReport* report)
      : kept_(kept), bounds_(bounds), low_(low_precision), report_(*report) {}
  void BeforeOp(const graph::Net&, graph::OpId) override {}
  void AfterOp(const graph::Net& net, graph::OpId id,
               absl::Span<const ConstTensor> outputs) override {
    const graph::Op& op = net.ops[id];
    for (size_t i = 0; i < outputs.size(); ++i) {
      BlobDiff diff;
      diff.blob = net.blob(op.outputs[i]).name;
      const auto a = kept_.find(diff.blob);
      if (a == kept_.end()) {
        report_.only_b.push_back(diff.blob);
        continue;
      }
      seen_.insert(diff.blob);
      diff.op = op.Describe();
      diff.type_a = a->second.type;
      diff.type_b = outputs[i].type;
      if (diff.type_a.shape != diff.type_b.shape) {
        report_.reshaped.push_back(diff.blob);
        continue;
      }
      diff.integer = !graph::IsFloat(diff.type_a.dtype) || !graph::IsFloat(diff.type_b.dtype);
      const bool of_floats =
          std::any_of(op.inputs.begin(), op.inputs.end(),
                      [&net](graph::BlobId b) { return graph::IsFloat(net.type(b).dtype); });
      const absl::StatusOr<Kept> b = ReadAll(outputs[i]);
      status_.Update(b.status());
      if (!b.ok()) return;
      Judge(a->second.values(), b->values(), bounds_, of_floats, low_, &diff);
      report_.blobs.push_back(std::move(diff));
    }
  }
  bool seen(const std::string& blob) const { return seen_.count(blob) > 0; }

 private:
  const KeptBlobs& kept_;
  const Bounds& bounds_;
  const bool low_;
  DiffReport& report_;
  std::set<std::string> seen_;
};

absl::Status RunWatched(const DiffSide& side, Executable* executable, Reader* hook) {
  executable->AddTraceHook(hook);
  absl::Status status = executable->Run();
  executable->RemoveTraceHook(hook);
  status.Update(hook->status());
  return status.ok() ? status : graph::Annotate(status, side.name);
}

// A side's net with its own memory.
struct Runnable {
  explicit Runnable(const DiffSide& side) : workspace(side.compile.backend->device) {}

  graph::Workspace workspace;
  std::unique_ptr<Executable> executable;

  absl::Status Make(const graph::Net& net, const DiffSide& side) {
    absl::StatusOr<std::unique_ptr<Executable>> made =
        graph::Compile(net, side.compile, &workspace);
    if (!made.ok()) return graph::Annotate(made.status(), side.name);
    executable = std::move(*made);
    const absl::Status fed = side.feed(executable.get());
    return fed.ok() ? fed : graph::Annotate(fed, side.name);
  }
  size_t ResultBytes() const {
    size_t bytes = 0;
    const graph::Net& net = executable->net();
    for (const graph::Op& op : net.ops) {
      for (graph::BlobId b : op.outputs) bytes += net.type(b).bytes();
    }
    return bytes;
  }
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
  DiffReport report;
  KeptBlobs kept;
  {
    Runnable run(a);
    RETURN_IF_ERROR(run.Make(net, a));
    report.kept_bytes = run.ResultBytes();
    if (report.kept_bytes > options.most_bytes) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "the results of ", a.name, " take ", report.kept_bytes >> 20, " MiB, more than the ",
          options.most_bytes >> 20, " MiB that are kept; a smaller --batch_size needs less, or ",
          "raise --most_mib"));
    }
    Keep keep(&kept);
    RETURN_IF_ERROR(RunWatched(a, run.executable.get(), &keep));
  }
  Runnable run(b);
  RETURN_IF_ERROR(run.Make(net, b));
  Against against(kept, options.bounds, a.low_precision || b.low_precision, &report);
  RETURN_IF_ERROR(RunWatched(b, run.executable.get(), &against));
  for (const auto& [name, value] : kept) {
    if (!against.seen(name)) report.only_a.push_back(name);
  }
  if (report.blobs.empty()) {
    return absl::FailedPreconditionError("the two nets have no blob in common to compare");
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
