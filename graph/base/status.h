// absl::Status helpers and CHECK.
//
// There are two kinds of failure. What a user, a file or a shape can cause is a
// Status whose message names the thing (file, flag, operator, blob) and the way
// out. What only a bug in this program can cause is a CHECK, which aborts.
#ifndef GRAPH_BASE_STATUS_H_
#define GRAPH_BASE_STATUS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace graph {

// Prints "file:line: condition failed" and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);

// `status` with `context` before its message ("LayerNorm 'norm1': ...").
absl::Status Annotate(const absl::Status& status, absl::string_view context);

template <typename... Args>
absl::Status InvalidArgument(const Args&... args) {
  return absl::InvalidArgumentError(absl::StrCat(args...));
}

}  // namespace graph

// For broken invariants only, never for bad input. Active in every build mode.
#define CHECK(condition)                             \
  (__builtin_expect(static_cast<bool>(condition), 1) \
       ? static_cast<void>(0)                        \
       : ::graph::CheckFailed(__FILE__, __LINE__, #condition))

#define GRAPH_CONCAT_INNER(a, b) a##b
#define GRAPH_CONCAT(a, b) GRAPH_CONCAT_INNER(a, b)

#define RETURN_IF_ERROR(expr)                                     \
  do {                                                            \
    if (absl::Status macro_status = (expr); !macro_status.ok()) { \
      return macro_status;                                        \
    }                                                             \
  } while (false)

#define ASSIGN_OR_RETURN(lhs, expr) \
  ASSIGN_OR_RETURN_IMPL(GRAPH_CONCAT(statusor_, __LINE__), lhs, expr)
#define ASSIGN_OR_RETURN_IMPL(statusor, lhs, expr) \
  auto statusor = (expr);                          \
  if (!statusor.ok()) return statusor.status();    \
  lhs = std::move(statusor).value()

#endif  // GRAPH_BASE_STATUS_H_
