// Helpers for the shape inference and the costs of operators.
#ifndef OPS_SHAPES_H_
#define OPS_SHAPES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "graph/base/types.h"
#include "graph/schema/schema.h"

namespace ops {

// InvalidArgument that starts with the operator: "MatMul 'fc1': ...".
template <typename... Args>
absl::Status Reject(const graph::InferContext& c, const Args&... args) {
  return absl::InvalidArgumentError(absl::StrCat(c.op.Describe(), ": ", args...));
}

// "input 1 (w) f32[4,3]": how messages name input `i`, called `name` in the schema.
std::string InputText(const graph::InferContext& c, int i, absl::string_view name);

// Product of all dimensions but the first: a weight of any rank viewed as the
// matrix (shape[0], Rest(shape)). 1 for rank 1.
int64_t Rest(absl::Span<const int64_t> shape);

// Whether `shape`, less its leading ones, is a suffix of `of`: then a tensor of
// `shape` is added to one of `of` by repeating it NumElements(of) /
// NumElements(shape) times.
bool IsSuffix(absl::Span<const int64_t> shape, absl::Span<const int64_t> of);

// Shape of one number per row: the leading dimensions, {1} for rank 1.
graph::Shape LeadingShape(const graph::TensorType& type);

graph::Shape ToShape(absl::Span<const int64_t> dims);
// The shape as an attribute's value. By value: a gradient maker may not hold on
// to the shape of a blob while it adds operators, which moves the net's blobs.
std::vector<int64_t> ShapeAttr(const graph::TensorType& type);

// Attribute `attr` holds at least one dimension and is a valid shape.
absl::Status ExpectShapeAttr(const graph::InferContext& c, const std::string& attr);
// Attribute `attr` is at least `min`.
absl::Status ExpectIntAtLeast(const graph::InferContext& c, const std::string& attr, int64_t min);
// Input `input` has exactly one element, in one dimension.
absl::Status ExpectScalar(const graph::InferContext& c, int input);

// The integers of `dtype` hold `value`, truncated; floats hold any value.
absl::Status ExpectFits(const graph::InferContext& c, const std::string& attr, graph::DType dtype);

// Multiplications and additions of x, viewed as rows of x.cols(), with a matrix
// of `cols` columns. Two valid shapes can ask for more than an int64_t holds.
double MatMulFlops(const graph::TensorType& x, int64_t cols);

// `flops`, at most the largest int64_t, and the bytes of all inputs and outputs.
graph::Cost CostOf(double flops, absl::Span<const graph::TensorType> inputs,
                   absl::Span<const graph::TensorType> outputs);

}  // namespace ops

#endif  // OPS_SHAPES_H_
