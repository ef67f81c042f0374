#include "graph/base/counted.h"

#include "gtest/gtest.h"

namespace graph {
namespace {

TEST(Counted, OneIsSingular) {
  EXPECT_EQ(Counted(1, "image"), "1 image");
  EXPECT_EQ(Counted(0, "image"), "0 images");
  EXPECT_EQ(Counted(2, "gzip shard"), "2 gzip shards");
}

}  // namespace
}  // namespace graph
