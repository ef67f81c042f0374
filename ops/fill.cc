#include "ops/fill.h"

#include "graph/base/status.h"
#include "ops/shapes.h"

namespace ops {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferFill(const graph::InferContext& c) {
  ASSIGN_OR_RETURN(graph::Shape shape, ExpectShapeAttr(c));
  const auto dtype = graph::ParseDType(c.op.Str("dtype"));
  if (!dtype || *dtype == graph::DType::kBF16 || *dtype == graph::DType::kI8) {
    return Reject(c, "attribute 'dtype' is '", c.op.Str("dtype"),
                  "', must be f32, f64, i32, i64 or u8");
  }
  RETURN_IF_ERROR(ExpectFits(c, "value", *dtype));
  return std::vector<graph::TensorType>{{*dtype, std::move(shape)}};
}

}  // namespace

void RegisterFill(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("Fill", "y = value everywhere")
                    .Output("y", "shape")
                    .Attr("value", 0.0f, "value of every element")
                    .Attr("shape", std::vector<int64_t>{}, "shape of y")
                    .OptionalAttr("dtype", std::string("f32"), "element type of y")
                    .Infer(InferFill)
                    .ElementwiseCost(0)
                    .NoGradient("a constant has no inputs"));
}

}  // namespace ops
