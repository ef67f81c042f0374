#include "tools/benchmark/machine_rates.h"

#include <algorithm>
#include <cstring>

#include "graph/base/status.h"
#include "tools/benchmark/roofline.h"
#include "tools/benchmark/timing.h"

namespace tools {
namespace {

constexpr int kRuns = 7;

absl::StatusOr<double> MeasureProducts(graph::DType dtype, int threads) {
  return MeasureRoofline({{1024, 768, 3072}}, dtype, threads, kRuns);
}

constexpr size_t kBytes = size_t{128} << 20;

void CopyOnThreads(char* target, const char* source, int threads) {
  constexpr size_t kPiece = size_t{1} << 20;
#pragma omp parallel for schedule(static) num_threads(threads)
  for (size_t piece = 0; piece < kBytes / kPiece; ++piece) {
    std::memcpy(target + piece * kPiece, source + piece * kPiece, kPiece);
  }
}

absl::StatusOr<double> CopyRate(graph::Device* device, int threads) {
  ASSIGN_OR_RETURN(const graph::Block from, device->Allocate(kBytes, graph::Contents::kZero));
  ASSIGN_OR_RETURN(const graph::Block to, device->Allocate(kBytes, graph::Contents::kZero));
  double best = 0;
  for (int run = 0; run < kRuns; ++run) {
    const Clock::time_point start = Clock::now();
    if (device->host_accessible()) {
      CopyOnThreads(static_cast<char*>(to.data()), static_cast<const char*>(from.data()), threads);
    } else {
      RETURN_IF_ERROR(device->CopyWithin(to.data(), from.data(), kBytes));
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

absl::StatusOr<MachineRates> MeasureMachineRates(graph::Device* device, int threads) {
  MachineRates rates;
  ASSIGN_OR_RETURN(rates.gb_per_s, CopyRate(device, threads));
  if (!device->host_accessible()) return rates;
  ASSIGN_OR_RETURN(rates.f32_gflops, MeasureProducts(graph::DType::kF32, threads));
  const absl::StatusOr<double> bf16 = MeasureProducts(graph::DType::kBF16, threads);
  if (bf16.ok()) {
    rates.bf16_gflops = *bf16;
  } else if (!absl::IsUnimplemented(bf16.status())) {
    return bf16.status();
  }
  return rates;
}

}  // namespace tools
