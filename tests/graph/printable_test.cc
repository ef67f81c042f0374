#include "graph/base/printable.h"

#include <string>

#include "gtest/gtest.h"

namespace graph {
namespace {

TEST(Printable, WhatATerminalWouldObeyIsANumber) {
  EXPECT_EQ(Printable("a\x1b]0;title\x07 b\x7f"), "a\\x1B]0;title\\x07 b\\x7F");
  EXPECT_EQ(Printable(std::string("nul\0!", 5)), "nul\\x00!");
  EXPECT_EQ(Printable("\xc2\x9b"
                      "31m"),
            "\\xC2\\x9B31m");  // U+009B is ESC [ in one
}

TEST(Printable, WhatNobodySeesIsANumber) {
  EXPECT_EQ(Printable("\xef\xbb\xbftrain"), "\\xEF\\xBB\\xBFtrain");        // byte order mark
  EXPECT_EQ(Printable("a\xc2\xa0z"), "a\\xC2\\xA0z");                       // no-break space
  EXPECT_EQ(Printable("gpj.\xe2\x80\xae exe"), "gpj.\\xE2\\x80\\xAE exe");  // right to left
  EXPECT_EQ(Printable("\xe2\x81\xa6\xe2\x80\xa8"), "\\xE2\\x81\\xA6\\xE2\\x80\\xA8");
}

TEST(Printable, WhatIsNoUtf8IsANumber) {
  EXPECT_EQ(Printable("d\xe9 t"), "d\\xE9 t");
  EXPECT_EQ(Printable("\xc2"), "\\xC2");
}

TEST(Printable, OtherCharactersStay) {
  const std::string text = "caf\xc3\xa9 \xe2\x82\xac \xe2\x80\x94 \xf0\x9f\x90\x88";
  EXPECT_EQ(Printable(text), text);
  EXPECT_EQ(PrintableLines(text), text);
  EXPECT_EQ(Printable(""), "");
}

TEST(Printable, LinesAndTabsStayInLinesAlone) {
  EXPECT_EQ(Printable("a\tb\n"), "a\\x09b\\x0A");
  EXPECT_EQ(PrintableLines("a\tb\n\r\x1b"), "a\tb\n\\x0D\\x1B");
}

}  // namespace
}  // namespace graph
