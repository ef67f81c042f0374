// Sections about the chip: what it is, the PTX of backends/cuda/device.h, functions of floats.
#include <cublasLt.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <random>

#include "tests/gpu_suite/probe.h"
#include "tests/gpu_suite/probe_kernels.h"

namespace gpu_suite {
namespace {

float FromBits(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof(x));
  return x;
}
uint32_t ToBits(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  return bits;
}
// Of a float whose lower half is zero.
BFloat16 Exactly(float x) { return {static_cast<uint16_t>(ToBits(x) >> 16)}; }

// Eight hexadecimal digits each; one name for all NaNs.
std::string Hex(const std::vector<float>& values) {
  std::string text;
  for (const float x : values) {
    char digits[16];
    std::snprintf(digits, sizeof(digits), "%08x ", static_cast<unsigned>(ToBits(x)));
    text += std::isnan(x) ? "nan " : digits;
  }
  return text;
}

void AskMatrices(Facts* facts) {
  std::vector<BFloat16> numbered(256);
  for (int i = 0; i < 256; ++i) numbered[i] = {static_cast<uint16_t>(i)};
  const Array<BFloat16> x(numbered);
  for (const bool transposed : {false, true}) {
    const Array<uint32_t> registers(128);
    Must(LoadMatrices(x.data(), transposed, registers.data(), nullptr), "LoadMatrices");
    std::string text;
    for (const uint32_t r : registers.Get()) {
      char digits[16];
      std::snprintf(digits, sizeof(digits), "%08x", static_cast<unsigned>(r));
      text += digits;
    }
    facts->Equal(transposed ? "ldmatrix_transposed" : "ldmatrix", text);
  }

  std::vector<BFloat16> a(256), b(128);
  const auto multiply = [&] {
    const Array<BFloat16> device_a(a), device_b(b);
    const Array<float> c(128);
    Must(Multiply(device_a.data(), device_b.data(), c.data(), nullptr), "Multiply");
    return c.Get();
  };
  // Whole numbers: every sum is exact, and tells rows, columns and registers apart.
  for (int i = 0; i < 256; ++i) a[i] = Exactly(static_cast<float>(i * 37 % 101 - 50));
  for (int i = 0; i < 128; ++i) b[i] = Exactly(static_cast<float>(i * 53 % 89 - 44));
  facts->Equal("mma_exact", multiply());
  // Tensor cores truncate where the emulator rounds once; sums are below 32.
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (BFloat16& v : a) v = Exactly(FromBits(ToBits(normal(random)) & 0xffff0000u));
  for (BFloat16& v : b) v = Exactly(FromBits(ToBits(normal(random)) & 0xffff0000u));
  facts->Near("mma_rounded", multiply(), 4e-5);
  // One huge term, and small ones that only a wide accumulator keeps.
  std::fill(a.begin(), a.end(), Exactly(1.0f));
  std::fill(b.begin(), b.end(), Exactly(FromBits(0x33000000u)));  // 2^-25
  for (int n = 0; n < 8; ++n) b[n * 16] = Exactly(1.0f);
  facts->Near("mma_small_beside_large", multiply(), 1e-6);
}

void AskCopiesToShared(Facts* facts) {
  std::vector<uint8_t> bytes(3 * 512);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 7 % 251 + 1);
  const Array<uint8_t> x(bytes), y(bytes.size());
  Must(CopyInGroups(x.data(), y.data(), nullptr), "CopyInGroups");
  const std::vector<uint8_t> result = y.Get();
  size_t wrong = 0;
  for (size_t i = 0; i < result.size(); ++i) {
    const size_t group = i / 512, lane = i % 512 / 16;
    wrong += result[i] != (lane % 3 == group ? 0 : bytes[i]);
  }
  facts->Equal("cp_async_wrong_bytes", wrong);
  facts->Equal("cp_async_checksum", Checksum(result.data(), result.size()));
}

void AskSums(Facts* facts) {
  std::mt19937 random(2);
  std::normal_distribution<float> normal(0.0f, 100.0f);
  for (const bool with_nan : {false, true}) {
    std::vector<float> values(32);
    for (float& v : values) v = normal(random);
    if (with_nan) values[9] = NAN;
    const Array<float> x(values), sum(32), max(32);
    Must(Reduce(x.data(), sum.data(), max.data(), nullptr), "Reduce");
    const std::string suffix = with_nan ? "_with_nan" : "";
    facts->Equal("warp_sum" + suffix, Hex(sum.Get()));
    facts->Equal("warp_max" + suffix, Hex(max.Get()));
  }
}

