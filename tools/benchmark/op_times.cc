#include "tools/benchmark/op_times.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "graph/base/status.h"

namespace tools {
namespace {

std::string Commonest(const std::map<std::string, int64_t>& counts) {
  const auto most =
      std::max_element(counts.begin(), counts.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == counts.end() ? "" : most->first;
}

}  // namespace

void OpTimes::BeforeOp(const graph::Net& net, graph::OpId) {
  seconds_.resize(net.ops.size());
  start_ = Clock::now();
}

void OpTimes::AfterOp(const graph::Net&, graph::OpId op, absl::Span<const graph::ConstTensor>) {
  seconds_[op].push_back(SecondsSince(start_));
}

std::vector<OpTime> OpTimes::ByOp(const graph::SchemaRegistry& registry,
                                  const graph::Executable& executable) const {
  const graph::Net& net = executable.net();
  CHECK(seconds_.size() == net.ops.size());
  std::vector<OpTime> times;
  for (size_t i = 0; i < net.ops.size(); ++i) {
    const graph::Op& op = net.ops[i];
    const graph::Cost cost = registry.OpCost(net, op);
    times.push_back({op.type, op.name, 1, SpreadOf(seconds_[i]).median,
                     static_cast<double>(cost.flops), static_cast<double>(cost.bytes),
                     executable.kernel(static_cast<graph::OpId>(i)).implementation()});
  }
  return times;
}

std::vector<OpTime> ByType(const std::vector<OpTime>& ops) {
  std::map<std::string, OpTime> sums;
  std::map<std::string, std::map<std::string, int64_t>> implementations;
  for (const OpTime& op : ops) {
    OpTime& sum = sums[op.type];
    sum.type = op.type;
    sum.ops += op.ops;
    sum.seconds += op.seconds;
    sum.flops += op.flops;
    sum.bytes += op.bytes;
    ++implementations[op.type][op.implementation];
  }
  std::vector<OpTime> types;
  for (auto& [type, sum] : sums) {
    sum.implementation = Commonest(implementations[type]);
    types.push_back(std::move(sum));
  }
  std::stable_sort(types.begin(), types.end(),
                   [](const OpTime& a, const OpTime& b) { return a.seconds > b.seconds; });
  return types;
}

std::string OpTimeTable(const std::vector<OpTime>& times) {
  double total = 0;
  size_t width = 4;
  for (const OpTime& t : times) {
    total += t.seconds;
    width = std::max(width, t.type.size() + (t.name.empty() ? 0 : t.name.size() + 1));
  }
  const int w = static_cast<int>(std::min<size_t>(width, 60));
  std::string table = absl::StrFormat("%-*s %5s %10s %6s %9s %9s %7s  %s\n", w, "type", "ops", "ms",
                                      "%", "GFLOP", "GFLOP/s", "GB/s", "implementation");
  for (const OpTime& t : times) {
    const std::string what = t.name.empty() ? t.type : absl::StrCat(t.type, " ", t.name);
    table += absl::StrFormat("%-*s %5d %10.3f %6.1f %9.3f %9.1f %7.1f  %s\n", w, what, t.ops,
                             t.seconds * 1e3, total > 0 ? 100 * t.seconds / total : 0.0,
                             t.flops / 1e9, t.gflops(), t.gbytes(), t.implementation);
  }
  return table;
}

}  // namespace tools
