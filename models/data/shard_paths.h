// Finds the tar shards that a --data_path names: a folder's, a single one, or a pattern's.
#ifndef MODELS_DATA_SHARD_PATHS_H_
#define MODELS_DATA_SHARD_PATHS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace models {

// "a/{000..002}.tar" -> a/000.tar, a/001.tar, a/002.tar; "{train,val}-{0..1}.tar" -> four. Ranges
// count up or down and keep the width of their ends; braces do not nest. A pattern without braces
// expands to itself. InvalidArgument names the pattern: an open brace, an invalid range, more than
// 1,000,000 names.
absl::StatusOr<std::vector<std::string>> ExpandBraces(const std::string& pattern);

// Whether `path` holds braces or wildcards.
bool IsPattern(const std::string& path);
// "*/*/*.tar" for "a/b/0.tar", "train/*/*.tar" for "train/a/0.tar": a pattern for all shards at the
// same depth.
std::string PatternLike(const std::string& path);

// Whether `word` commonly names a part of a data set that is not for training: val, valid,
// validation, eval, evaluation, test, testing. Ignores case.
bool IsHeldOutWord(absl::string_view word);
// Whether a shard's name contains such a word, perhaps with a number: imagenet-validation-07.tar.
bool IsOtherSplit(const std::string& name);

// Names are those that satisfy IsShardName, except hidden ones, in byte order.
struct ShardPaths {
  std::string root;                // what names are relative to
  std::vector<std::string> train;  // names
  std::vector<std::string> val;
  std::vector<std::string> unused;  // of a folder with shards in its train/: the others
  std::vector<std::string> aside;   // of a folder: not read, because they belong to another split
  std::vector<std::string> unread;  // of a folder: archives of other kinds
  std::string from;                 // " in train/", " of the pattern" or empty, for the banner
};

// The shards of the folder `root`: in its train/, else directly in it. Held out are those in val/,
// and those directly in `root` called val-*, val_* or validation-*. Other shards directly in `root`
// whose names tell another split are set aside, unless there are no others. Errors name a folder
// that cannot be read.
absl::StatusOr<ShardPaths> FindShardsIn(const std::string& root);

// The shards that `path`, which is no folder, names: a single one, or a pattern of braces and
// wildcards (*, ?, [abc]). An existing file of that very name takes precedence. Names are relative
// to the folder before the first brace or wildcard; held out are those called val-*, val_* or
// validation-*. No train shards: `path` does not end like a shard, or is a single name and no such
// file. Errors name what the pattern asks for and does not exist, or names twice.
absl::StatusOr<ShardPaths> FindShardsOf(const std::string& path);

}  // namespace models

#endif  // MODELS_DATA_SHARD_PATHS_H_
