#include "graph/ir/part.h"

#include "gtest/gtest.h"

namespace graph {
namespace {

TEST(Part, Valid) {
  for (const char* part : {"a", "guide/blocks.3.mlp.fc1", "blocks.0", "0", "a~2:y"}) {
    EXPECT_TRUE(IsValidPart(part)) << part;
  }
  for (const char* part :
       {"", "/", "/a", "a/", ".a", "a.", "a//b", "a..b", "a/.b", "a./b", "a b"}) {
    EXPECT_FALSE(IsValidPart(part)) << part;
  }
}

TEST(Part, WithinEndsWhereAStepDoes) {
  for (const char* whole : {"", "guide", "guide/blocks", "guide/blocks.3", "guide/blocks.3.mlp"}) {
    EXPECT_TRUE(IsWithin("guide/blocks.3.mlp", whole)) << whole;
  }
  for (const char* other :
       {"guid", "guide/", "guide/blocks.3.m", "blocks.3", "guide/blocks.3.mlp.fc1"}) {
    EXPECT_FALSE(IsWithin("guide/blocks.3.mlp", other)) << other;
  }
  EXPECT_FALSE(IsWithin("blocks.31", "blocks.3"));
  EXPECT_FALSE(IsWithin("", "guide"));
}

TEST(Part, Blocks) {
  EXPECT_EQ(BlockOf("blocks.3.mlp.fc1"), "blocks.3");
  EXPECT_EQ(BlockOf("blocks.3"), "blocks.3");
  EXPECT_EQ(BlockOf("guide/blocks.12.attn.residual"), "guide/blocks.12");
  EXPECT_EQ(BlockOf("a/b/decoder_blocks.0.norm1.weight"), "a/b/decoder_blocks.0");
  for (const char* part : {"", "norm", "patch_embed.proj", ".3", "blocks.", "blocks.x.1",
                           "blocks.3x", "3", "guide", "a/b/c", "a.b.1", "blocks.3/x"}) {
    EXPECT_EQ(BlockOf(part), "") << part;
  }
}

}  // namespace
}  // namespace graph
