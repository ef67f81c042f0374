#include "models/data/segmentation_folder.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "graph/base/quoted.h"
#include "graph/base/status.h"
#include "models/data/file_util.h"
#include "models/data/image_folder.h"
#include "models/data/image_io.h"
#include "models/data/label_mask.h"

namespace models {
namespace {

using graph::Quoted;

constexpr int64_t kMostListBytes = int64_t{1} << 30;
constexpr size_t kMostClasses = kUnlabelled;

bool IsPng(const std::string& path) { return absl::EndsWithIgnoreCase(path, ".png"); }

std::string MaskOf(const std::string& picture) {
  return std::filesystem::path(picture).replace_extension(".png").string();
}

// Calls fn(line number, line) for the lines of `text` that are not blank, without the blanks around
// them, until one is an error.
template <typename Fn>
absl::Status ForEachLine(absl::string_view text, const Fn& fn) {
  absl::ConsumePrefix(&text, kByteOrderMark);
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (!line.empty()) RETURN_IF_ERROR(fn(number, line));
  }
  return absl::OkStatus();
}

// Takes the colour from the end of the fields behind a number and a name; false if there is none.
bool TakeColour(std::vector<absl::string_view>* fields, std::array<uint8_t, 3>* colour) {
  if (fields->size() < 5) return false;
  for (size_t i = 0; i < 3; ++i) {
    int value = 0;
    if (!absl::SimpleAtoi((*fields)[fields->size() - 3 + i], &value) || value < 0 || value > 255) {
      return false;
    }
    (*colour)[i] = static_cast<uint8_t>(value);
  }
  fields->resize(fields->size() - 3);
  return true;
}

class SegmentationFolder : public Dataset {
 public:
  SegmentationFolder(std::string root, const std::string& split, std::vector<std::string> pictures,
                     int num_classes, const PictureLimits& limits)
      : root_(std::move(root)),
        split_(split),
        pictures_(std::move(pictures)),
        num_classes_(num_classes),
        limits_(limits) {}

  int64_t size() const override { return static_cast<int64_t>(pictures_.size()); }
  std::string name(int64_t i) const override { return pictures_[i]; }
  int label(int64_t) const override { return -1; }
  int num_classes() const override { return num_classes_; }
  absl::Status LoadPart(int64_t i, const PartPlan& plan, PicturePart* part) const override {
    return ReadPart(JoinPath(root_, pictures_[i]), plan, part, limits_);
  }
  absl::StatusOr<std::string> LoadBytes(int64_t i) const override {
    return ReadPicture(JoinPath(root_, pictures_[i]), limits_);
  }
  bool has_masks() const override { return true; }
  absl::StatusOr<LabelMask> LoadMask(int64_t i) const override;
  std::string description() const override {
    return absl::StrCat(Count(size(), "picture"), " with masks of ", ClassesText(num_classes_),
                        " in ", PrintablePath(JoinPath(root_, split_)));
  }

 private:
  const std::string root_, split_;
  const std::vector<std::string> pictures_;
  const int num_classes_;
  const PictureLimits limits_;
};

absl::StatusOr<LabelMask> SegmentationFolder::LoadMask(int64_t i) const {
  const std::string path = JoinPath(root_, MaskOf(pictures_[i]));
  ASSIGN_OR_RETURN(LabelMask mask, ReadMask(path, limits_));
  const auto bad = std::find_if(mask.classes.begin(), mask.classes.end(), [this](int label) {
    return label >= num_classes_ && label != kUnlabelled;
  });
  if (bad == mask.classes.end()) return mask;
  const int64_t at = bad - mask.classes.begin();
  return graph::InvalidArgument(PrintablePath(path), ": the class ", int{*bad}, " at column ",
                                at % mask.width, ", row ", at / mask.width, " is none of the ",
                                num_classes_, " of classes.txt, nor ", int{kUnlabelled},
                                " for none; add it there, or mend the mask");
}

// The pictures below `root`/`split`, of which PNGs are masks.
absl::StatusOr<std::vector<std::string>> PicturesInFolder(const std::string& root,
                                                          const std::string& split) {
  ASSIGN_OR_RETURN(FolderListing listing, ListPictures(root, split));
  std::vector<std::string> pictures;
  std::set<std::string> masks, expected;
  for (std::string& path : listing.paths) {
    if (IsPng(path)) {
      masks.insert(std::move(path));
    } else {
      if (!expected.insert(MaskOf(path)).second) {
        return graph::InvalidArgument(PrintablePath(JoinPath(root, path)), ": two pictures have ",
                                      "that name but for its ending, and one mask for both");
      }
      pictures.push_back(std::move(path));
    }
  }
  for (const std::string& mask : masks) {
    if (expected.count(mask) > 0) continue;
    return graph::InvalidArgument(PrintablePath(JoinPath(root, mask)), ": no picture has that ",
                                  "name; PNGs are masks, and pictures beside them have another ",
                                  "format, such as JPEG");
  }
  return pictures;
}

absl::StatusOr<std::vector<std::string>> PicturesOfList(const std::string& list,
                                                        absl::string_view text) {
  std::vector<std::string> pictures;
  std::set<std::string> seen;
  RETURN_IF_ERROR(ForEachLine(text, [&](int number, absl::string_view line) {
    const auto error = [&](const auto&... reason) {
      return graph::InvalidArgument(PrintablePath(list), ":", number, ": ", reason...);
    };
    const std::filesystem::path path = std::filesystem::path(std::string(line)).lexically_normal();
    if (path.is_absolute() || *path.begin() == "..") {
      return error("the path ", Quoted(line), " must stay inside the data folder");
    }
    if (IsPng(path.string())) {
      return error(Quoted(line), " is a PNG, which would be a mask; list the pictures, of another ",
                   "format");
    }
    if (!seen.insert(path.string()).second) return error(Quoted(line), " is listed twice");
    pictures.push_back(path.string());
    return absl::OkStatus();
  }));
  return pictures;
}

}  // namespace

