// The harness finds what it is there to find: kernels of Add with one fault each.
#include "tests/harness/op_case.h"

#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "graph/base/bfloat16.h"
#include "gtest/gtest-spi.h"
#include "gtest/gtest.h"
#include "tests/harness/backends.h"

namespace harness {
namespace {

using AddFunction = std::function<void(float* a, float* y, float* scratch, int64_t n, int run)>;

class AddKernel : public graph::Kernel {
 public:
  AddKernel(int64_t n, AddFunction function) : n_(n), function_(std::move(function)) {}

  size_t scratch_bytes() const override { return 4 * sizeof(float); }
  absl::Status Run() override {
    float* a = const_cast<float*>(in<float>(0));
    const float* b = in<float>(1);
    float* y = out<float>(0);
    for (int64_t i = 0; i < n_; ++i) y[i] = a[i] + b[i];
    function_(a, y, static_cast<float*>(scratch()), n_, run_++);
    return absl::OkStatus();
  }

 private:
  int64_t n_;
  AddFunction function_;
  int run_ = 0;
};

graph::Backend BackendWith(AddFunction function) {
  graph::Backend backend;
  backend.name = "faulty";
  backend.kernels.Add(
      "Add",
      [function](const graph::KernelSpec& spec) -> absl::StatusOr<std::unique_ptr<graph::Kernel>> {
        return std::unique_ptr<graph::Kernel>(new AddKernel(spec.out(0).elements(), function));
      });
  return backend;
}

// The messages of all failures of the case on the backend.
std::string FailuresOf(const graph::Backend& backend, const OpCase& c) {
  ::testing::TestPartResultArray failures;
  {
    ::testing::ScopedFakeTestPartResultReporter reporter(
        ::testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &failures);
    RunCaseOn(backend, c);
  }
  std::string text;
  for (int i = 0; i < failures.size(); ++i) text += failures.GetTestPartResult(i).message();
  return text;
}

// Of a sum with this fault.
std::string FailuresOf(AddFunction function) {
  return FailuresOf(BackendWith(std::move(function)),
                    {"Add", {}, {{F32({3, 5}), Normal()}, {F32({3, 5}), Normal()}}, {F32({3, 5})}});
}

TEST(RunCaseOn, AcceptsACorrectKernel) {
  EXPECT_EQ(FailuresOf([](float*, float*, float* scratch, int64_t, int) { scratch[3] = 0; }), "");
}

TEST(RunCaseOn, FindsWrongAndUnwrittenElements) {
  EXPECT_THAT(FailuresOf([](float*, float* y, float*, int64_t n, int) { y[n - 1] += 1e-3f; }),
              ::testing::HasSubstr("element 14 is"));
  EXPECT_THAT(FailuresOf([](float*, float* y, float*, int64_t, int) {
                y[7] = std::numeric_limits<float>::quiet_NaN();
              }),
              ::testing::HasSubstr("element 7 is"));
}

TEST(RunCaseOn, FindsWritesOutside) {
  EXPECT_THAT(FailuresOf([](float*, float* y, float*, int64_t n, int) { y[n] = 0; }),
              ::testing::HasSubstr("wrote outside output 0"));
  EXPECT_THAT(FailuresOf([](float*, float* y, float*, int64_t, int) { y[-1] = 0; }),
              ::testing::HasSubstr("wrote outside output 0"));
  EXPECT_THAT(FailuresOf([](float*, float*, float* scratch, int64_t, int) { scratch[4] = 0; }),
              ::testing::HasSubstr("wrote outside its scratch"));
  EXPECT_THAT(FailuresOf([](float* a, float* y, float*, int64_t n, int) {
                if (a != y) a[n] = 0;
              }),
              ::testing::HasSubstr("wrote outside input 0"));
}

TEST(RunCaseOn, FindsChangedInputs) {
  EXPECT_THAT(FailuresOf([](float* a, float* y, float*, int64_t, int) {
                if (a != y) a[0] += 1;
              }),
              ::testing::HasSubstr("changed input 0"));
}

TEST(RunCaseOn, FindsResultsThatChangeFromRunToRun) {
  // Far below the tolerance, but not the same bits.
  const auto ulp = [](float* y) { *y = std::nextafter(*y, 1e9f); };
  EXPECT_THAT(FailuresOf([&](float*, float* y, float*, int64_t, int run) {
                if (run == 1) ulp(&y[2]);
              }),
              ::testing::HasSubstr("differs bitwise when run again"));
  EXPECT_THAT(FailuresOf([&](float*, float* y, float*, int64_t, int run) {
                if (run == 2) ulp(&y[2]);
              }),
              ::testing::HasSubstr("differs bitwise when moved"));
}

TEST(RunCaseOn, FindsFaultsOfInPlaceOperands) {
  // Shows only where operand and result share memory.
  const std::string text = FailuresOf([](float* a, float* y, float*, int64_t, int) {
    if (a == y) y[0] = 1e3f;
  });
  EXPECT_THAT(text, ::testing::HasSubstr("element 0 is 1000"));
}

// y = (a + b)·factor in bf16, the factor in one half of the columns only.
class ScaledAddKernel : public graph::Kernel {
 public:
  ScaledAddKernel(int64_t n, int64_t cols, float factor) : n_(n), cols_(cols), factor_(factor) {}

