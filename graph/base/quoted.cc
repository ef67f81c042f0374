#include "graph/base/quoted.h"

#include "absl/strings/str_cat.h"
#include "graph/base/printable.h"

namespace graph {

std::string Shortened(absl::string_view text) {
  constexpr size_t kMost = 100, kLongestCharacter = 4;
  if (text.size() <= kMost) return std::string(text);
  size_t end = kMost;  // or before, so that no character is cut in two
  while (end > kMost - kLongestCharacter && (text[end] & 0xC0) == 0x80) --end;
  return absl::StrCat(text.substr(0, end), "...");
}

std::string Quoted(absl::string_view text) {
  return absl::StrCat("'", Printable(Shortened(text)), "'");
}

}  // namespace graph