absl::StatusOr<SegmentationClasses> ReadSegmentationClasses(const std::string& root) {
  const std::string path = JoinPath(root, "classes.txt");
  const absl::StatusOr<std::string> text = ReadFile(path, kMostListBytes);
  if (!text.ok()) {
    return WithHint(text.status(), "write a line 'NUMBER NAME' for each class, from 0 on");
  }
  return ParseSegmentationClasses(*text, path);
}

absl::StatusOr<SegmentationClasses> ParseSegmentationClasses(absl::string_view text,
                                                             const std::string& path) {
  const std::string file = PrintablePath(path);
  SegmentationClasses classes;
  RETURN_IF_ERROR(ForEachLine(text, [&](int number, absl::string_view line) {
    std::vector<absl::string_view> fields =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    int cls = -1;
    const int next = static_cast<int>(classes.names.size());
    if (!absl::SimpleAtoi(fields[0], &cls) || cls != next || fields.size() < 2) {
      return graph::InvalidArgument(file, ":", number, ": expected '", next, " NAME' or '", next,
                                    " NAME RED GREEN BLUE', found ", Quoted(line));
    }
    std::array<uint8_t, 3> colour;
    if (TakeColour(&fields, &colour)) classes.colours.push_back(colour);
    classes.names.push_back(absl::StrJoin(absl::MakeConstSpan(fields).subspan(1), " "));
    return absl::OkStatus();
  }));
  if (classes.names.empty() || classes.names.size() > kMostClasses) {
    return graph::InvalidArgument(file, " names ", classes.names.size(),
                                  " classes; masks can hold from 1 to ", kMostClasses);
  }
  if (!classes.colours.empty() && classes.colours.size() != classes.names.size()) {
    return graph::InvalidArgument(file, " gives ", classes.colours.size(), " of ",
                                  classes.names.size(),
                                  " classes a colour; give it to all or none");
  }
  return classes;
}

absl::StatusOr<std::unique_ptr<Dataset>> OpenSegmentationSplit(const std::string& root,
                                                               const std::string& split,
                                                               int num_classes,
                                                               const PictureLimits& limits) {
  CHECK(num_classes >= 1 && num_classes <= static_cast<int>(kMostClasses));
  const std::string folder = JoinPath(root, split), list = folder + ".txt";
  std::vector<std::string> pictures;
  if (IsFile(list)) {
    ASSIGN_OR_RETURN(const std::string text, ReadFile(list, kMostListBytes));
    ASSIGN_OR_RETURN(pictures, PicturesOfList(list, text));
  } else if (IsDirectory(folder)) {
    ASSIGN_OR_RETURN(pictures, PicturesInFolder(root, split));
  } else {
    return absl::NotFoundError(absl::StrCat(PrintablePath(root), " has neither a folder ", split,
                                            "/ nor a list ", split, ".txt of ",
                                            "pictures with masks"));
  }
  const std::string from = PrintablePath(IsFile(list) ? list : folder);
  if (pictures.empty()) return absl::NotFoundError(absl::StrCat(from, ": no picture is there"));
  for (const std::string& picture : pictures) {
    const std::string path = JoinPath(root, picture), mask = JoinPath(root, MaskOf(picture));
    for (const std::string& needed : {path, mask}) {
      if (IsFile(needed)) continue;
      return absl::NotFoundError(absl::StrCat(
          PrintablePath(path), needed == path ? " is listed and" : " has no mask:", " ",
          PrintablePath(needed), " is not there; ",
          needed == path ? "mend the list" : "add it, or take the picture out of the data"));
    }
  }
  return std::make_unique<SegmentationFolder>(root, split, std::move(pictures), num_classes,
                                              limits);
}

}  // namespace models