  absl::Status Run() override {
    for (int64_t i = 0; i < n_; ++i) {
      const float sum = in<graph::BFloat16>(0)[i] + in<graph::BFloat16>(1)[i];
      out<graph::BFloat16>(0)[i] =
          graph::BFloat16(i % cols_ < cols_ / 2 ? sum : static_cast<float>(sum * factor_));
    }
    return absl::OkStatus();
  }

 private:
  int64_t n_, cols_;
  float factor_;
};

// Each element is within the bound of bf16, or nearly: the mean is not.
TEST(RunCaseOn, FindsAWrongFactorInBfloat16AndInAPart) {
  const auto failures_of = [](float factor, int parts) {
    graph::Backend backend;
    backend.name = "biased";
    backend.kernels.Add(
        "Add",
        [=](const graph::KernelSpec& spec) -> absl::StatusOr<std::unique_ptr<graph::Kernel>> {
          return std::unique_ptr<graph::Kernel>(
              new ScaledAddKernel(spec.out(0).elements(), spec.out(0).cols(), factor));
        });
    const auto type = BF16({40, 60});
    // The half that is wrong is a hundredth of the other.
    std::vector<double> small(type.elements());
    graph::RandomStream random(5, graph::Purpose::kNoise);
    for (size_t i = 0; i < small.size(); ++i) small[i] = (i % 60 < 30 ? 1 : 0.01) * random.Normal();
    OpCase c = {"Add", {}, {{type, Values(small)}, {type, Constant(0)}}, {type}};
    c.parts = parts;
    return FailuresOf(backend, c);
  };
  EXPECT_EQ(failures_of(1.0f, 2), "");
  EXPECT_EQ(failures_of(1.003f, 1), "");
  EXPECT_THAT(failures_of(1.003f, 2), ::testing::HasSubstr("bias of part 1 of 2"));
}

// As a library's kernel would whose table was not told of it.
class NamedKernel : public graph::Kernel {
 public:
  std::string implementation() const override { return "cudnn:12"; }
  absl::Status Run() override { return absl::OkStatus(); }
};

TEST(RunCaseOn, FindsAnImplementationThatTheTableDoesNotName) {
  graph::Backend backend;
  backend.name = "unnamed";
  backend.kernels.Add(
      "Add", [](const graph::KernelSpec&) -> absl::StatusOr<std::unique_ptr<graph::Kernel>> {
        return std::make_unique<NamedKernel>();
      });
  EXPECT_THAT(
      FailuresOf(backend, {"Add", {}, {{F32({1}), Normal()}, {F32({1}), Normal()}}, {F32({1})}}),
      ::testing::HasSubstr("its kernel is 'cudnn:12', and the table names only own"));
}

TEST(RunCaseOn, NamesAMissingKernel) {
  static const graph::Backend* const kEmpty = [] {
    auto* backend = new graph::Backend;
    backend->name = "empty";
    return backend;
  }();
  EXPECT_FATAL_FAILURE(
      RunCaseOn(*kEmpty, {"Add", {}, {{F32({1}), Normal()}, {F32({1}), Normal()}}, {F32({1})}}),
      "backend 'empty' has no kernel for Add");
}

TEST(Generators, KeepTheirPromises) {
  graph::RandomStream random(1, graph::Purpose::kNoise);
  HostTensor ids(I32({50, 4}));
  DistinctIds(5)(&ids, &random);
  for (int64_t r = 0; r < 50; ++r) {
    std::set<int64_t> row;
    for (int64_t i = 0; i < 4; ++i) row.insert(ids.GetInt(r * 4 + i));
    EXPECT_EQ(row.size(), 4u);
    EXPECT_GE(*row.begin(), 0);
    EXPECT_LT(*row.rbegin(), 5);
  }
  HostTensor mask(U8({20, 7}));
  MaskOf(3)(&mask, &random);
  for (int64_t r = 0; r < 20; ++r) {
    int64_t ones = 0;
    for (int64_t i = 0; i < 7; ++i) ones += mask.GetInt(r * 7 + i);
    EXPECT_EQ(ones, 3);
  }
  HostTensor keys(I64({2}));
  Keys()(&keys, &random);
  EXPECT_NE(keys.GetInt(0), keys.GetInt(1));
  EXPECT_NE(keys.GetInt(0) >> 53, 0);  // all 64 bits, not a rounded double
}

}  // namespace
}  // namespace harness
