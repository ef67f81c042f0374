#include "models/data/data_source.h"

#include <unistd.h>

#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "models/data/cifar10.h"
#include "models/data/file_kind.h"
#include "models/data/file_util.h"
#include "models/data/image_folder.h"

namespace models {
namespace {

constexpr int64_t kHeadBytes = 512;

// What the file at `path` is by its first bytes, where that is known: " (xz data)".
std::string KindInBrackets(const std::string& path) {
  const OpenFile file(path);
  if (file.get() < 0) return "";
  std::string head(kHeadBytes, '\0');
  const ssize_t n = ::pread(file.get(), &head[0], head.size(), 0);
  if (n <= 0) return "";
  head.resize(static_cast<size_t>(n));
  const FileKind kind = KindOfFile(head);
  return kind.name.empty() ? "" : absl::StrCat(" (", kind.name, ")");
}

absl::StatusOr<DataSource> FindNamedShards(const std::string& path) {
  DataSource source;
  source.kind = DataSource::Kind::kShards;
  source.root = path;
  ASSIGN_OR_RETURN(source.shards, FindShardsOf(path));
  if (!source.shards.train.empty()) return source;
  const std::string shown = PrintablePath(path);
  if (IsFile(path)) {
    return absl::NotFoundError(absl::StrCat(
        "--data_path=", shown, " is a file", KindInBrackets(path),
        ", but no tar shard by its name (.tar, .tar.gz, .tgz); give a folder of pictures or tar "
        "shards, or leave it out to use the embedded data set"));
  }
  return absl::NotFoundError(absl::StrCat(
      "--data_path=", shown, " does not exist; give a folder of pictures or tar shards, or leave ",
      "it out to use the embedded data set"));
}

// "1 tar shard (a.tar)", "3 tar shards (a.tar, ...)".
std::string ShardsText(const std::vector<std::string>& names) {
  return absl::StrCat(Count(static_cast<int64_t>(names.size()), "tar shard"), " (",
                      PrintablePath(names[0]), names.size() > 1 ? ", ...)" : ")");
}

}  // namespace

absl::StatusOr<DataSource> FindDataSource(const std::string& data_path) {
  DataSource source;
  source.root = data_path;
  const std::filesystem::path named(data_path);
  if (named.filename() == "train.txt" && IsFile(data_path)) {
    source.root = named.has_parent_path() ? named.parent_path().string() : ".";
  } else if (!IsDirectory(data_path)) {
    return FindNamedShards(data_path);
  }
  const std::string& root = source.root;
  source.batches = FindCifar10Batches(root);
  ASSIGN_OR_RETURN(source.shards, FindShardsIn(root));
  const std::vector<std::string>& shards = source.shards.train;
  const bool shards_in_train = !shards.empty() && absl::StartsWith(shards[0], "train/");
  const std::vector<std::string>& shards_beside = shards_in_train ? source.shards.unused : shards;
  // Asked for only where there is a choice: `train/` may hold millions.
  const bool has_list = IsFile(JoinPath(root, "train.txt"));
  const std::string picture_in_train =
      !has_list && (!source.batches.empty() || !shards.empty()) ? FindPicture(root, "train") : "";

  const auto not_used = [&](const std::string& taken, const std::string& rest,
                            const std::string& way) {
    source.warnings.push_back(absl::StrCat(PrintablePath(root),
                                           " holds more than one data set: what is read is ", taken,
                                           ", not ", rest, "; ", way));
  };
  const auto no_pictures = [&](const std::string& taken, const std::string& picture) {
    if (picture.empty()) return;
    not_used(taken, absl::StrCat("the pictures (", PrintablePath(picture), ", ...)"),
             "to use these, put them into a folder of their own");
  };
  const auto no_shards = [&](const std::string& taken, const std::vector<std::string>& names) {
    if (names.empty()) return;
    not_used(taken, ShardsText(names),
             absl::StrCat("--data_path=", PrintablePath(JoinPath(root, names[0])), " would take ",
                          names.size() > 1 ? "the first, and a pattern more of them" : "it"));
  };
  const std::string batches = "CIFAR-10 (data_batch_*.bin)";
  if (has_list) {
    source.kind = DataSource::Kind::kList;
    no_shards("the list train.txt", shards);
    no_shards("the list train.txt", source.shards.unused);
    if (!source.batches.empty()) {
      not_used("the list train.txt", batches, "to use that, put it into a folder of its own");
    }
  } else if (shards_in_train || !picture_in_train.empty()) {
    source.kind = shards_in_train ? DataSource::Kind::kShards : DataSource::Kind::kFolder;
    no_shards("train/", shards_beside);
    if (!source.batches.empty()) {
      not_used("train/", batches, "to use that, put it into a folder of its own");
    }
    if (shards_in_train) {
      no_pictures(ShardsText(shards), picture_in_train);
      if (source.shards.val.empty()) no_pictures(ShardsText(shards), FindPicture(root, "val"));
    }
  } else if (!source.batches.empty()) {
    source.kind = DataSource::Kind::kCifar10;
    no_shards(batches, shards);
    no_pictures(batches, FindPicture(root, ""));
  } else if (!shards.empty()) {
    source.kind = DataSource::Kind::kShards;
    no_pictures(ShardsText(shards), FindPicture(root, ""));
  }
  return source;
}

}  // namespace models
