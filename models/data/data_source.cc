#include "models/data/data_source.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "graph/base/status.h"
#include "models/data/cifar10.h"
#include "models/data/file_kind.h"
#include "models/data/file_util.h"
#include "models/data/image_folder.h"

namespace models {
namespace {

constexpr int64_t kHeadBytes = 512;

// The kind of the file at `path` by its first bytes, if known: " (xz data)".
std::string KindInBrackets(const std::string& path) {
  const absl::StatusOr<std::string> head = ReadHead(path, kHeadBytes);
  const FileKind kind = head.ok() && !head->empty() ? KindOfFile(*head) : FileKind();
  return kind.name.empty() ? "" : absl::StrCat(" (", kind.name, ")");
}

// "1 tar shard (a.tar)", "3 tar shards (a.tar, ...)".
std::string ShardsText(const std::vector<std::string>& names, const char* what = "tar shard") {
  return absl::StrCat(Count(static_cast<int64_t>(names.size()), what), " (",
                      PrintablePath(names[0]), names.size() > 1 ? ", ...)" : ")");
}

absl::StatusOr<DataSource> FindNamedShards(const std::string& path) {
  DataSource source;
  source.kind = DataSource::Kind::kShards;
  source.root = path;
  ASSIGN_OR_RETURN(source.shards, FindShardsOf(path));
  const std::vector<std::string>& shards = source.shards.train;
  const std::string shown = PrintablePath(path);
  if (!shards.empty()) {
    std::vector<std::string> others;
    std::copy_if(shards.begin(), shards.end(), std::back_inserter(others), IsOtherSplit);
    if (!others.empty() && others.size() < shards.size()) {
      source.warnings.push_back(absl::StrCat(
          "--data_path=", shown, " trains on ", ShardsText(others),
          " of another split by name; leave that out of the pattern, or call it val-*.tar to hold "
          "it out"));
    }
    return source;
  }
  if (IsFile(path) || IsPattern(path)) {
    return absl::NotFoundError(absl::StrCat(
        "--data_path=", shown,
        IsFile(path) ? absl::StrCat(" is a file", KindInBrackets(path), ", but no tar shard")
                     : " is a pattern, but of no tar shards",
        " by its name (.tar, .tar.gz, .tgz); ",
        IsUnreadArchive(path) ? kUnpackIt
                              : "give a folder of pictures or tar shards, or leave it out to use "
                                "the embedded data set"));
  }
  return absl::NotFoundError(absl::StrCat(
      "--data_path=", shown, " does not exist; give a folder of pictures or tar shards, or leave ",
      "it out to use the embedded data set"));
}

// For a folder with shards: warns of archives there that are not read.
void WarnOfArchives(DataSource* source) {
  const ShardPaths& shards = source->shards;
  const std::string root = PrintablePath(source->root);
  if (!shards.unread.empty()) {
    source->warnings.push_back(absl::StrCat(
        root, " holds ", ShardsText(shards.unread, "archive"),
        " of a kind that is not read; plain and gzip tar shards are: unpack what is wanted"));
  }
  if (!shards.aside.empty()) {
    source->warnings.push_back(absl::StrCat(
        root, ": not read, because of another split by name: ", ShardsText(shards.aside),
        "; val-*.tar are held out, and --data_path='",
        PrintablePath(JoinPath(source->root, PatternLike(shards.aside[0]))), "' trains on all"));
  }
}

// Whether two paths lead to one folder, for example if the file system does not tell "Val" from
// "val".
bool IsSameFolder(const std::string& a, const std::string& b) {
  std::error_code none;
  return std::filesystem::equivalent(a, b, none);
}

// For image folders: warns of folders whose names resemble train/ and val/.
void WarnOfSpelling(bool train_is_read, DataSource* source) {
  const std::string& root = source->root;
  const std::string train = JoinPath(root, "train"), val = JoinPath(root, "val");
  const bool has_val = IsFile(val + ".txt") || IsDirectory(val) || !source->shards.val.empty();
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator it(root, error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    const bool is_train =
        absl::EqualsIgnoreCase(name, "train") || absl::EqualsIgnoreCase(name, "training");
    if (name == "train" || name == "val" || !(is_train || IsHeldOutWord(name))) continue;
    // A val/ beside train/ is the intended one.
    if (train_is_read && (is_train ? IsSameFolder(it->path(), train) : has_val)) continue;
    if (IsDirectory(it->path())) names.push_back(PrintablePath(name) + "/");
  }
  if (names.empty()) return;
  std::sort(names.begin(), names.end());
  source->warnings.push_back(absl::StrCat(
      PrintablePath(root), " holds ", absl::StrJoin(names, ", "),
      train_is_read ? ", of which nothing is read: only train/ and val/ are, and a link called so "
                      "will do"
                    : ", trained on as any folder is; parts of a split have to be called train/ "
                      "and val/"));
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
  // Checked only if there is a choice: `train/` may hold millions of files.
  const bool has_list = IsFile(JoinPath(root, "train.txt"));
  std::vector<std::string> archives;
  const std::string picture_in_train = !has_list && (!source.batches.empty() || !shards.empty())
                                           ? FindPicture(root, "train", &archives)
                                           : "";

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
  // Warns of shards in folders below those that are read.
  const auto no_shards_below = [&](const std::string& read_in) {
    const auto below = [&](const std::string& path) {
      const absl::string_view rest = absl::StripPrefix(path, read_in);
      return IsShardName(path) && absl::StrContains(rest, '/') && !absl::StartsWith(path, "val/");
    };
    const auto first = std::find_if(archives.begin(), archives.end(), below);
    if (first == archives.end()) return;
    not_used(ShardsText(shards),
             absl::StrCat("those of its folders (", PrintablePath(*first), ", ...)"),
             absl::StrCat("--data_path='", PrintablePath(JoinPath(root, PatternLike(*first))),
                          "' would take those"));
  };
  const std::string batches = "CIFAR-10 (data_batch_*.bin)";
  if (has_list) {
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
      no_shards_below("train/");
      WarnOfArchives(&source);
    }
  } else if (!source.batches.empty()) {
    source.kind = DataSource::Kind::kCifar10;
    no_shards(batches, shards);
    no_pictures(batches, FindPicture(root, ""));
  } else if (!shards.empty()) {
    source.kind = DataSource::Kind::kShards;
    no_pictures(ShardsText(shards), FindPicture(root, "", &archives));
    no_shards_below("");
    WarnOfArchives(&source);
    return source;
  }
  if (source.kind != DataSource::Kind::kCifar10) {
    WarnOfSpelling(IsDirectory(JoinPath(root, "train")), &source);
  }
  return source;
}

}  // namespace models
