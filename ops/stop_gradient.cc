#include "ops/stop_gradient.h"

namespace ops {

void RegisterStopGradient(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("StopGradient", "y = x, without a gradient")
                    .Input("x", "(...)", graph::RowUse::kSameRow)
                    .Output("y", "(...)")
                    .InPlace(0, 0)
                    .SameTypeAsInput()
                    .ElementwiseCost(0)
                    .NoGradient("StopGradient ends differentiation by definition"));
}

}  // namespace ops
