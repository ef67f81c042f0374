#include "models/zoo/edit_distance.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace models {

int EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<int> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const int substituted = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

std::string Nearest(absl::string_view name, const std::vector<std::string>& candidates) {
  // People who do not know a name's end type its start.
  const auto begun = [name](absl::string_view candidate) {
    return name.size() >= 3 && absl::StartsWith(candidate, name);
  };
  const bool any_begun = std::any_of(candidates.begin(), candidates.end(), begun);
  std::string nearest;
  int best = any_begun ? std::numeric_limits<int>::max() : 2 + static_cast<int>(name.size()) / 5;
  for (const std::string& candidate : candidates) {
    if (any_begun && !begun(candidate)) continue;
    const int distance = EditDistance(name, candidate);
    if (distance >= best) continue;
    best = distance;
    nearest = candidate;
  }
  return nearest;
}

std::string DidYouMean(absl::string_view name) {
  return name.empty() ? "" : absl::StrCat("did you mean ", name, "? ");
}

}  // namespace models
