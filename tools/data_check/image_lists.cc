#include "tools/data_check/image_lists.h"

#include <filesystem>
#include <system_error>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "graph/base/status.h"
#include "models/data/file_util.h"
#include "models/data/image_folder.h"

namespace tools {
namespace {

namespace fs = std::filesystem;

std::string Line(const std::string& name, const std::string& below, int label) {
  return absl::StrCat(absl::StripPrefix(name, below), " ", label, "\n");
}

// Error if a line does not mean its image: names may hold line breaks, or end in a space.
absl::Status CheckNames(const models::Dataset& images, const std::string& below,
                        const std::string& flag) {
  for (int64_t i = 0; i < images.size(); ++i) {
    const std::string name = images.name(i);
    const auto items = models::ParseList(Line(name, below, images.label(i)), "", below);
    if (items.ok() && items->size() == 1 && items->front().path == name) continue;
    return graph::InvalidArgument(flag, ": a line of a list cannot hold the name ",
                                  models::PrintablePath(name), "; rename the picture");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ImageLists> ImageLists::Choose(const std::string& path, bool overwrite,
                                              const models::Datasets& data) {
  const std::string flag = absl::StrCat("--write_list=", path);
  const auto* train = dynamic_cast<const models::ImageFolderDataset*>(data.train.get());
  if (train == nullptr) {
    return graph::InvalidArgument(flag, ": only pictures in a folder can be listed, and these are ",
                                  data.train->description());
  }
  const std::string folder = fs::path(path).parent_path().string();
  const std::string list_folder = folder.empty() ? "." : folder;
  std::vector<Part> parts;
  for (const std::string split : {"train", "val"}) {
    const models::Dataset* images = split == "train" ? train : data.held_out.get();
    if (images == nullptr) continue;
    const std::string below = models::ListedFolder(train->root(), split);
    const std::string pictures = models::JoinPath(train->root(), below);
    const std::string read =
        models::JoinPath(list_folder, models::ListedFolder(list_folder, split));
    std::error_code none;
    const bool is_named_so = fs::path(path).filename() == "train.txt";
    if (!is_named_so || !fs::equivalent(pictures, read, none)) {
      return graph::InvalidArgument(
          flag, ": --data_path reads a list called train.txt, with its pictures beside it; give ",
          "--write_list=", models::PrintablePath(models::JoinPath(train->root(), "train.txt")),
          is_named_so ? absl::StrCat(", or link the pictures to the list first: ln -s ",
                                     models::PrintablePath(fs::absolute(pictures).string()), " ",
                                     models::PrintablePath(models::JoinPath(list_folder, split)))
                      : "");
    }
    const std::string prefix = below.empty() ? "" : below + "/";
    RETURN_IF_ERROR(CheckNames(*images, prefix, flag));
    ASSIGN_OR_RETURN(
        StagedOutput file,
        StagedOutput::Choose("--write_list", models::JoinPath(list_folder, split + ".txt"),
                             StagedOutput::Kind::kFile, overwrite));
    parts.push_back({images, prefix, std::move(file)});
  }
  return ImageLists(std::move(parts));
}

absl::StatusOr<std::vector<std::string>> ImageLists::Write(const DataReport& report) {
  absl::flat_hash_set<std::string> bad;
  for (const DataReport::Bad& image : report.bad) bad.insert(image.image.name);
  std::vector<std::string> texts, lines;
  for (const Part& part : parts_) {
    std::string text;
    int64_t listed = 0;
    for (int64_t i = 0; i < part.images->size(); ++i) {
      const std::string name = part.images->name(i);
      if (bad.contains(name)) continue;
      absl::StrAppend(&text, Line(name, part.below, part.images->label(i)));
      ++listed;
    }
    if (listed == 0) {
      return graph::InvalidArgument("--write_list: no image is good that ", part.file.path(),
                                    " could list; nothing was written");
    }
    texts.push_back(std::move(text));
    lines.push_back(absl::StrCat(models::PrintablePath(part.file.path()), ", ", listed, " of ",
                                 models::Count(part.images->size(), "image")));
  }
  RETURN_IF_ERROR(WriteFrom(0, texts));
  return lines;
}

// The lists after this one are written before it takes its name: train.txt, which changes what
// --data_path reads, comes last.
absl::Status ImageLists::WriteFrom(size_t part, const std::vector<std::string>& texts) {
  if (part == parts_.size()) return absl::OkStatus();
  return parts_[part].file.Write([&](const std::string& staging) -> absl::Status {
    RETURN_IF_ERROR(WriteBytes(staging, texts[part]));
    return WriteFrom(part + 1, texts);
  });
}

}  // namespace tools
