#include "graph/ir/part.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "graph/ir/verify.h"

namespace graph {
namespace {

bool EndsStep(char c) { return c == '/' || c == '.'; }

// Length of the "<word>.<number>" at the start of `path`; 0 if there is none.
size_t BlockLength(absl::string_view path) {
  const size_t dot = path.find('.');
  if (dot == 0 || dot == absl::string_view::npos) return 0;
  size_t end = dot + 1;
  while (end < path.size() && absl::ascii_isdigit(static_cast<unsigned char>(path[end]))) ++end;
  if (end == dot + 1) return 0;
  return end == path.size() || path[end] == '.' ? end : 0;
}

}  // namespace

bool IsValidPart(absl::string_view part) {
  bool step_begins = true;
  for (char c : part) {
    if (EndsStep(c) && step_begins) return false;
    step_begins = EndsStep(c);
  }
  return IsValidName(part) && !step_begins;
}

bool IsWithin(absl::string_view part, absl::string_view whole) {
  return whole.empty() || (absl::StartsWith(part, whole) &&
                           (part.size() == whole.size() || EndsStep(part[whole.size()])));
}

absl::string_view BlockOf(absl::string_view part) {
  const size_t slash = part.rfind('/');
  const size_t module = slash == absl::string_view::npos ? 0 : slash + 1;
  const size_t block = BlockLength(part.substr(module));
  return block == 0 ? absl::string_view() : part.substr(0, module + block);
}

}  // namespace graph
