// Helpers for the shape inference and the costs of operators.
#ifndef OPS_SHAPES_H_
#define OPS_SHAPES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "graph/base/types.h"
#include "graph/schema/gradient.h"
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

// The shape as an attribute's value. By value: a gradient maker may not hold on
// to the shape of a blob while it adds operators, which moves the net's blobs.
std::vector<int64_t> ShapeAttr(const graph::TensorType& type);

// Attribute "shape": at least one dimension, and a valid shape.
absl::StatusOr<graph::Shape> ExpectShapeAttr(const graph::InferContext& c);
// Attribute `attr` is at least `min`.
absl::Status ExpectIntAtLeast(const graph::InferContext& c, const std::string& attr, int64_t min);
// Attribute `attr` is 0 or 1.
absl::Status ExpectZeroOrOne(const graph::InferContext& c, const std::string& attr);
// Attribute "eps" is at least 0.
absl::Status ExpectEps(const graph::InferContext& c);
// Attribute `attr`, of these values, is finite and at least 0.
absl::Status ExpectRates(const graph::InferContext& c, const std::string& attr,
                         absl::Span<const float> values);
// The list `attr`, of `size` numbers, has one for each of the `n` parameters of an update.
absl::Status ExpectOneEach(const graph::InferContext& c, const std::string& attr, size_t size,
                           int n);
// Attribute "indices" has, for each of `n` parameters, its place in input `input`, called `name`.
absl::Status ExpectPlaces(const graph::InferContext& c, int input, absl::string_view name, int n);
// Input `input` has the dtype and the shape of `type`.
absl::Status ExpectType(const graph::InferContext& c, int input, const graph::TensorType& type);
// Attribute "start" is at least 0, and there are rows [start, start + count) of `rows`; `name` is
// that of input 0. Nothing overflows.
absl::Status ExpectRowRange(const graph::InferContext& c, absl::string_view name, int64_t count,
                            int64_t rows);
// Input `input` has a row for each group of the `images` images of input 0: its first dimension
// divides them into groups of an even number, as mixing with the mirrored image wants.
absl::Status ExpectEvenGroups(const graph::InferContext& c, int input, int64_t images);
// Input `input` has exactly one element, in one dimension.
absl::Status ExpectScalar(const graph::InferContext& c, int input);

// Input `input` holds a factor for each image of x, input 0, (B, ...): (B), or (N, B) of which the
// attribute "index" names a row, in what sums of x are kept in.
absl::Status ExpectImageScales(const graph::InferContext& c, int input);

// What sums of `dtype` are kept in: f32 for bf16, else `dtype`.
graph::DType WideDType(graph::DType dtype);
// Input `input` is f32 or bf16, or f64 if input 0 is: tensors that an operator
// reads in either precision.
absl::Status ExpectAnyPrecision(const graph::InferContext& c, int input);
// What the attribute "dtype" of an operator with a choice of precision says:
// "same" (as input 0), "f32" or "bf16"; "f64" where input 0 is f64, and only there.
absl::StatusOr<graph::DType> OutputDType(const graph::InferContext& c);

// The integers of `dtype` hold `value`, truncated; floats hold any value.
absl::Status ExpectFits(const graph::InferContext& c, const std::string& attr, graph::DType dtype);

// The columns of y = x·w for x, input 0, and w, input 1, of MatMul and Linear: w is (N, K...) for
// `trans_w`, else (K, N...).
absl::StatusOr<int64_t> ProductCols(const graph::InferContext& c, bool trans_w);
// y = act(x·w + b) with `n` columns for x, input 0, b, input `bias`, and attributes activation
// ("none" or "gelu") and dtype (OutputDType).
absl::StatusOr<std::vector<graph::TensorType>> LinearResult(const graph::InferContext& c, int64_t n,
                                                            int bias);
// A gradient maker makes gradients of one dtype.
absl::Status ExpectOneDType(const graph::GradientBuilder& g);

// Multiplications and additions of x, viewed as rows of x.cols(), with a matrix
// of `cols` columns. Two valid shapes can ask for more than an int64_t holds.
double MatMulFlops(const graph::TensorType& x, int64_t cols);
// Those of act(x·w + b).
double LinearFlops(const graph::Op& op, const graph::TensorType& x, const graph::TensorType& y);

// `flops_per_element` for each element of input 0; bytes of all inputs and outputs.
graph::CostFn InputCost(double flops_per_element);
// `flops`, at most the largest int64_t, and the bytes of all inputs and outputs.
graph::Cost CostOf(double flops, absl::Span<const graph::TensorType> inputs,
                   absl::Span<const graph::TensorType> outputs);

}  // namespace ops

#endif  // OPS_SHAPES_H_
