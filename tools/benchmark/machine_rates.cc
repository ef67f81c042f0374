#include "tools/benchmark/machine_rates.h"

#include <algorithm>
#include <cstring>

#include "graph/base/status.h"
#include "graph/runtime/host_device.h"
#include "tools/benchmark/roofline.h"
#include "tools/benchmark/timing.h"

namespace tools {
namespace {

constexpr int kRuns = 7;

absl::StatusOr<double> MeasureProducts(graph::DType dtype, int threads) {
  return MeasureRoofline({{1024, 768, 3072}}, dtype, threads, kRuns);
}

absl::StatusOr<double> CopyRate(int threads) {
  constexpr size_t kBytes = size_t{128} << 20;
  constexpr size_t kPiece = size_t{1} << 20;
  const std::shared_ptr<graph::Device> host = graph::MakeHostDevice();
  ASSIGN_OR_RETURN(const graph::Block from, host->Allocate(kBytes, graph::Contents::kZero));
  ASSIGN_OR_RETURN(const graph::Block to, host->Allocate(kBytes, graph::Contents::kZero));
  const char* source = static_cast<const char*>(from.data());
  char* target = static_cast<char*>(to.data());
  double best = 0;
  for (int run = 0; run < kRuns; ++run) {
    const Clock::time_point start = Clock::now();
#pragma omp parallel for schedule(static) num_threads(threads)
    for (size_t piece = 0; piece < kBytes / kPiece; ++piece) {
      std::memcpy(target + piece * kPiece, source + piece * kPiece, kPiece);
    }
    best = std::max(best, 2.0 * kBytes / SecondsSince(start) * 1e-9);
  }
  return best;
}

}  // namespace

double ProductRate(const graph::Net& net, const graph::Op& op, const MachineRates& rates) {
  bool bf16 = false;
  for (graph::BlobId b : op.inputs) {
    if (net.type(b).dtype == graph::DType::kI8) return rates.i8_gflops;
    bf16 |= net.type(b).dtype == graph::DType::kBF16;
  }
  return bf16 ? rates.bf16_gflops : rates.f32_gflops;
}

absl::StatusOr<MachineRates> MeasureMachineRates(int threads) {
  MachineRates rates;
  ASSIGN_OR_RETURN(rates.f32_gflops, MeasureProducts(graph::DType::kF32, threads));
  const absl::StatusOr<double> bf16 = MeasureProducts(graph::DType::kBF16, threads);
  if (bf16.ok()) {
    rates.bf16_gflops = *bf16;
  } else if (!absl::IsUnimplemented(bf16.status())) {
    return bf16.status();
  }
  ASSIGN_OR_RETURN(rates.gb_per_s, CopyRate(threads));
  return rates;
}

}  // namespace tools
