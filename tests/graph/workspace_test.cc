#include "graph/runtime/workspace.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/match.h"
#include "graph/runtime/kernel.h"
#include "gtest/gtest.h"

namespace graph {
namespace {

bool Aligned(const void* p) { return reinterpret_cast<uintptr_t>(p) % kAlignment == 0; }

TEST(Workspace, CreateOnceThenTheSame) {
  Workspace workspace;
  const TensorType type{DType::kF32, {2, 3}};
  const Tensor made = workspace.Create("w", type).value();
  EXPECT_TRUE(Aligned(made.data));
  for (float e : made.as<float>()) EXPECT_EQ(e, 0.0f);
  made.as<float>()[5] = 7;
  const Tensor again = workspace.Create("w", type).value();
  EXPECT_EQ(again.data, made.data);
  EXPECT_EQ(again.as<float>()[5], 7.0f);
  const Tensor found = workspace.Find("w").value();
  EXPECT_EQ(found.data, made.data);
  EXPECT_EQ(found.type, type);
}

// Sizes around those that share a slab; none may touch another.
TEST(Workspace, LargeBlobsAreZeroAndApart) {
  Workspace workspace;
  const std::vector<int64_t> sizes = {100,     1 << 18,  (1 << 18) - 1, (1 << 20) + 3,
                                      1 << 26, 40 << 20, 30 << 20,      (1 << 18) + 1};
  size_t sum = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const Tensor made = workspace.Create(std::to_string(i), {DType::kU8, {sizes[i]}}).value();
    EXPECT_TRUE(Aligned(made.data));
    for (uint8_t& e : made.as<uint8_t>()) {
      ASSERT_EQ(e, 0) << i;
      e = static_cast<uint8_t>(i + 1);
    }
    sum += static_cast<size_t>(sizes[i]);
  }
  for (size_t i = 0; i < sizes.size(); ++i) {
    const absl::Span<uint8_t> found = workspace.Find(std::to_string(i))->as<uint8_t>();
    EXPECT_TRUE(std::all_of(found.begin(), found.end(), [i](uint8_t e) { return e == i + 1; }));
  }
  EXPECT_EQ(workspace.persistent_bytes(), sum);
}

TEST(Workspace, AddressesNeverChange) {
  Workspace workspace;
  void* data = workspace.Create("m", {DType::kU8, {3}})->data;
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(workspace.Create(std::to_string(i), {DType::kU8, {i}}).ok());
  }
  ASSERT_TRUE(workspace.ReserveArena(1 << 20).ok());
  EXPECT_EQ(workspace.Find("m")->data, data);
}

TEST(Workspace, AnotherTypeIsAnError) {
  Workspace workspace;
  ASSERT_TRUE(workspace.Create("w", {DType::kF32, {2, 3}}).ok());
  for (const TensorType& type :
       {TensorType{DType::kF32, {3, 2}}, TensorType{DType::kI32, {2, 3}}}) {
    const absl::Status status = workspace.Create("w", type).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(status.message(),
              "blob 'w' is f32[2,3] already and cannot become " + type.ToString());
  }
}

TEST(Workspace, UnknownBlobsAreNotFound) {
  const absl::Status status = Workspace().Find("w").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(absl::StrContains(status.message(), "'w'"));
}

TEST(Workspace, NamesAndBytes) {
  Workspace workspace;
  ASSERT_TRUE(workspace.Create("b", {DType::kF32, {3}}).ok());
  ASSERT_TRUE(workspace.Create("a", {DType::kU8, {5}}).ok());
  ASSERT_TRUE(workspace.Create("none", {DType::kI64, {0}}).ok());
  EXPECT_EQ(workspace.Names(), std::vector<std::string>({"a", "b", "none"}));
  EXPECT_EQ(workspace.persistent_bytes(), 17u);
}

TEST(Workspace, TheArenaOnlyGrows) {
  Workspace workspace;
  EXPECT_EQ(workspace.arena(), nullptr);
  ASSERT_TRUE(workspace.ReserveArena(0).ok());
  EXPECT_EQ(workspace.arena_bytes(), 0u);
  ASSERT_TRUE(workspace.ReserveArena(1000).ok());
  const auto arena = workspace.arena();
  EXPECT_TRUE(Aligned(arena->data()));
  ASSERT_TRUE(workspace.ReserveArena(10).ok());
  EXPECT_EQ(workspace.arena(), arena);
  EXPECT_EQ(workspace.arena_bytes(), 1000u);
  ASSERT_TRUE(workspace.ReserveArena(100000).ok());
  EXPECT_EQ(workspace.arena_bytes(), 100000u);
  // Whoever holds the old one has it still.
  EXPECT_EQ(arena->size(), 1000u);
}

TEST(TensorDeathTest, AnotherElementTypeAborts) {
  Workspace workspace;
  const Tensor tensor = workspace.Create("w", {DType::kI32, {2}}).value();
  EXPECT_EQ(tensor.as<int32_t>().size(), 2u);
  EXPECT_DEATH(tensor.as<float>(), "CHECK failed");
}

TEST(KernelTable, FindAndTypes) {
  KernelTable table;
  const KernelFactory factory = [](const KernelSpec&) -> absl::StatusOr<std::unique_ptr<Kernel>> {
    return absl::UnimplementedError("no");
  };
  table.Add("B", factory);
  table.Add("A", factory);
  EXPECT_NE(table.Find("A"), nullptr);
  EXPECT_EQ(table.Find("C"), nullptr);
  EXPECT_EQ(table.Types(), std::vector<std::string>({"A", "B"}));
}

TEST(KernelTableDeathTest, RefusesATypeTwice) {
  KernelTable table;
  table.Add("A", nullptr);
  EXPECT_DEATH(table.Add("A", nullptr), "two kernels for operator type 'A'");
}

}  // namespace
}  // namespace graph
