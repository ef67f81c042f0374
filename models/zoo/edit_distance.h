// The nearest of several names, for "did you mean" in error messages.
#ifndef MODELS_ZOO_EDIT_DISTANCE_H_
#define MODELS_ZOO_EDIT_DISTANCE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace models {

// Levenshtein distance: insertions, deletions and substitutions of one byte.
int EditDistance(absl::string_view a, absl::string_view b);

// The candidate at the smallest distance, the first of equals; of those that begin with `name`, if
// any do. "" if none is near: at most one edit, and one more for every five letters.
std::string Nearest(absl::string_view name, const std::vector<std::string>& candidates);

// "did you mean NAME? ", to go before where all names are; "" for none.
std::string DidYouMean(absl::string_view name);

}  // namespace models

#endif  // MODELS_ZOO_EDIT_DISTANCE_H_
