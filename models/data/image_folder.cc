#include "models/data/image_folder.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "graph/base/random.h"
#include "graph/base/status.h"
#include "models/data/file_util.h"
#include "models/data/image_io.h"

namespace models {
namespace {

constexpr int kMaxLabel = 1'000'000;
constexpr int64_t kMaxListBytes = int64_t{1} << 32;

bool IsPictureName(const std::string& name) {
  const std::string lower = absl::AsciiStrToLower(name);
  for (const char* ending : {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp"}) {
    if (absl::EndsWith(lower, ending)) return true;
  }
  return false;
}

using FolderId = std::pair<dev_t, ino_t>;

absl::Status Walk(const std::string& root, const std::string& below, std::set<FolderId>* seen,
                  FolderListing* listing) {
  const std::string folder = below.empty() ? root : JoinPath(root, below);
  DIR* handle = ::opendir(folder.c_str());
  if (handle == nullptr) return CannotReadFolder(folder, errno);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(handle)) {
    if (entry->d_name[0] != '.') names.push_back(entry->d_name);
  }
  ::closedir(handle);
  for (const std::string& name : names) {
    const std::string relative = JoinPath(below, name);
    struct stat info;
    const bool exists = ::stat(JoinPath(root, relative).c_str(), &info) == 0;
    if (exists && S_ISDIR(info.st_mode)) {
      if (!seen->insert({info.st_dev, info.st_ino}).second) continue;
      RETURN_IF_ERROR(Walk(root, relative, seen, listing));
    } else if (IsPictureName(name)) {
      listing->paths.push_back(relative);  // a broken link too: loading it says why
    } else {
      ++listing->others;
    }
  }
  return absl::OkStatus();
}

// "class" of "train/class/a.jpg" with prefix "train/"; "" when there is no folder.
std::string FolderOf(const std::string& path, const std::string& prefix) {
  const size_t begin = absl::StartsWith(path, prefix) ? prefix.size() : 0;
  const size_t slash = path.find('/', begin);
  return slash == std::string::npos ? "" : path.substr(begin, slash - begin);
}

}  // namespace

ImageFolderDataset::ImageFolderDataset(std::string root, std::vector<Item> items, int num_classes,
                                       std::string description, const PictureLimits& limits)
    : root_(std::move(root)),
      items_(std::move(items)),
      num_classes_(num_classes),
      description_(std::move(description)),
      limits_(limits) {}

uint64_t ImageFolderDataset::image_id(int64_t i) const { return graph::HashName(items_[i].path); }

absl::StatusOr<Image> ImageFolderDataset::Load(int64_t i) const {
  return ReadImage(JoinPath(root_, items_[i].path), limits_);
}

absl::Status ImageFolderDataset::LoadPart(int64_t i, const PartPlan& plan,
                                          PicturePart* part) const {
  return ReadPart(JoinPath(root_, items_[i].path), plan, part, limits_);
}

absl::StatusOr<std::string> ImageFolderDataset::LoadBytes(int64_t i) const {
  return ReadPicture(JoinPath(root_, items_[i].path), limits_);
}

absl::StatusOr<FolderListing> ListPictures(const std::string& root, const std::string& below) {
  FolderListing listing;
  std::set<FolderId> seen;
  struct stat info;
  if (::stat(JoinPath(root, below).c_str(), &info) == 0) seen.insert({info.st_dev, info.st_ino});
  RETURN_IF_ERROR(Walk(root, below, &seen, &listing));
  std::sort(listing.paths.begin(), listing.paths.end());
  return listing;
}

std::vector<std::string> CollectClasses(const std::vector<std::string>& paths,
                                        const std::string& prefix) {
  std::set<std::string> classes;
  for (const std::string& path : paths) {
    std::string folder = FolderOf(path, prefix);
    if (folder.empty()) return {};
    classes.insert(std::move(folder));
  }
  return {classes.begin(), classes.end()};
}

std::vector<ImageFolderDataset::Item> LabelByFolder(const std::vector<std::string>& paths,
                                                    const std::string& prefix,
                                                    const std::vector<std::string>& classes) {
  std::vector<ImageFolderDataset::Item> items;
  items.reserve(paths.size());
  for (const std::string& path : paths) {
    const auto at = std::lower_bound(classes.begin(), classes.end(), FolderOf(path, prefix));
    const bool known = at != classes.end() && *at == FolderOf(path, prefix);
    items.push_back({path, known ? static_cast<int>(at - classes.begin()) : -1});
  }
  return items;
}

absl::StatusOr<std::vector<ImageFolderDataset::Item>> ReadListFile(const std::string& list_path,
                                                                   const std::string& images) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(list_path, kMaxListBytes));
  return ParseList(text, list_path, images);
}

absl::StatusOr<std::vector<ImageFolderDataset::Item>> ParseList(absl::string_view text,
                                                                const std::string& list_path,
                                                                const std::string& images) {
  std::vector<ImageFolderDataset::Item> items;
  int64_t number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty()) continue;
    const auto error = [&](const auto&... reason) {
      return graph::InvalidArgument(list_path, ":", number, ": ", reason...);
    };
    const size_t gap = line.find_last_of(" \t");
    if (gap == absl::string_view::npos) {
      return error("expected 'path label', found '", line.substr(0, 100), "'");
    }
    int label = 0;
    const absl::string_view field = line.substr(gap + 1);
    if (!absl::SimpleAtoi(field, &label) || label < 0 || label > kMaxLabel) {
      return error("the label '", field.substr(0, 100), "' is not a number from 0 to ", kMaxLabel);
    }
    const absl::string_view path = absl::StripTrailingAsciiWhitespace(line.substr(0, gap));
    if (path.find('\0') != absl::string_view::npos) return error("the path holds a zero byte");
    const std::vector<absl::string_view> parts = absl::StrSplit(path, '/');
    if (path[0] == '/' || std::find(parts.begin(), parts.end(), "..") != parts.end()) {
      return error("the path '", path.substr(0, 100), "' must stay inside the data folder");
    }
    items.push_back({JoinPath(images, std::string(path)), label});
  }
  if (items.empty()) return graph::InvalidArgument(list_path, ": no image is listed");
  return items;
}

}  // namespace models
