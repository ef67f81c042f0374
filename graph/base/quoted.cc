#include "graph/base/quoted.h"

#include "absl/strings/str_cat.h"
#include "graph/base/printable.h"

namespace graph {
namespace {

// At most 100 bytes; never cuts a character in two.
absl::string_view Beginning(absl::string_view text) {
  constexpr size_t kMost = 100, kLongestCharacter = 4;
  if (text.size() <= kMost) return text;
  const auto continues = [&text](size_t at) { return (text[at] & 0xC0) == 0x80; };
  size_t end = kMost;
  while (end > kMost - kLongestCharacter && continues(end)) --end;
  return text.substr(0, end);
}

}  // namespace

std::string Shortened(absl::string_view text) {
  const absl::string_view shown = Beginning(text);
  return absl::StrCat(shown, shown.size() < text.size() ? "..." : "");
}

std::string Quoted(absl::string_view text) {
  return absl::StrCat("'", Printable(Shortened(text)), "'");
}

}  // namespace graph
