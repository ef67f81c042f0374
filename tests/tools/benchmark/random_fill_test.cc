#include "tools/benchmark/random_fill.h"

#include <cmath>
#include <set>
#include <vector>

#include "graph/base/bfloat16.h"
#include "graph/runtime/host_device.h"
#include "graph/runtime/named_tensors.h"
#include "gtest/gtest.h"

namespace tools {
namespace {

template <typename T>
std::vector<T> Filled(graph::Shape shape, int64_t ids) {
  graph::NamedTensors tensors(graph::MakeHostDevice());
  const graph::Tensor tensor =
      tensors.Create("t", {graph::DTypeOf<T>::value, std::move(shape)}).value();
  EXPECT_TRUE(FillRandom(ids, tensor).ok());
  return tensor.Read<T>().value();
}

// Longer than the block that repeats.
template <typename T>
void ExpectNormal() {
  const std::vector<T> values = Filled<T>({3, 50000}, 1);
  double sum = 0, squares = 0;
  for (const T v : values) {
    const double x = static_cast<float>(v);
    ASSERT_TRUE(std::isfinite(x));
    EXPECT_NE(std::fpclassify(static_cast<float>(v)), FP_SUBNORMAL);
    sum += x;
    squares += x * x;
  }
  const double n = static_cast<double>(values.size());
  EXPECT_NEAR(sum / n, 0, 0.02);
  EXPECT_NEAR(squares / n, 1, 0.02);
  EXPECT_NE(values[0], values[50000]) << "rows are not alike";
}

TEST(FillRandom, FloatsAreNormal) {
  ExpectNormal<float>();
  ExpectNormal<double>();
  ExpectNormal<graph::BFloat16>();
}

TEST(FillRandom, IdsStayBelowTheirNumber) {
  EXPECT_EQ(Filled<int32_t>({2, 3}, 4), (std::vector<int32_t>{0, 1, 2, 3, 0, 1}));
  EXPECT_EQ(Filled<int32_t>({3}, 1), (std::vector<int32_t>{0, 0, 0}));
  for (const int8_t v : Filled<int8_t>({500}, 1000)) EXPECT_GE(v, 0);
  EXPECT_EQ(Filled<uint8_t>({3}, 2), (std::vector<uint8_t>{0, 1, 0}));
}

TEST(FillRandom, KeysDiffer) {
  const std::vector<int64_t> keys = Filled<int64_t>({100}, 1);
  EXPECT_EQ(std::set<int64_t>(keys.begin(), keys.end()).size(), 100);
}

TEST(FillRandom, NothingToFill) { EXPECT_TRUE(Filled<float>({0, 3}, 1).empty()); }

}  // namespace
}  // namespace tools