struct Tried {
  const char* name;
  Function function;
  double (*exact)(double);
  double low, high;
  // Units in the last place: the Programming Guide's "maximum ulp error", beside the rounding of
  // what it is an error of.
  double bound;
};

constexpr Tried kTried[] = {
    {"expf", Function::kExp, std::exp, -80, 80, 2.5},
    {"exp2f", Function::kExp2, std::exp2, -100, 100, 2.5},
    {"logf", Function::kLog, std::log, 1e-6, 1e6, 1.5},
    {"erff", Function::kErf, std::erf, -4, 4, 2.5},
    {"sqrtf", Function::kSqrt, std::sqrt, 0, 1e6, 0.5001},
    {"reciprocal", Function::kReciprocal, [](double x) { return 1 / x; }, 1e-3, 1e3, 0.5001},
};

double Ulps(float value, double exact) {
  const float rounded = static_cast<float>(exact);
  const double unit = double{std::nextafter(std::fabs(rounded), INFINITY)} - std::fabs(rounded);
  return std::fabs(value - exact) / unit;
}

// As cudnn_frontend::DeviceProperties prints them: with these, graphs are planned for this chip
// where it is not (tests/fake_cuda/h100_properties.json).
nlohmann::json CudnnProperties(const cudaDeviceProp& p, int driver) {
  const auto attribute = [](cudaDeviceAttr which) {
    int value = 0;
    cudaDeviceGetAttribute(&value, which, 0);
    cudaGetLastError();
    return value;
  };
  return {{"maxGridSize", p.maxGridSize},
          {"maxBlockSize", p.maxThreadsDim},
          {"regsPerBlock", p.regsPerBlock},
          {"multiProcessorCount", p.multiProcessorCount},
          {"warpSize", p.warpSize},
          {"maxSharedMemoryPerBlock", p.sharedMemPerBlock},
          {"maxSharedMemoryPerBlockOptin", p.sharedMemPerBlockOptin},
          {"reservedSharedMemoryPerBlock", p.reservedSharedMemPerBlock},
          {"maxRegistersPerSM", p.regsPerMultiprocessor},
          {"maxCtasPerSM", p.maxBlocksPerMultiProcessor},
          {"maxThreadsPerBlock", p.maxThreadsPerBlock},
          {"maxThreadsPerSM", p.maxThreadsPerMultiProcessor},
          {"pciDeviceId", p.pciDeviceID},
          {"isTccDriver", p.tccDriver},
          {"supportCoopLaunch", p.cooperativeLaunch},
          {"totalGlobalMem", p.totalGlobalMem},
          {"smClockRateKHz", attribute(cudaDevAttrClockRate)},
          {"memClockRateKHz", attribute(cudaDevAttrMemoryClockRate)},
          {"l2CacheSize", p.l2CacheSize},
          {"cudaDeviceId", 0},
          {"deviceVer", p.major * 100 + p.minor * 10},
          {"driverVer", driver},
          {"deviceName", p.name}};
}

}  // namespace

