// Tar shards for tests.
#ifndef TESTS_MODELS_DATA_TEST_SHARDS_H_
#define TESTS_MODELS_DATA_TEST_SHARDS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "models/data/shard_dataset.h"

namespace models {

// Shards that Python's tarfile and gzip wrote (make_shards.py).
constexpr char kMade[] = "tests/models/data/shards";
std::string Made(const std::string& name);

struct Opened {
  std::unique_ptr<ShardDataset> data;
  ShardDataset::Report report;
};
Opened MustOpen(const std::string& root, const std::vector<std::string>& names);
std::string OpenError(const std::string& root, const std::vector<std::string>& names);

std::map<std::string, int64_t> ByName(const Dataset& data);

struct Member {
  std::string path, bytes;
  // 'l', 'y': a hard, symbolic link to `bytes`; 'd': a folder; 's': a sparse file
  char kind = 'f';
};
// A tar written by libarchive.
std::string WriteTar(const std::vector<Member>& members);

// A ustar header by hand.
std::string TarHeader(const std::string& path, int64_t size, char kind = '0');

// Packed by zlib.
std::string Gzip(const std::string& bytes);

}  // namespace models

#endif  // TESTS_MODELS_DATA_TEST_SHARDS_H_
