#include "ops/sum_to_shape.h"

#include "graph/base/status.h"
#include "ops/shapes.h"

namespace ops {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferSumToShape(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  ASSIGN_OR_RETURN(const graph::Shape shape, ExpectShapeAttr(c));
  if (!IsSuffix(shape, c.in(0).shape)) {
    return Reject(c, "attribute 'shape' ", graph::ShapeString(shape),
                  " is not a suffix of the shape of ", InputText(c, 0, "x"));
  }
  return std::vector<graph::TensorType>{{WideDType(c.in(0).dtype), shape}};
}

}  // namespace

void RegisterSumToShape(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("SumToShape", "y = x summed over leading dimensions")
                    .Input("x", "(..., S)", graph::RowUse::kAllRows)
                    .Output("y", "shape")
                    .Attr("shape", std::vector<int64_t>{}, "shape of y")
                    .AnyPrecision({0})
                    .Infer(InferSumToShape)
                    .Cost(InputCost(1))
                    .NotDifferentiable("second-order gradients are not supported"));
}

}  // namespace ops