void AskMachine(Facts* facts) {
  int runtime = 0, driver = 0;
  cudaRuntimeGetVersion(&runtime);
  cudaDriverGetVersion(&driver);
  facts->Note("runtime_version", runtime);
  facts->Note("driver_version", driver);
  facts->Note("cublaslt_version", cublasLtGetVersion());
  cudaDeviceProp p;
  Must(cudaGetDeviceProperties(&p, 0), "cudaGetDeviceProperties");
  facts->Note("name", p.name);
  facts->Note("cudnn_properties", CudnnProperties(p, driver));
  facts->Note("total_memory", p.totalGlobalMem);
  facts->Note("multiprocessors", p.multiProcessorCount);
  facts->Note("l2_bytes", p.l2CacheSize);
  facts->Note("memory_bus_width", p.memoryBusWidth);
  facts->Note("copy_engines", p.asyncEngineCount);
  facts->Note("reserved_shared_per_block", p.reservedSharedMemPerBlock);
  facts->Note("pageable_memory_access", p.pageableMemoryAccess);
  // The fake is asked for a chip of this compute capability, and knows the rest from tables.
  facts->Equal("major", p.major);
  facts->Equal("minor", p.minor);
  facts->Equal("warp_size", p.warpSize);
  facts->Equal("shared_per_block", p.sharedMemPerBlock);
  facts->Equal("shared_per_block_opt_in", p.sharedMemPerBlockOptin);
  facts->Equal("shared_per_multiprocessor", p.sharedMemPerMultiprocessor);
  facts->Equal("registers_per_block", p.regsPerBlock);
  facts->Equal("threads_per_block", p.maxThreadsPerBlock);
  facts->Equal("threads_per_multiprocessor", p.maxThreadsPerMultiProcessor);
  facts->Equal("unified_addressing", p.unifiedAddressing);
  facts->Equal("concurrent_kernels", p.concurrentKernels);
  int opt_in = 0;
  facts->Equal("attribute", Name(cudaDeviceGetAttribute(
                                &opt_in, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0)));
  facts->Equal("attribute_is_property", static_cast<size_t>(opt_in) == p.sharedMemPerBlockOptin);
  facts->Equal("allow_shared_opt_in", Name(AllowShared(opt_in)));
  facts->Equal("allow_more_shared", Name(AllowShared(opt_in + 1)));
}

void AskWrappers(Facts* facts) {
  AskMatrices(facts);
  AskCopiesToShared(facts);
  AskSums(facts);
}

void AskNumbers(Facts* facts) {
  constexpr int kCount = 4096;
  std::mt19937 random(3);
  for (const Tried& t : kTried) {
    std::vector<float> values(kCount);
    std::uniform_real_distribution<float> uniform(static_cast<float>(t.low),
                                                  static_cast<float>(t.high));
    for (float& v : values) v = uniform(random);
    const Array<float> x(values), y(kCount);
    Must(Apply(t.function, x.data(), kCount, y.data(), nullptr), t.name);
    const std::vector<float> results = y.Get();
    double worst = 0;
    for (int i = 0; i < kCount; ++i) {
      worst = std::max(worst, Ulps(results[i], t.exact(double{values[i]})));
    }
    const std::string name = t.name;
    facts->AtMost(name + "_ulps", worst, t.bound);
    facts->Note(name + "_checksum", Checksum(results.data(), kCount * sizeof(float)));

    const std::vector<float> special = {0.0f, -0.0f, 1.0f, INFINITY, -INFINITY, NAN, -1e30f, 1e30f};
    const Array<float> special_x(special), special_y(special.size());
    Must(Apply(t.function, special_x.data(), static_cast<int>(special.size()), special_y.data(),
               nullptr),
         t.name);
    // exp and erf of 1 may differ in their last bit, roots and quotients are rounded correctly.
    std::vector<float> found = special_y.Get();
    const bool correct = t.function == Function::kSqrt || t.function == Function::kReciprocal;
    if (!correct) found.erase(found.begin() + 2);
    if (t.function == Function::kLog) found.pop_back();
    facts->Equal(name + "_special", Hex(found));
  }

  // Patterns of all kinds: normal, subnormal, ties, infinities, NaNs.
  std::vector<float> patterns(kCount);
  for (int i = 0; i < kCount; ++i) {
    uint32_t bits = random();
    if (i % 4 == 1) bits = (bits & 0xffff0000u) | 0x8000u;
    if (i % 4 == 2) bits &= 0x807fffffu;
    if (i % 4 == 3) bits |= 0x7f800000u;
    patterns[i] = FromBits(bits);
  }
  const Array<float> x(patterns);
  const Array<BFloat16> y(kCount);
  Must(RoundToBf16(x.data(), kCount, y.data(), nullptr), "RoundToBf16");
  const std::vector<BFloat16> rounded = y.Get();
  facts->Equal("bf16_checksum", Checksum(rounded.data(), kCount * sizeof(BFloat16)));
  std::vector<int> first;
  for (int i = 0; i < 16; ++i) first.push_back(rounded[i].bits);
  facts->Equal("bf16_first", first);
}

}  // namespace gpu_suite
