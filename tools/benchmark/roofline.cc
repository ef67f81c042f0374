#include "tools/benchmark/roofline.h"

#include <omp.h>

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "dnnl.hpp"
#include "dnnl_debug.h"
#include "graph/base/status.h"
#include "graph/runtime/host_device.h"
#include "tools/benchmark/random_fill.h"
#include "tools/benchmark/timing.h"

namespace tools {
namespace {

using dnnl::memory;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Restores the number of threads that the rest of the program has set.
class Threads {
 public:
  explicit Threads(int threads) : before_(omp_get_max_threads()) { omp_set_num_threads(threads); }
  ~Threads() { omp_set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  const int before_;
};

// Memory with this layout, filled with normally distributed numbers.
absl::StatusOr<graph::Block> Operand(const memory::desc& desc, graph::DType dtype) {
  ASSIGN_OR_RETURN(graph::Block block,
                   graph::MakeHostDevice()->Allocate(desc.get_size(), graph::Contents::kGarbage));
  FillNormal(dtype, desc.get_size() / graph::ByteSize(dtype), block.data());
  return block;
}

// Seconds of the best run of (m, k) · (k, n). oneDNN throws if it has no such product.
absl::StatusOr<double> Time(int64_t m, int64_t k, int64_t n, graph::DType dtype,
                            graph::DType result, int runs) {
  const auto type = [](graph::DType d) {
    return d == graph::DType::kBF16 ? memory::data_type::bf16 : memory::data_type::f32;
  };
  const auto any = memory::format_tag::any;
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const dnnl::matmul::primitive_desc pd(engine, memory::desc({m, k}, type(dtype), any),
                                        memory::desc({k, n}, type(dtype), any),
                                        memory::desc({m, n}, type(result), any));
  const dnnl::matmul matmul(pd);
  ASSIGN_OR_RETURN(const graph::Block src, Operand(pd.src_desc(), dtype));
  ASSIGN_OR_RETURN(const graph::Block weights, Operand(pd.weights_desc(), dtype));
  ASSIGN_OR_RETURN(const graph::Block dst, Operand(pd.dst_desc(), result));
  const std::unordered_map<int, memory> args = {
      {DNNL_ARG_SRC, memory(pd.src_desc(), engine, src.data())},
      {DNNL_ARG_WEIGHTS, memory(pd.weights_desc(), engine, weights.data())},
      {DNNL_ARG_DST, memory(pd.dst_desc(), engine, dst.data())}};
  double best = kInfinity;
  for (int run = -1; run < runs; ++run) {
    const Clock::time_point start = Clock::now();
    matmul.execute(stream, args);
    stream.wait();
    if (run >= 0) best = std::min(best, SecondsSince(start));
  }
  return best;
}

}  // namespace

std::vector<Gemm> StepGemms(const models::OfficialNet& net, int64_t batch) {
  std::map<std::tuple<int64_t, int64_t, int64_t, bool>, int64_t> times;
  for (const models::OfficialLinear& l : net.linears) {
    const int64_t rows = l.rows * batch;
    times[{rows, l.in, l.out, false}] += l.layers;
    if (l.input_gradient) times[{rows, l.out, l.in, false}] += l.layers;
    if (l.weight_gradient) times[{l.in, rows, l.out, true}] += l.layers;
  }
  std::vector<Gemm> gemms;
  for (const auto& [shape, count] : times) {
    const auto& [m, k, n, weight_gradient] = shape;
    gemms.push_back({m, k, n, count, weight_gradient});
  }
  return gemms;
}

absl::StatusOr<double> MeasureRoofline(absl::Span<const Gemm> gemms, graph::DType dtype,
                                       int threads, int runs) {
  CHECK(dtype == graph::DType::kF32 || dtype == graph::DType::kBF16);
  const Threads budget(threads);
  std::vector<graph::DType> results = {graph::DType::kF32};
  if (dtype == graph::DType::kBF16) results.push_back(graph::DType::kBF16);
  double flops = 0, seconds = 0;
  for (const Gemm& gemm : gemms) {
    double best = kInfinity;
    for (const graph::DType result : results) {
      for (const bool transposed : {false, true}) {
        if (transposed && (!gemm.weight_gradient || gemm.m == gemm.n)) continue;
        try {
          ASSIGN_OR_RETURN(const double taken,
                           Time(transposed ? gemm.n : gemm.m, gemm.k, transposed ? gemm.m : gemm.n,
                                dtype, result, runs));
          best = std::min(best, taken);
        } catch (const dnnl::error& error) {
          return absl::UnimplementedError(absl::StrCat(
              "the roofline needs a matmul in ", graph::DTypeName(dtype), ", and oneDNN ",
              OneDnnRelease(), " (", OneDnnIsa(), ") says: ", error.what()));
        }
      }
    }
    flops += gemm.flops() * static_cast<double>(gemm.times);
    seconds += best * static_cast<double>(gemm.times);
  }
  return flops / seconds / 1e9;
}

std::string OneDnnIsa() {
  const auto isa = static_cast<dnnl_cpu_isa_t>(dnnl::get_effective_cpu_isa());
  return std::string(absl::StripPrefix(dnnl_cpu_isa2str(isa), "cpu_isa_"));
}

std::string OneDnnMathMode() {
  const dnnl::fpmath_mode mode = dnnl::primitive_attr().get_fpmath_mode();
  return dnnl_fpmath_mode2str(static_cast<dnnl_fpmath_mode_t>(mode));
}

std::string OneDnnRelease() {
  const dnnl::version_t* v = dnnl::version();
  return absl::StrCat(v->major, ".", v->minor, ".", v->patch);
}

}  // namespace tools
