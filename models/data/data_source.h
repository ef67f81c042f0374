// Finds out from the names in a --data_path what it holds.
#ifndef MODELS_DATA_DATA_SOURCE_H_
#define MODELS_DATA_DATA_SOURCE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/data/shard_paths.h"

namespace models {

struct DataSource {
  enum class Kind { kCifar10, kShards, kFolder };  // a folder may have lists
  Kind kind = Kind::kFolder;
  std::string root;                   // the data folder; for shards given by name, their path
  std::vector<std::string> batches;   // kCifar10: paths
  ShardPaths shards;                  // kShards
  std::vector<std::string> warnings;  // what else is there but not used, and how to use it
};

// Tries the kinds in the order of open_dataset.h. Errors name the path and what to do.
absl::StatusOr<DataSource> FindDataSource(const std::string& data_path);

}  // namespace models

#endif  // MODELS_DATA_DATA_SOURCE_H_
