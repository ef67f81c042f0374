#include "models/data/image_folder.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <memory>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "graph/base/quoted.h"
#include "graph/base/random.h"
#include "graph/base/status.h"
#include "models/data/file_kind.h"
#include "models/data/file_util.h"
#include "models/data/image_io.h"

namespace models {
namespace {

using graph::Quoted;

// What a run leaves in its folder (models/training/output_dir.h): the first identifies it, the
// other holds pictures.
constexpr char kRunFlags[] = "flags.txt";
constexpr char kRunPictures[] = "vis";

// Folders that link to each other have infinitely many paths.
constexpr int64_t kMostLinks = 100'000;

constexpr int kMaxLabel = 1'000'000;
constexpr int64_t kMaxListBytes = int64_t{1} << 32;

// Folders that systems and network drives keep beside people's files, some with thumbnails or
// deleted pictures in them, some unreadable.
bool IsSystemFolder(absl::string_view name) {
  for (const char* system : {"lost+found", "$RECYCLE.BIN", "System Volume Information", "@eaDir",
                             "#recycle", "#snapshot"}) {
    if (absl::EqualsIgnoreCase(name, system)) return true;
  }
  return false;
}

// ".txt" of "a.TXT"; "" where there is no dot.
std::string EndingOf(const std::string& name) {
  const size_t dot = name.rfind('.');
  return dot == std::string::npos ? "" : absl::AsciiStrToLower(name.substr(dot));
}

class Walker {
 public:
  // Walks root/below without `except`; stops after `most` pictures, or at `end`.
  Walker(std::string root, std::string below, std::string except, size_t most,
         ScanProgress* progress, ScanDeadline end = ScanDeadline::max())
      : root_(std::move(root)),
        below_(std::move(below)),
        except_(std::move(except)),
        most_(most),
        progress_(progress),
        end_(end) {}

  absl::Status Walk();
  FolderListing& listing() { return listing_; }

 private:
  struct Entry {
    std::string name;
    unsigned char type;  // DT_REG, DT_DIR, ...: what readdir says of it
  };
  using FolderId = std::pair<dev_t, ino_t>;

  absl::Status Walk(const std::string& below, bool is_link);
  absl::Status InTime() const {
    if (end_ == ScanDeadline::max() || std::chrono::steady_clock::now() < end_) {
      return absl::OkStatus();
    }
    return absl::DeadlineExceededError("the scan of the folder takes too long");
  }
  // False if the folder is already being walked.
  absl::StatusOr<bool> Read(const std::string& folder, std::vector<Entry>* entries);
  // The type of `entry` at `path`, or of its link's target; DT_LNK for a broken link.
  absl::StatusOr<unsigned char> TypeOf(const Entry& entry, const std::string& path);

