// Where an element lies in packed weights is a kernel's own affair, and packed_product_test
// compares the products that read them; of the operator alone, that it writes every byte, nothing
// else, and always the same.
#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

graph::Attrs PackAttrs(bool trans_w, graph::DType dtype) {
  return {{"trans_w", int64_t{trans_w}}, {"dtype", std::string(graph::DTypeName(dtype))}};
}

TEST(PackWeights, OnTheReferenceBackendIsTheMatrixPadded) {
  const HostTensor w(F32({2, 3}), {1, 2, 3, 4, 5, 6});
  for (bool trans_w : {false, true}) {
    const auto packed = Reference("PackWeights", PackAttrs(trans_w, graph::DType::kBF16), {w});
    ASSERT_EQ(packed.size(), 1u);
    HostTensor expected(BF16({64, 64}));
    for (int i = 0; i < 2; ++i) {
      for (int j = 0; j < 3; ++j) expected.Set(trans_w ? j * 64 + i : i * 64 + j, w.Get(i * 3 + j));
    }
    EXPECT_EQ(packed[0], expected);
  }
}

TEST(PackWeights, WritesEveryByteAndAlwaysTheSame) {
  for (graph::DType dtype : {graph::DType::kF32, graph::DType::kBF16}) {
    for (bool trans_w : {false, true}) {
      for (graph::Shape shape :
           {graph::Shape{1, 1}, {27, 100}, {100, 27}, {196, 64}, {130, 3, 5, 5}}) {
        const HostTensor w = Random(F32(shape), 5);
        const auto op = MakeOp("PackWeights", PackAttrs(trans_w, dtype), {w.type()});
        ASSERT_TRUE(op.ok()) << op.status();
        for (const graph::Backend& backend : TestBackends()) {
          std::vector<HostTensor> first;
          for (int threads : {1, 2, 3}) {
            SCOPED_TRACE(absl::StrCat(backend.name, ", ", w.type().ToString()));
            auto runner = OpRunner::Create(backend, *op, threads);
            if (dtype == graph::DType::kBF16 && absl::IsUnimplemented(runner.status())) break;
            ASSERT_TRUE(runner.ok()) << runner.status();
            for (int times : {1, 2}) {
              const auto out = (*runner)->Run({w});
              ASSERT_TRUE(out.ok()) << out.status();
              if (first.empty()) first = *out;
              EXPECT_EQ((*out)[0], first[0]) << times;
              (*runner)->Move();
            }
          }
          if (first.empty()) continue;
          // Outputs start as NaN. The elements are there, and the rest is zero.
          double sum = 0, expected = 0;
          for (double v : first[0].Values()) sum += std::abs(v);
          for (double v : HostTensor({dtype, shape}, w.Values()).Values()) expected += std::abs(v);
          EXPECT_NEAR(sum, expected, 1e-9 * (1 + expected)) << backend.name;
        }
      }
    }
  }
}

TEST(PackWeights, RoundsToNearestEven) {
  // Halfway between neighbours, in a row.
  const HostTensor w(F32({1, 4}), {1 + 0x1p-8, 1 + 3 * 0x1p-8, -1 - 0x1p-8, 1 + 0x1.2p-8});
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    const auto packed =
        RunIfAble(backend, "PackWeights", PackAttrs(false, graph::DType::kBF16), {w}, 1, true);
    if (packed.empty()) continue;
    const HostTensor one(BF16({1, 1}), {1});
    const auto y =
        RunIfAble(backend, "PackedMatMul", {{"cols", int64_t{4}}}, {one, packed[0]}, 1, true);
    if (y.empty()) continue;
    EXPECT_EQ(y[0], HostTensor(BF16({1, 4}), {1, 1 + 0x1p-6, -1, 1 + 0x1p-7}));
  }
}

TEST(PackWeights, RefusesBadInputs) {
  const auto refused = [](graph::TensorType w, int64_t trans_w, const std::string& dtype,
                          const char* message) {
    ExpectRefused("PackWeights", {{"trans_w", trans_w}, {"dtype", dtype}}, {w}, message);
  };
  refused(I32({2, 3}), 0, "f32", "input 0");
  refused(F32({3}), 0, "f32", "input 0");
  refused(F32({2, 3}), 2, "f32", "'trans_w' is 2");
  refused(F32({2, 3}), 1, "i8", "'dtype' is 'i8'");
  refused(F32({2, 3}), 1, "f64", "'dtype' is 'f64'");
  // Padded, 2^42 columns of 1 are 2^48 of 64.
  refused(F32({int64_t{1} << 43, 1}), 1, "f32", "too large");
}

}  // namespace
}  // namespace harness
