// Images a second that the trainer's loader gives on one core, beside a loader of Pillow's.
#ifndef TOOLS_BENCHMARK_DATA_BENCH_H_
#define TOOLS_BENCHMARK_DATA_BENCH_H_

#include <cstdint>
#include <ostream>
#include <string>

#include "absl/status/statusor.h"
#include "tools/benchmark/spread.h"
#include "tools/flags/resolve_flags.h"

namespace tools {

struct DataBenchOptions {
  ResolvedFlags resolved;  // data_path, input size, seed
  int runs = 5;            // of each kind, alternately
  int64_t images = 256;    // in a run, in whole batches of at most 32; the same in each
  // A python with Pillow, NumPy and perhaps torch and torchvision, which runs data_peer.py
  // on the same files and crops; empty: none.
  std::string peer_python;
  std::string peer_script;
};

struct DataBenchResult {
  std::string data;  // what was taken for what
  int64_t images = 0;
  Spread exact, fast;     // images/s with and without --exact_decode
  Spread peer;            // zero without a peer
  std::string peer_text;  // what the peer says it is
};

// One thread, which loads: nothing runs beside it. A first run of each kind is not counted.
// Fails where images cannot be decoded, or the peer needs files and the data are shards.
absl::StatusOr<DataBenchResult> BenchData(const DataBenchOptions& options, std::ostream* progress);

std::string DataBenchText(const DataBenchResult& result);
std::string DataBenchJson(const DataBenchResult& result);

}  // namespace tools

#endif  // TOOLS_BENCHMARK_DATA_BENCH_H_