  const std::string root_, below_, except_;
  const size_t most_;
  ScanProgress* const progress_;  // may be null
  const ScanDeadline end_;
  FolderListing listing_;
  std::vector<FolderId> above_;  // the folders above the current one, up to the root of all
};

absl::StatusOr<bool> Walker::Read(const std::string& folder, std::vector<Entry>* entries) {
  const std::unique_ptr<DIR, int (*)(DIR*)> handle(::opendir(folder.c_str()), &::closedir);
  if (handle == nullptr) return CannotReadFolder(folder, errno);
  // "." also requires the right to search, without which no file in the folder can be opened.
  struct stat info;
  if (::fstatat(::dirfd(handle.get()), ".", &info, 0) != 0) return CannotReadFolder(folder, errno);
  const FolderId id = {info.st_dev, info.st_ino};
  if (std::find(above_.begin(), above_.end(), id) != above_.end()) return false;
  above_.push_back(id);
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(handle.get());
    if (entry == nullptr) break;
    RETURN_IF_ERROR(InTime());  // one folder may hold a million files
    if (entry->d_name[0] != '.') entries->push_back({entry->d_name, entry->d_type});
  }
  if (errno != 0) return CannotReadFolder(folder, errno);
  std::sort(entries->begin(), entries->end(),
            [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return true;
}

absl::StatusOr<unsigned char> Walker::TypeOf(const Entry& entry, const std::string& path) {
  if (entry.type != DT_LNK && entry.type != DT_UNKNOWN) return entry.type;
  struct stat info;
  if (::stat(path.c_str(), &info) == 0) return static_cast<unsigned char>(IFTODT(info.st_mode));
  // A link to nothing, through a file, or to itself.
  if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return DT_LNK;
  return CannotReadFolder(path, errno);
}

absl::Status Walker::Walk() {
  // Records the folders above: a link to one of them leads to held-out images or to everything.
  struct stat info;
  for (std::string path = JoinPath(JoinPath(root_, below_), ".."); ::stat(path.c_str(), &info) == 0;
       path += "/..") {
    const FolderId id = {info.st_dev, info.st_ino};
    if (!above_.empty() && above_.back() == id) break;  // the root is above itself
    above_.push_back(id);
  }
  return Walk(below_, /*is_link=*/false);
}

absl::Status Walker::Walk(const std::string& below, bool is_link) {
  std::vector<Entry> entries;
  ASSIGN_OR_RETURN(const bool is_new, Read(JoinPath(root_, below), &entries));
  if (!is_new) return absl::OkStatus();
  if (is_link && ++listing_.linked_folders > kMostLinks) {
    return absl::FailedPreconditionError(
        absl::StrCat("links to folders lead to more than ", kMostLinks, " folders below ",
                     PrintablePath(root_), ", the last ", PrintablePath(below),
                     "; links between folders multiply what they hold: "
                     "take them out of the data"));
  }
  const bool holds_run = std::any_of(entries.begin(), entries.end(),
                                     [](const Entry& entry) { return entry.name == kRunFlags; });
  for (const Entry& entry : entries) {
    const std::string relative = JoinPath(below, entry.name);
    const std::string path = JoinPath(root_, relative);
    if (progress_ != nullptr) progress_->Seen();
    RETURN_IF_ERROR(InTime());
    ASSIGN_OR_RETURN(const unsigned char type, TypeOf(entry, path));
    if (type == DT_DIR) {
      if (relative == except_) continue;
      if (IsSystemFolder(entry.name) || (holds_run && entry.name == kRunPictures)) continue;
      RETURN_IF_ERROR(Walk(relative, entry.type == DT_LNK));
    } else if (std::string ending = EndingOf(entry.name); type == DT_REG || !ending.empty()) {
      ASSIGN_OR_RETURN(const bool is_picture, CountsAsPicture(path));
      if (is_picture) {
        listing_.paths.push_back(relative);
      } else {
        if (IsShardName(relative) || IsUnreadArchive(relative)) {
          listing_.archives.push_back(relative);
        }
        ++listing_.others[std::move(ending)];
      }
    } else {
      ++listing_.others[std::move(ending)];
    }
    if (listing_.paths.size() >= most_) break;
  }
  above_.pop_back();
  return absl::OkStatus();
}

// "class" of "train/class/a.jpg" with prefix "train/"; "" when there is no folder.
std::string FolderOf(const std::string& path, const std::string& prefix) {
  const size_t begin = absl::StartsWith(path, prefix) ? prefix.size() : 0;
  const size_t slash = path.find('/', begin);
  return slash == std::string::npos ? "" : path.substr(begin, slash - begin);
}

// By its byte order mark, or because every second byte is zero.
bool IsUtf16(absl::string_view text) {
  if (absl::StartsWith(text, "\xFF\xFE") || absl::StartsWith(text, "\xFE\xFF")) return true;
  const auto zero = [text](size_t i) { return text[i] == '\0'; };
  return text.size() >= 4 && zero(0) == zero(2) && zero(1) == zero(3) && zero(0) != zero(1);
}

}  // namespace

ImageFolderDataset::ImageFolderDataset(std::string root, std::vector<Item> items, int num_classes,
                                       std::string description, const PictureLimits& limits)
    : root_(std::move(root)),
      items_(std::move(items)),
      num_classes_(num_classes),
      description_(std::move(description)),
      limits_(limits) {}

uint64_t ImageFolderDataset::image_id(int64_t i) const {
  const Item& item = items_[i];
  const uint64_t id = graph::HashName(item.path);
  return item.occurrence == 0 ? id : graph::MixKeys(id, static_cast<uint64_t>(item.occurrence));
}

absl::Status ImageFolderDataset::LoadPart(int64_t i, const PartPlan& plan,
                                          PicturePart* part) const {
  return ReadPart(JoinPath(root_, items_[i].path), plan, part, limits_);
}

absl::StatusOr<std::string> ImageFolderDataset::LoadBytes(int64_t i) const {
  return ReadPicture(JoinPath(root_, items_[i].path), limits_);
}

absl::StatusOr<FolderListing> ListPictures(const std::string& root, const std::string& below,
                                           const std::string& except, ScanProgress* progress,
                                           ScanDeadline end) {
  Walker walker(root, below, except, std::numeric_limits<size_t>::max(), progress, end);
  RETURN_IF_ERROR(walker.Walk());
  FolderListing& listing = walker.listing();
  std::sort(listing.paths.begin(), listing.paths.end());
  return std::move(listing);
}

std::string FindPicture(const std::string& root, const std::string& below,
                        std::vector<std::string>* archives) {
  Walker walker(root, below, "", 1, nullptr);
  const absl::Status ignored = walker.Walk();
  if (archives != nullptr) *archives = std::move(walker.listing().archives);
  const std::vector<std::string>& paths = walker.listing().paths;
  return paths.empty() ? "" : paths[0];
}

std::vector<std::string> CollectClasses(const std::vector<std::string>& paths,
                                        const std::string& prefix) {
  std::set<std::string> classes;
  for (const std::string& path : paths) {
    std::string folder = FolderOf(path, prefix);
    if (!folder.empty()) classes.insert(std::move(folder));
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
  const std::string list = PrintablePath(list_path);
  if (IsUtf16(text)) {
    return graph::InvalidArgument(list, " is text in UTF-16; save it as UTF-8");
  }
  std::vector<ImageFolderDataset::Item> items;
  absl::flat_hash_map<uint64_t, int32_t> drawn;  // by the hash of the path
  int64_t number = 0;
  // Some programs end lines as old Macs did.
  const char line_end = text.find('\n') == absl::string_view::npos ? '\r' : '\n';
  for (absl::string_view line : absl::StrSplit(text, line_end)) {
    ++number;
    absl::ConsumePrefix(&line, kByteOrderMark);  // before any line, because files may have been
                                                 // concatenated
    line = absl::StripAsciiWhitespace(line);
    if (line.empty()) continue;
    const auto error = [&](const auto&... reason) {
      return graph::InvalidArgument(list, ":", number, ": ", reason...);
    };
    const size_t gap = line.find_last_of(" \t");
    if (gap == absl::string_view::npos) return error("expected 'path label', found ", Quoted(line));
    int label = 0;
    const absl::string_view field = line.substr(gap + 1);
    if (!absl::SimpleAtoi(field, &label) || label < -1 || label > kMaxLabel) {
      return error("the label ", Quoted(field), " is not a number from 0 to ", kMaxLabel,
                   ", nor -1 for none");
    }
    const absl::string_view path = absl::StripTrailingAsciiWhitespace(line.substr(0, gap));
    if (path.find('\0') != absl::string_view::npos) {
      return error("the path ", Quoted(path), " holds a zero byte");
    }
    // One path for one image: "./a//b.jpg" is "a/b.jpg".
    std::vector<absl::string_view> parts = absl::StrSplit(path, '/', absl::SkipEmpty());
    parts.erase(std::remove(parts.begin(), parts.end(), "."), parts.end());
    if (parts.empty()) return error("the path ", Quoted(path), " names no picture");
    if (path[0] == '/' || std::find(parts.begin(), parts.end(), "..") != parts.end()) {
      return error("the path ", Quoted(path), " must stay inside the data folder");
    }
    std::string full = JoinPath(images, absl::StrJoin(parts, "/"));
    const int32_t occurrence = drawn[graph::HashName(full)]++;
    items.push_back({std::move(full), label, occurrence});
  }
  if (items.empty()) return graph::InvalidArgument(list, ": no image is listed");
  return items;
}

}  // namespace models
