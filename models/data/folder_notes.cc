#include "models/data/folder_notes.h"

#include <sys/stat.h>

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "models/data/file_util.h"

namespace models {
namespace {

// By the time at which the file's entry last changed, which copies and moves set, too.
bool CameAfter(const std::string& path, const timespec& time) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return false;
  return std::make_pair(info.st_ctim.tv_sec, info.st_ctim.tv_nsec) >
         std::make_pair(time.tv_sec, time.tv_nsec);
}

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
  return absl::StrCat(
      Count(count, "picture"), " of kinds that are not read (", absl::StrJoin(kinds, ", "),
      ") passed over; ImageMagick makes JPEGs of them: find '", PrintablePath(root), "' \\( ",
      absl::StrJoin(names, " -o "), " \\) -exec mogrify -format jpg -quality 95 {} +");
}

std::string UnlistedPictures(const std::string& root, const std::string& below,
                             const std::vector<ImageFolderDataset::Item>& items,
                             absl::Duration most) {
  const absl::Time end = absl::Now() + most;
  const std::string list = JoinPath(root, "train.txt");
  struct stat written;
  if (::stat(list.c_str(), &written) != 0) return "";
  const absl::StatusOr<FolderListing> listing = ListPictures(root, below, "val", nullptr, end);
  if (!listing.ok()) return "";
  absl::flat_hash_set<absl::string_view> listed;
  for (const ImageFolderDataset::Item& item : items) listed.insert(item.path);
  int64_t count = 0;
  const std::string* first = nullptr;
  for (const std::string& path : listing->paths) {
    if (listed.contains(path)) continue;
    // With no time left to ask, those that are left count: hardly any are older.
    if (absl::Now() < end && !CameAfter(JoinPath(root, path), written.st_mtim)) continue;
    if (count++ == 0) first = &path;
  }
  if (count == 0) return "";
  return absl::StrCat(Count(count, "picture file"), " under ", PrintablePath(JoinPath(root, below)),
                      " came after train.txt was written, and only what it lists is read; the "
                      "first is ",
                      PrintablePath(*first),
                      "; to have them, remove the list and make it anew: check_data --write_list='",
                      PrintablePath(list), "'");
}

}  // namespace models
