// Measures how many images per second the trainer's loader gives on one core, beside Pillow's and
// timm's.
#ifndef TOOLS_BENCHMARK_DATA_BENCH_H_
#define TOOLS_BENCHMARK_DATA_BENCH_H_

#include <cstdint>
#include <ostream>
#include <string>

#include "absl/status/statusor.h"
#include "tools/benchmark/timing.h"
#include "tools/flags/resolve_flags.h"

namespace tools {

struct DataBenchOptions {
  ResolvedFlags resolved;  // data_path, input size, augmentations, seed
  int runs = 5;            // of each kind, alternating
  int64_t images = 256;    // per run, in whole batches of at most 32; the same in each
  // A python with Pillow, NumPy and perhaps torch and torchvision, which runs data_peer.py on the
  // same files and crops; where pictures are augmented or erased, it needs timm. Empty: no peer.
  std::string peer_python;
  std::string peer_script;
};

struct DataBenchResult {
  std::string data;  // what was recognised as what
  int64_t images = 0;
  Spread exact, fast;     // images/s with and without --exact_decode
  Spread peer;            // zero without a peer
  std::string peer_text;  // the peer's description of itself
};

// Loads on one thread; nothing runs beside it. A first run of each kind does not count. Fails if
// images cannot be decoded, or if the peer needs files and the data are shards.
absl::StatusOr<DataBenchResult> BenchData(const DataBenchOptions& options, std::ostream* progress);

std::string DataBenchText(const DataBenchResult& result);
std::string DataBenchJson(const DataBenchResult& result);

}  // namespace tools

#endif  // TOOLS_BENCHMARK_DATA_BENCH_H_
