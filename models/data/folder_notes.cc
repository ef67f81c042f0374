#include "models/data/folder_notes.h"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "graph/base/shell_word.h"
#include "models/data/file_util.h"

namespace models {
namespace {

// Copies and moves change a file's entry and may keep the time of its contents.
absl::Time EntryChanged(const struct stat& info) { return absl::TimeFromTimespec(info.st_ctim); }

constexpr absl::string_view kUnread[] = {".avif", ".heic", ".heif", ".jp2", ".jxl"};

}  // namespace

std::string UnreadPictures(const std::string& root, const std::map<std::string, int64_t>& others) {
  int64_t count = 0;
  std::vector<std::string> kinds, names;
  for (const absl::string_view ending : kUnread) {
    const auto it = others.find(std::string(ending));
    if (it == others.end()) continue;
    count += it->second;
    kinds.push_back(absl::StrCat(it->second, " ", ending));
    names.push_back(absl::StrCat("-iname '*", ending, "'"));
  }
  if (count == 0) return "";
  return absl::StrCat(Count(count, "picture"), " of kinds that are not read (",
                      absl::StrJoin(kinds, ", "),
                      ") passed over; ImageMagick makes JPEGs of them: find ",
                      graph::ShellWord(PrintablePath(root)), " \\( ", absl::StrJoin(names, " -o "),
                      " \\) -exec mogrify -format jpg -quality 95 {} +");
}

std::string UnlistedPictures(const std::string& root, const std::string& below,
                             const std::vector<ImageFolderDataset::Item>& items,
                             absl::Duration most) {
  const std::chrono::steady_clock::time_point end =
      std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(most);
  const std::string list = JoinPath(root, "train.txt");
  struct stat info;
  if (::stat(list.c_str(), &info) != 0) return "";
  const absl::Time listed_at = std::max(absl::TimeFromTimespec(info.st_mtim), EntryChanged(info));
  const absl::StatusOr<FolderListing> listing = ListPictures(root, below, "val", nullptr, end);
  if (!listing.ok()) return "";
  absl::flat_hash_set<absl::string_view> listed;
  for (const ImageFolderDataset::Item& item : items) listed.insert(item.path);
  int64_t count = 0;
  const std::string* first = nullptr;
  for (const std::string& path : listing->paths) {
    if (listed.contains(path)) continue;
    if (std::chrono::steady_clock::now() >= end) return "";
    if (::stat(JoinPath(root, path).c_str(), &info) != 0 || EntryChanged(info) <= listed_at) {
      continue;
    }
    if (count++ == 0) first = &path;
  }
  if (count == 0) return "";
  return absl::StrCat(
      Count(count, "picture file"), " under ", PrintablePath(JoinPath(root, below)),
      " may have come after train.txt, and only what it lists is read; the first is ",
      PrintablePath(*first),
      "; to have them, remove the list and make it anew: check_data --write_list=",
      graph::ShellWord(PrintablePath(list)));
}

}  // namespace models
