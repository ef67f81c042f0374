#include <tuple>

#include "graph/schema/builder.h"
#include "graph/schema/gradient.h"
#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

OpCase Case(graph::Shape x, graph::Shape w, graph::Shape b, graph::Shape y,
            const std::string& activation) {
  const bool differentiable = activation == "none";
  return {"Linear",
          {{"activation", activation}},
          {{F32(x), Normal(), differentiable},
           {F32(w), Normal(), differentiable},
           {F32(b), Normal(), differentiable}},
          {F32(y)}};
}

TEST(Linear, Cases) {
  for (const char* activation : {"none", "gelu"}) {
    RunCase(Case({1}, {1, 1}, {1}, {1}, activation));
    RunCase(Case({5}, {3, 5}, {3}, {3}, activation));
    RunCase(Case({3, 5}, {7, 5}, {7}, {3, 7}, activation));
    RunCase(Case({2, 3, 5}, {1, 5}, {1}, {2, 3, 1}, activation));
    RunCase(Case({2, 3, 1, 1}, {9, 1}, {1, 9}, {2, 3, 1, 9}, activation));
    RunCase(Case({2, 3, 12}, {5, 3, 2, 2}, {5}, {2, 3, 5}, activation));
  }
}

TEST(Linear, InBFloat16) {
  for (const char* activation : {"none", "gelu"}) {
    for (const char* dtype : {"same", "f32"}) {
      for (const auto& [rows, k, n] : {std::make_tuple(1, 27, 100), std::make_tuple(7, 100, 27),
                                       std::make_tuple(33, 64, 196)}) {
        for (const graph::TensorType& bias : {F32({n}), BF16({n})}) {
          RunCase({"Linear",
                   {{"activation", std::string(activation)}, {"dtype", std::string(dtype)}},
                   {{BF16({rows, k}), Normal()}, {BF16({n, k}), Normal()}, {bias, Normal()}},
                   {std::string(dtype) == "f32" ? F32({rows, n}) : BF16({rows, n})}});
        }
      }
    }
  }
}

TEST(Linear, LargerThanAnyBlock) {
  for (const char* activation : {"none", "gelu"}) {
    OpCase c = Case({3, 43, 67}, {131, 67}, {131}, {3, 43, 131}, activation);
    for (auto& input : c.inputs) input.check_gradient = false;
    RunCase(c);
  }
}

TEST(Linear, IsMatMulBiasAddGelu) {
  const std::vector<HostTensor> in = MakeInputs(Case({3, 5}, {7, 5}, {7}, {3, 7}, "gelu"));
  const auto product =
      Reference("MatMul", {{"trans_w", int64_t{1}}}, {in[0].ToF64(), in[1].ToF64()});
  ASSERT_EQ(product.size(), 1u);
  const auto sum = Reference("BiasAdd", {}, {product[0], in[2].ToF64()});
  ASSERT_EQ(sum.size(), 1u);
  const auto expected = Reference("Gelu", {}, {sum[0]});
  const auto actual = Reference("Linear", {{"activation", std::string("gelu")}},
                                {in[0].ToF64(), in[1].ToF64(), in[2].ToF64()});
  ASSERT_EQ(actual.size(), 1u);
  ASSERT_EQ(expected.size(), 1u);
  ExpectClose(actual[0], expected[0], 1e-15);
}

TEST(Linear, GeluHasNoGradient) {
  const graph::SchemaRegistry& registry = TestRegistry();
  graph::NetBuilder builder(&registry, "net");
  const graph::BlobId y =
      builder.Op("Linear", "fc",
                 {builder.Input("x", F32({2, 3})), builder.Input("w", F32({4, 3})),
                  builder.Input("b", F32({4}))},
                 {{"activation", std::string("gelu")}});
  graph::GradientBuilder gradient(&builder, builder.net().ops.back(), {y}, {true, true, true});
  const absl::Status status = registry.Find("Linear")->gradient(&gradient);
  EXPECT_FALSE(status.ok());
  EXPECT_NE(std::string(status.message()).find("Linear 'fc': the pre-activation is gone"),
            std::string::npos)
      << status;
}

TEST(Linear, RefusesBadInputs) {
  const auto refused = [](graph::TensorType x, graph::TensorType w, graph::TensorType b,
                          const std::string& activation, const char* message) {
    ExpectRefused("Linear", {{"activation", activation}}, {x, w, b}, message);
  };
  refused(F32({2, 3}), F32({3, 4}), F32({3}), "none", "input 1 (w)");
  refused(F32({2, 3}), F32({4, 3}), F32({3}), "none", "input 2 (b)");
  refused(F32({2, 3}), F32({4, 3}), F32({2, 2}), "none", "input 2 (b)");
  refused(F32({2, 3}), F32({4, 3}), F64({4}), "none", "input 2");
  refused(F32({2, 3}), F64({4, 3}), F32({4}), "none", "input 1");
  refused(F32({2, 3}), F32({3}), F32({1}), "none", "input 1");
  refused(F32({2, 3}), F32({4, 3}), F32({4}), "relu", "'activation' is 'relu'");
  refused(F32({2, 3}), F32({4, 3}), BF16({4}), "none", "input 2");
  refused(BF16({2, 3}), F32({4, 3}), F32({4}), "none", "input 1");
}

}  // namespace
}  // namespace harness
