#include "tools/operator_report.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tools/plugins.h"
#include "tools/reference_backend.h"

namespace tools {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

absl::StatusOr<std::unique_ptr<graph::Kernel>> NoKernel(const graph::KernelSpec&) {
  return absl::UnimplementedError("none is made");
}

// Of Add, Gelu and Scale, of which the last is never in bf16.
graph::SchemaRegistry ThreeOperators() {
  const graph::SchemaRegistry all = MakeRegistryOf("reference");
  graph::SchemaRegistry registry;
  for (const char* type : {"Add", "Gelu", "Scale"}) registry.Add(*all.Find(type));
  return registry;
}

// Gelu in f32 alone, Add by no kernel.
std::vector<OperatorSupport> WithGaps() {
  graph::Backend backend;
  backend.name = "toy";
  graph::AddFloat32(&backend.kernels, "Gelu", NoKernel, {"libgelu", "own"});
  graph::AddFloat32OrBfloat16(&backend.kernels, "Scale", NoKernel);
  return ListSupport(ThreeOperators(), backend);
}

TEST(OperatorReport, FindsWhatIsMissing) {
  EXPECT_EQ(MissingText(WithGaps()),
            "toy: no kernel for Add in f32\n"
            "toy: no kernel for Add in bf16\n"
            "toy: no kernel for Gelu in bf16\n");
}

TEST(OperatorReport, IsATableOfBackendsAndTypes) {
  std::vector<OperatorSupport> all = WithGaps();
  graph::Backend other;
  other.name = "f32";
  graph::AddFloat32(&other.kernels, "Scale", NoKernel);
  graph::SchemaRegistry registry;
  registry.Add(*MakeRegistryOf("reference").Find("Scale"));
  for (OperatorSupport& s : ListSupport(registry, other)) all.push_back(s);
  EXPECT_EQ(SupportTable(all),
            "operator  toy f32       toy bf16  f32 f32  f32 bf16\n"
            "Add       MISSING       MISSING\n"
            "Gelu      libgelu, own  MISSING\n"
            "Scale     own           own       own      -\n");
}

TEST(OperatorReport, IsJson) {
  const nlohmann::json json = nlohmann::json::parse(SupportJson(WithGaps()));
  ASSERT_EQ(json["kernels"].size(), 6u);
  EXPECT_EQ(json["kernels"][2],
            nlohmann::json::parse(R"({"operator": "Gelu", "backend": "toy", "dtype": "f32",
                                      "needed": true, "implementations": ["libgelu", "own"]})"));
  EXPECT_TRUE(json["kernels"][3]["implementations"].empty());
}

TEST(OperatorReport, NothingIsMissingOnTheHost) {
  EXPECT_EQ(MissingText(ListSupport(MakeRegistryOf("cpu"), *MakeBackend("cpu", 1))), "");
  EXPECT_EQ(MissingText(ListSupport(MakeRegistryOf("reference"), MakeReferenceBackend())), "");
}

TEST(OperatorReport, AnOperatorOfOneBackendIsNeededThereOnly) {
  const std::string text =
      SupportTable(ListSupport(MakeRegistryOf("reference"), MakeReferenceBackend()));
  EXPECT_THAT(text, HasSubstr("\nGeluGrad "));
  EXPECT_THAT(text, Not(HasSubstr("PackWeights")));
  EXPECT_THAT(SupportTable(ListSupport(MakeRegistryOf("cpu"), *MakeBackend("cpu", 1))),
              HasSubstr("\nPackWeights "));
}

}  // namespace
}  // namespace tools
