// Counts with their nouns, for messages.
#ifndef GRAPH_BASE_COUNTED_H_
#define GRAPH_BASE_COUNTED_H_

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace graph {

// "1 image", "2 images", "0 images".
inline std::string Counted(int64_t n, absl::string_view noun) {
  return absl::StrCat(n, " ", noun, n == 1 ? "" : "s");
}

}  // namespace graph

#endif  // GRAPH_BASE_COUNTED_H_
