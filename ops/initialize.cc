#include "ops/initialize.h"

#include "graph/base/status.h"
#include "ops/initializer.h"
#include "ops/shapes.h"

namespace ops {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferInitialize(const graph::InferContext& c) {
  RETURN_IF_ERROR(ExpectShapeAttr(c).status());
  const auto dtype = graph::ParseDType(c.op.Str("dtype"));
  const bool counter = dtype == graph::DType::kI32 && c.op.type == "ConstantFill";
  if (dtype != graph::DType::kF32 && dtype != graph::DType::kF64 && !counter) {
    return Reject(c, "attribute 'dtype' is '", c.op.Str("dtype"),
                  "', must be f32 or f64, or for a ConstantFill i32");
  }
  RETURN_IF_ERROR(ExpectFits(c, "value", *dtype));
  const Initializer initializer = InitializerOf(c.op);
  if (c.op.type == "ConstantFill" && initializer.kind != "constant") {
    return Reject(c, "initializer '", initializer.kind, "' belongs to XavierFill");
  }
  RETURN_IF_ERROR(graph::Annotate(Validate(initializer), c.op.Describe()));
  return std::vector<graph::TensorType>{{*dtype, initializer.shape}};
}

graph::Schema Common(const char* type, const char* doc) {
  return graph::Schema(type, doc)
      .Output("y", "shape")
      .Attr("shape", std::vector<int64_t>{}, "shape of y")
      .OptionalAttr("dtype", std::string("f32"), "element type of y")
      .OptionalAttr("value", 0.0f, "the constant; standard deviation of 'normal'")
      .Infer(InferInitialize)
      .NoGradient("an initial value has no inputs");
}

}  // namespace

void RegisterInitialize(graph::SchemaRegistry* registry) {
  registry->Add(Common("XavierFill", "initial values by a named initialiser")
                    .Attr("initializer", std::string("xavier_uniform"), "see ops/initializer.h")
                    .OptionalAttr("seed", int64_t{0}, "bits of the 64-bit key")
                    .OptionalAttr("fan_in", int64_t{0}, "inputs of the matrix")
                    .OptionalAttr("fan_out", int64_t{0}, "outputs of the matrix")
                    .OptionalAttr("grid", std::vector<int64_t>{}, "H, W of sincos2d")
                    .ElementwiseCost(20));
  registry->Add(Common("ConstantFill", "y = value everywhere, as an initial value")
                    .OptionalAttr("initializer", std::string("constant"), "always 'constant'")
                    .ElementwiseCost(0));
}

}  // namespace ops
