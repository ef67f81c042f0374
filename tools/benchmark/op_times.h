// The time of a net by operator and by type of operator.
#ifndef TOOLS_BENCHMARK_OP_TIMES_H_
#define TOOLS_BENCHMARK_OP_TIMES_H_

#include <string>
#include <vector>

#include "graph/ir/net.h"
#include "graph/runtime/executable.h"
#include "graph/schema/schema.h"
#include "tools/benchmark/timing.h"

namespace tools {

// One operator, or all of one type, in one run of the net.
struct OpTime {
  std::string type;
  std::string name;            // the operator's; empty for a type
  int64_t ops = 0;             // operators counted
  double seconds = 0;          // sum of each operator's median over the runs
  double flops = 0;            // as counted by the schemas
  double bytes = 0;            // moved once through memory
  std::string implementation;  // Kernel::implementation(); for a type, the commonest

  double gflops() const { return seconds > 0 ? flops / seconds / 1e9 : 0; }
  double gbytes() const { return seconds > 0 ? bytes / seconds / 1e9 : 0; }
};

// A hook that times each operator of one net, run after run. It costs two readings of the clock an
// operator, so whole runs are timed without it.
class OpTimes : public graph::TraceHook {
 public:
  void BeforeOp(const graph::Net& net, graph::OpId op) override;
  void AfterOp(const graph::Net& net, graph::OpId op,
               absl::Span<const graph::ConstTensor> outputs) override;

  // In the order of the net, which is that of `executable` and has run at least once.
  std::vector<OpTime> ByOp(const graph::SchemaRegistry& registry,
                           const graph::Executable& executable) const;

 private:
  Clock::time_point start_;
  std::vector<std::vector<double>> seconds_;  // by operator, by run
};

// Sums by type, slowest first.
std::vector<OpTime> ByType(const std::vector<OpTime>& ops);

// A table of `times`, in their order, with each one's share of their sum. Operators get names and
// implementations, types get their number of operators.
std::string OpTimeTable(const std::vector<OpTime>& times);

}  // namespace tools

#endif  // TOOLS_BENCHMARK_OP_TIMES_H_
