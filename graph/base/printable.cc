#include "graph/base/printable.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "absl/strings/str_format.h"

namespace graph {
namespace {

constexpr uint32_t kNoCharacter = 0;  // escaped, too

struct Character {
  uint32_t code;
  size_t bytes;
};

// The first UTF-8 character of `text`, which is not empty; one byte where the text is invalid.
Character FirstCharacter(absl::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const uint32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < bytes) return {kNoCharacter, 1};
  uint32_t code = lead & (0x7F >> bytes);
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {kNoCharacter, 1};
    code = code << 6 | (byte(i) & 0x3F);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool none = code < kLeast[bytes] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000);
  return none ? Character{kNoCharacter, 1} : Character{code, bytes};
}

bool IsShown(uint32_t code) {
  struct Range {
    uint32_t first, last;
  };
  constexpr Range kHidden[] = {
      {0, 0x1F},        {0x7F, 0xA0},      // control characters, and a blank that looks like one
      {0x61C, 0x61C},   {0x200E, 0x200F},  // direction of writing
      {0x202A, 0x202E}, {0x2066, 0x2069},  // the same
      {0x200B, 0x200B}, {0xFEFF, 0xFEFF},  // no width
      {0x2028, 0x2029},                    // ends of lines
  };
  return std::none_of(std::begin(kHidden), std::end(kHidden), [code](const Range& range) {
    return code >= range.first && code <= range.last;
  });
}

std::string Escape(absl::string_view text, absl::string_view kept) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character next = FirstCharacter(text);
    const bool shown = IsShown(next.code) || kept.find(text[0]) != absl::string_view::npos;
    for (const char c : text.substr(0, next.bytes)) {
      if (shown) {
        out += c;
      } else {
        absl::StrAppendFormat(&out, "\\x%02X", static_cast<unsigned char>(c));
      }
    }
    text.remove_prefix(next.bytes);
  }
  return out;
}

}  // namespace

std::string Printable(absl::string_view text) { return Escape(text, ""); }
std::string PrintableLines(absl::string_view text) { return Escape(text, "\t\n"); }

}  // namespace graph
