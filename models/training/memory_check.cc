#include "models/training/memory_check.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace models {
namespace {

double MiB(size_t bytes) { return static_cast<double>(bytes) / (1024.0 * 1024.0); }

}  // namespace

absl::Status DoesNotFit(const MemoryNeeds& needs, size_t available, int batch_size,
                        const MemoryAdvice& advice) {
  std::string text = absl::StrFormat(
      "--batch_size=%d needs %.0f MiB of memory (arena %.0f, parameters and optimizer %.0f, "
      "loader %.0f) and %.0f MiB are available; ",
      batch_size, MiB(needs.total()), MiB(needs.arena), MiB(needs.persistent()), MiB(needs.loader),
      MiB(available));
  if (advice.batch_size > 0) {
    absl::StrAppend(&text, "--batch_size=", advice.batch_size, " fits");
  } else {
    absl::StrAppend(&text, "no smaller --batch_size fits");
  }
  if (advice.recompute_fits) {
    absl::StrAppend(&text, ", and so does this batch with --recompute=block");
  } else if (advice.recompute_left) {
    absl::StrAppend(&text, "; --recompute=block needs less, but not so little at this batch");
  }
  return absl::ResourceExhaustedError(text);
}

}  // namespace models
