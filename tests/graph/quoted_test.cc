#include "graph/base/quoted.h"

#include "gtest/gtest.h"

namespace graph {
namespace {

TEST(Quoted, ShortTextIsShownWhole) {
  EXPECT_EQ(Quoted("blocks.0.w"), "'blocks.0.w'");
  EXPECT_EQ(Quoted(""), "''");
  EXPECT_EQ(Quoted("a\n\x1b[31m'\\"), "'a\\x0A\\x1B[31m'\\'");
  EXPECT_EQ(Quoted("\xE2\x80\xAEgpj \xFF"), "'\\xE2\\x80\\xAEgpj \\xFF'");  // as Printable() has it
  EXPECT_EQ(Quoted("\xC3\xA4"), "'\xC3\xA4'");
  EXPECT_EQ(Shortened("a\nb"), "a\nb");
}

TEST(Quoted, OfLongTextTheBeginning) {
  const std::string most(100, 'x');
  EXPECT_EQ(Quoted(most), "'" + most + "'");
  EXPECT_EQ(Quoted(most + "y"), "'" + most + "...'");
  EXPECT_EQ(Shortened(std::string(2'000'000, 'x')), most + "...");
  // Not half a character: the 100th byte is the first of two.
  EXPECT_EQ(Shortened(std::string(99, 'x') + "\xC3\xA4 and more"), std::string(99, 'x') + "...");
  // Bytes that belong to no character are no reason to look for one's beginning.
  EXPECT_EQ(Shortened(std::string(200, '\x80')).size(), 96u + 3);
}

}  // namespace
}  // namespace graph
