#include "models/data/scan_progress.h"

#include "absl/strings/str_cat.h"
#include "models/data/file_util.h"

namespace models {

void ScanProgress::Seen() {
  ++files_;
  if (!say_) return;
  const auto passed = now_() - begin_;
  if (passed < next_) return;
  say_(absl::StrCat("scanning ", PrintablePath(folder_), ": ", files_, " files in ",
                    std::chrono::duration_cast<std::chrono::seconds>(passed).count(), " s so far"));
  while (next_ <= passed) next_ *= 2;
}

}  // namespace models
