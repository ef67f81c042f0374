// Which tar shards a --data_path names: those of a folder, one, or those of a pattern.
#ifndef MODELS_DATA_SHARD_PATHS_H_
#define MODELS_DATA_SHARD_PATHS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace models {

// "a/{000..002}.tar" -> a/000.tar, a/001.tar, a/002.tar; "{train,val}-{0..1}.tar" -> four.
// Ranges count up or down, and keep the width of their ends; braces do not nest. Without
// braces it is the pattern itself. InvalidArgument names the pattern: an open brace, a
// range that is none, more than 1,000,000 names.
absl::StatusOr<std::vector<std::string>> ExpandBraces(const std::string& pattern);

// Whether `path` holds braces or wildcards.
bool IsPattern(const std::string& path);
// "*/*/*.tar" of "a/b/0.tar", "train/*/*.tar" of "train/a/0.tar": the pattern of all shards that
// lie as deep.
std::string PatternLike(const std::string& path);

// Whether `word` is what people call a part of a data set that is not trained on: val, valid,
// validation, eval, evaluation, test, testing, whatever its case.
bool IsHeldOutWord(absl::string_view word);
// Whether such a word, and perhaps a number, is in a shard's name: imagenet-validation-07.tar.
bool IsOtherSplit(const std::string& name);

// Names are those of files that IsShardName, but for hidden ones, in byte order.
struct ShardPaths {
  std::string root;                // what names are relative to
  std::vector<std::string> train;  // names
  std::vector<std::string> val;
  std::vector<std::string> unused;  // of a folder with shards in its train/: those beside it
  std::vector<std::string> aside;   // of a folder: those that are not read, as of another split
  std::vector<std::string> unread;  // of a folder: archives of other kinds beside those
  std::string from;                 // " in train/", " of the pattern" or nothing, for the banner
};

// Those of the folder `root`: in its train/, else directly in it. Held out are those in val/, and
// those directly in it that are called val-*, val_* or validation-*. Of the others directly in it
// those of another split by their names are set aside, unless there are no others. Errors name a
// folder that cannot be read.
absl::StatusOr<ShardPaths> FindShardsIn(const std::string& root);

// Those that `path` names, which is no folder: one, or a pattern of braces and wildcards (*, ?,
// [abc]), a file's own name counting before either. Names are relative to the folder before the
// first of these; held out are those called val-*, val_* or validation-*. No train shards: `path`
// ends like none, or is one name and no such file. An error names what the pattern asks for and
// does not exist, or names twice.
absl::StatusOr<ShardPaths> FindShardsOf(const std::string& path);

}  // namespace models

#endif  // MODELS_DATA_SHARD_PATHS_H_
