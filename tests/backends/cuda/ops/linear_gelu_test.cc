#include <tuple>

#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

using graph::TensorType;

TEST(LinearGelu, Cases) {
  const auto run = [](graph::Shape x, graph::Shape w, graph::Shape b, graph::Shape y) {
    RunCase({"LinearGelu",
             {},
             {{F32(x), Normal()}, {F32(w), Normal()}, {F32(b), Normal()}},
             {F32(y), F32(y)}});
  };
  run({1}, {1, 1}, {1}, {1});
  run({3, 5}, {7, 5}, {7}, {3, 7});
  run({2, 3, 12}, {16, 3, 2, 2}, {1, 16}, {2, 3, 16});
}

TEST(LinearGelu, InBFloat16) {
  for (const char* dtype : {"same", "f32"}) {
    for (const auto& [rows, k, n] :
         {std::make_tuple(1, 27, 100), std::make_tuple(7, 100, 27), std::make_tuple(33, 64, 200)}) {
      const graph::Shape shape = {rows, n};
      const TensorType y = std::string(dtype) == "f32" ? F32(shape) : BF16(shape);
      RunCase({"LinearGelu",
               {{"dtype", std::string(dtype)}},
               {{BF16({rows, k}), Normal()}, {BF16({n, k}), Normal()}, {F32({n}), Normal()}},
               {y, y}});
    }
  }
}

TEST(LinearGelu, IsLinearAndGelu) {
  const OpCase c = {"LinearGelu",
                    {},
                    {{F32({5, 8}), Normal()}, {F32({16, 8}), Normal()}, {F32({16}), Normal()}},
                    {F32({5, 16}), F32({5, 16})}};
  const std::vector<HostTensor> in = MakeInputs(c);
  const auto pre = Reference("Linear", {{"activation", std::string("none")}}, in);
  const auto y = Reference("Gelu", {}, {pre[0].ToF64()});
  for (const graph::Backend& backend : TestBackends()) {
    const auto both = RunOn(backend, c.type, c.attrs, in);
    ASSERT_TRUE(both.ok()) << both.status();
    ExpectClose((*both)[0].ToF64(), y[0], 1e-5);
    ExpectClose((*both)[1], pre[0], 1e-5);
  }
}

TEST(LinearGelu, RefusesBadInputs) {
  const auto refused = [](TensorType x, TensorType w, TensorType b, const char* message) {
    ExpectRefused("LinearGelu", {}, {x, w, b}, message);
  };
  refused(F32({2, 3}), F32({3, 4}), F32({3}), "input 1 (w)");
  refused(F32({2, 3}), F32({4, 3}), F32({3}), "input 2 (b)");
  refused(BF16({2, 3}), BF16({4, 3}), BF16({4}), "input 2");
  refused(BF16({2, 3}), F32({4, 3}), F32({4}), "input 1");
  refused(I32({2, 3}), F32({4, 3}), F32({4}), "input 0");
  ExpectRefused("LinearGelu", {{"dtype", std::string("i32")}}, {F32({2, 3}), F32({4, 3}), F32({4})},
                "'dtype'");
}

TEST(MatMulGeluGrad, Cases) {
  for (const int64_t trans_w : {0, 1}) {
    for (const auto& [rows, k, n] : {std::make_tuple(1, 1, 1), std::make_tuple(5, 7, 3),
                                     std::make_tuple(9, 16, 24), std::make_tuple(33, 10, 67)}) {
      const graph::Shape w = trans_w ? graph::Shape{n, k} : graph::Shape{k, n};
      RunCase({"MatMulGeluGrad",
               {{"trans_w", trans_w}},
               {{F32({rows, k}), Normal()}, {F32(w), Normal()}, {F32({rows, n}), Normal(2.0)}},
               {F32({rows, n})}});
      for (const TensorType& pre : {F32({rows, n}), BF16({rows, n})}) {
        for (const char* dtype : {"same", "f32"}) {
          RunCase({"MatMulGeluGrad",
                   {{"trans_w", trans_w}, {"dtype", std::string(dtype)}},
                   {{BF16({rows, k}), Normal()}, {BF16(w), Normal()}, {pre, Normal(2.0)}},
                   {std::string(dtype) == "f32" ? F32({rows, n}) : BF16({rows, n})}});
        }
      }
    }
  }
}

TEST(MatMulGeluGrad, IsMatMulAndGeluGrad) {
  const OpCase c = {
      "MatMulGeluGrad",
      {{"trans_w", int64_t{0}}},
      {{F32({5, 8}), Normal()}, {F32({8, 16}), Normal()}, {F32({5, 16}), Normal(3.0)}},
      {F32({5, 16})}};
  const std::vector<HostTensor> in = MakeInputs(c);
  const auto dy = Reference("MatMul", c.attrs, {in[0].ToF64(), in[1].ToF64()});
  const auto dx = Reference("GeluGrad", {}, {in[2].ToF64(), dy[0]});
  for (const graph::Backend& backend : TestBackends()) {
    const auto actual = RunOn(backend, c.type, c.attrs, in);
    ASSERT_TRUE(actual.ok()) << actual.status();
    ExpectClose((*actual)[0].ToF64(), dx[0], 1e-5);
  }
}

TEST(MatMulGeluGrad, RefusesBadInputs) {
  const auto refused = [](TensorType pre, int64_t trans_w, const char* message) {
    ExpectRefused("MatMulGeluGrad", {{"trans_w", trans_w}}, {F32({2, 3}), F32({3, 4}), pre},
                  message);
  };
  refused(F32({2, 3}), 0, "input 2");
  refused(I32({2, 4}), 0, "input 2");
  refused(F32({2, 4}), 1, "input 1 (w)");
  refused(F32({2, 4}), 2, "'trans_w'");
}

}  // namespace
}  // namespace harness
