// Which tar shards a --data_path names: a folder of them, one, or a pattern.
#ifndef MODELS_DATA_SHARD_PATHS_H_
#define MODELS_DATA_SHARD_PATHS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace models {

// "a/{000..002}.tar" -> a/000.tar, a/001.tar, a/002.tar; "{train,val}-{0..1}.tar" -> four.
// Ranges count up or down, and keep the width of their ends; braces do not nest. Without
// braces it is the pattern itself. InvalidArgument names the pattern: an open brace, a
// range that is none, more than 1,000,000 names.
absl::StatusOr<std::vector<std::string>> ExpandBraces(const std::string& pattern);

// Whether `path` ends in .tar, .tar.gz or .tgz, whatever its case.
bool IsShardName(const std::string& path);

// Names of files directly in `folder` that IsShardName, but for hidden ones, in byte
// order; empty where there is none or no such folder. Errors name a folder that cannot be read.
absl::StatusOr<std::vector<std::string>> ShardsIn(const std::string& folder);

struct ShardPaths {
  std::string root;                // what names are relative to
  std::vector<std::string> train;  // names
  std::vector<std::string> val;
  std::string from;  // " in train/", " of the pattern" or nothing, for the banner
};

// No train shards: `data_path` names none. A folder: those directly in it, of which
// val-*, val_* and validation-* are held out, else those in train/; held out: also those
// in val/. A file or a pattern: relative to the folder before the first brace.
// An error names what the pattern asks for and does not exist.
absl::StatusOr<ShardPaths> FindShards(const std::string& data_path);

}  // namespace models

#endif  // MODELS_DATA_SHARD_PATHS_H_
