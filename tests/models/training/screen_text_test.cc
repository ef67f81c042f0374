#include "models/training/screen_text.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace models {
namespace {

TEST(ScreenText, TheWidthIsTheTerminals) {
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  EXPECT_EQ(ScreenColumns(pipe_ends[1]), 80);
  EXPECT_EQ(TextColumns(pipe_ends[1]), 80);
  ::close(pipe_ends[0]);
  ::close(pipe_ends[1]);

  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  if (terminal < 0) GTEST_SKIP() << "no terminals here";
  const auto columns = [&](int width) {
    winsize size = {};
    size.ws_col = static_cast<unsigned short>(width);
    EXPECT_EQ(::ioctl(terminal, TIOCSWINSZ, &size), 0);
    return std::make_pair(ScreenColumns(terminal), TextColumns(terminal));
  };
  EXPECT_EQ(columns(0), std::make_pair(80, 80)) << "it reports none";
  EXPECT_EQ(columns(60), std::make_pair(60, 60));
  EXPECT_EQ(columns(200), std::make_pair(200, 100));
  ::close(terminal);
}

std::string Wrapped(const std::string& begin, const std::string& text, int indent, int columns) {
  std::string out = begin;
  AppendWrapped(text, indent, columns, &out);
  return out;
}

TEST(ScreenText, LinesBreakAtWords) {
  EXPECT_EQ(Wrapped("", "one two three", 2, 13), "one two three\n");
  EXPECT_EQ(Wrapped("", "one two three", 2, 12), "one two\n  three\n");
  EXPECT_EQ(Wrapped("--a ", "one two", 4, 8), "--a one\n    two\n");
  EXPECT_EQ(Wrapped("before\n  -h", " x y", 6, 8), "before\n  -h x y\n");
  EXPECT_EQ(Wrapped("", "a 1234567890 b", 1, 5), "a\n 1234567890\n b\n") << "no number is cut";
  EXPECT_EQ(Wrapped("", "\xC3\xA4\xC3\xB6\xC3\xBC x", 0, 5), "\xC3\xA4\xC3\xB6\xC3\xBC x\n");
}

TEST(ScreenText, EachLineGoesOnBelowItsFirstWord) {
  EXPECT_EQ(WrappedLines("short\n  a long line\n\nend", 9), "short\n  a long\n  line\n\nend");
  EXPECT_EQ(WrappedLines("", 9), "");
}

}  // namespace
}  // namespace models
