// The tables of operators and reference kernels agree with each other.
#include "gtest/gtest.h"
#include "tests/harness/backends.h"

namespace harness {
namespace {

TEST(Table, EveryOperatorHasAReferenceKernelAndBack) {
  const std::vector<std::string> types = TestRegistry().Types();
  EXPECT_GE(types.size(), 30u);
  EXPECT_EQ(ReferenceBackend().kernels.Types(), types);
}

TEST(Table, NoBackendHasAKernelWithoutAnOperator) {
  for (const graph::Backend& backend : TestBackends()) {
    for (const std::string& type : backend.kernels.Types()) {
      EXPECT_NE(TestRegistry().Find(type), nullptr) << backend.name << ": " << type;
    }
  }
}

}  // namespace
}  // namespace harness
