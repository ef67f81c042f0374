// What a step will take on a GPU, from the numbers of its data sheet and of the step's operators:
// a roofline. Nothing is timed.
#ifndef TOOLS_PLAN_STEP_PREDICTION_H_
#define TOOLS_PLAN_STEP_PREDICTION_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "graph/ir/net.h"
#include "graph/schema/schema.h"
#include "models/training/session_plan.h"
#include "tools/plan/gpu_chips.h"

namespace tools {

// Shares of the data sheet's rates. The floor's are of what an H100 was measured to reach: 790
// TFLOP/s in products of 8192 cubed, 3.0 TB/s in copies. The goal's are estimates: products as
// narrow as a ViT's (K of 384 to 1280) reach 83% of the best, kernels bound by memory 92%.
// Attention at 197 tokens: 450 TFLOP/s over tiles padded to 64 by a library, 200 by our mma.sync.
struct Efficiency {
  double products = 0;
  double weight_gradients = 0;  // sums over all rows, split over the chip
  double attention = 0;         // of the products' rate: short rows, and exponentials between them
  double memory = 0;
  double cache = 0;            // of the memory's rate, for what stays in the L2 cache; 0: no time
  double seconds_between = 0;  // of kernels that a CUDA graph starts
};
inline constexpr Efficiency kFloor = {0.80, 0.80 * 0.92, 0.27, 0.90, 0, 0};
inline constexpr Efficiency kGoal = {0.80 * 0.83, 0.80 * 0.92 * 0.83, 0.20,
                                     0.90 * 0.92, 2 * 0.90,           1e-6};

// Operators of a kind, and what they take.
struct KindOfWork {
  std::string kind;  // "guide products", "weight gradients", "update"
  int operators = 0;
  double flops = 0, bytes = 0;
  double floor_seconds = 0, goal_seconds = 0;
};

// By scope (graph/ir/part.h), phase and what the operator's type says that it does.
std::string KindOf(const graph::Op& op);

// The longer of the time for an operator's products and of that for its traffic, and what a kernel
// adds. `implementation` is Kernel::implementation(): an "own epilogue" of a product passes its
// sums in f32 through the cache. Products are those whose type has "MatMul" or "Linear" in it,
// attention is what begins with "Attention"; other operators are bound by memory.
double PredictedSeconds(const graph::SchemaRegistry& registry, const graph::Net& net,
                        const graph::Op& op, absl::string_view implementation,
                        const MachineRates& rates, const Efficiency& efficiency);

// A window of the session that `plan` has planned, of `micro_batches`: by kind, in the order in
// which they first run.
std::vector<KindOfWork> PredictWindow(const graph::SchemaRegistry& registry,
                                      const models::SessionPlan& plan, int micro_batches,
                                      const MachineRates& rates);

// Estimates, in GB/s: a batch is copied into pinned memory by one thread of the host, and from
// there over PCIe.
inline constexpr double kHostCopyGbPerS = 10;
inline constexpr double kPcieGbPerS = 25;

// "copy of images": what the inputs of such a window add to its operators, which take `work` in
// all. A session copies the next batch beside them (Session::Step), at the floor as fast as PCIe
// is, at the goal as both copies are: only what takes longer than the operators adds. When they are
// done, it goes to its place within the device.
KindOfWork PredictCopies(const models::SessionPlan& plan, int micro_batches,
                         const KindOfWork& work, const MachineRates& rates);

// Their sum, of kind "sum".
KindOfWork Sum(const std::vector<KindOfWork>& kinds);

}  // namespace tools

#endif  // TOOLS_PLAN_STEP_PREDICTION_H_
