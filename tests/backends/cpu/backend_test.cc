// What the backend says about itself, what it refuses, and that a kernel's
// threads are its own affair.
#include <omp.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <initializer_list>
#include <set>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "backends/cpu/kernel_table.h"
#include "backends/cpu/onednn.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/host_tensor.h"
#include "tests/harness/op_runner.h"

namespace harness {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

graph::Op MatMulOp() {
  graph::Op op;
  op.type = "MatMul";
  op.name = "fc1";
  op.attrs["trans_w"] = int64_t{1};
  EXPECT_TRUE(TestRegistry().CompleteAttrs(&op).ok());
  return op;
}

TEST(CpuBackend, DescribesItself) {
  const graph::Backend two = *backends::cpu::MakeBackend(2);
  EXPECT_EQ(two.name, "cpu");
  EXPECT_THAT(two.description, MatchesRegex("oneDNN 3\\.[0-9]+\\.[0-9]+, .*, 2 threads"));
  EXPECT_EQ(omp_get_max_threads(), 2);
  const graph::Backend one = *backends::cpu::MakeBackend(1);
  EXPECT_THAT(one.description, HasSubstr(", 1 thread"));
  EXPECT_THAT(one.description, Not(HasSubstr("threads")));
  EXPECT_EQ(omp_get_max_threads(), 1);
}

// What the processor has, by the system's own list, up to ONEDNN_MAX_CPU_ISA.
std::string ExpectedIsa() {
  std::ifstream file("/proc/cpuinfo");
  std::string word;
  while (file >> word && word != "flags") {
  }
  std::getline(file, word);
  const std::set<std::string> flags = absl::StrSplit(word, ' ');
  const auto has = [&flags](std::initializer_list<const char*> wanted) {
    return std::all_of(wanted.begin(), wanted.end(),
                       [&](const char* flag) { return flags.count(flag) > 0; });
  };
  const char* limit_set = std::getenv("ONEDNN_MAX_CPU_ISA");
  const std::string limit = limit_set != nullptr ? limit_set : "";
  if (limit != "AVX2" && has({"avx512f", "avx512bw", "avx512dq", "avx512vl"})) {
    if (limit == "AVX512_CORE" || !has({"avx512_vnni"})) return "AVX-512";
    if (!has({"avx512_bf16"})) return "AVX-512 + VNNI";
    if (!has({"avx512_fp16"})) return "AVX-512 + BF16";
    return has({"amx_tile", "amx_int8", "amx_bf16"}) ? "AVX-512 + AMX" : "AVX-512 + FP16";
  }
  return limit.empty() && has({"avx_vnni"}) ? "AVX2 + VNNI" : "AVX2";
}

TEST(CpuBackend, NamesTheInstructionsOneDnnMayUse) {
  EXPECT_THAT(backends::cpu::MakeBackend(1)->description,
              HasSubstr(absl::StrCat(", ", ExpectedIsa(), ", ")));
}

TEST(CpuBackend, OneDnnsRefusalIsAStatusWithOperatorAndShapes) {
  const graph::Backend backend = *backends::cpu::MakeBackend(2);
  const graph::Op op = MatMulOp();
  graph::KernelSpec spec;
  spec.op = &op;
  spec.inputs = {F32({2, -3}), F32({4, -3})};
  spec.outputs = {F32({2, 4})};
  const auto kernel = (*backend.kernels.Find("MatMul"))(spec);
  ASSERT_FALSE(kernel.ok());
  EXPECT_TRUE(absl::IsUnimplemented(kernel.status())) << kernel.status();
  EXPECT_THAT(std::string(kernel.status().message()),
              HasSubstr("MatMul 'fc1' (f32[2,-3], f32[4,-3]) -> (f32[2,4])"));
}

// A bug once: "oneDNN failed with status 5" was all that a person saw who had no memory left.
TEST(CpuBackend, ThatOneDnnGetsNoMemoryIsSaid) {
  const graph::Op op = MatMulOp();
  graph::KernelSpec spec;
  spec.op = &op;
  spec.inputs = {F32({2, 3}), F32({4, 3})};
  spec.outputs = {F32({2, 4})};
  for (const dnnl_status_t status : {dnnl_out_of_memory, dnnl_runtime_error}) {
    for (const absl::Status& said :
         {backends::cpu::OneDnnFailed(status),
          backends::cpu::OneDnnRefuses(spec, dnnl::error(status, "could not create it"))}) {
      EXPECT_TRUE(absl::IsResourceExhausted(said)) << said;
      EXPECT_THAT(std::string(said.message()), HasSubstr("gets no memory; other programs have it"));
    }
  }
  EXPECT_THAT(std::string(backends::cpu::OneDnnRefuses(
                              spec, dnnl::error(dnnl_out_of_memory, "could not create it"))
                              .message()),
              HasSubstr("MatMul 'fc1' (f32[2,3], f32[4,3])"));
  EXPECT_EQ(backends::cpu::OneDnnFailed(dnnl_unimplemented).message(),
            "oneDNN failed with status 3");
}

// OpenMP keeps its number of threads per thread, so a kernel that relied on the
// one MakeBackend set would behave differently elsewhere.
TEST(CpuBackend, AKernelRunsTheSameOnAnyThread) {
  const graph::Backend backend = *backends::cpu::MakeBackend(2);
  const TypedOp op{MatMulOp(), {F32({512, 192}), F32({256, 192})}, {F32({512, 256})}};
  HostTensor x(op.inputs[0]), w(op.inputs[1]);
  graph::RandomStream random(1, graph::Purpose::kNoise);
  Normal()(&x, &random);
  Normal()(&w, &random);
  for (int threads : {1, 2, 3}) {
    auto runner = OpRunner::Create(backend, op, threads);
    ASSERT_TRUE(runner.ok()) << runner.status();
    const auto here = (*runner)->Run({x, w});
    ASSERT_TRUE(here.ok()) << here.status();
    std::vector<HostTensor> there;
    int budget_after = 0;
    std::thread other([&] {
      omp_set_num_threads(4);
      const auto result = (*runner)->Run({x, w});
      if (result.ok()) there = *result;
      budget_after = omp_get_max_threads();
    });
    other.join();
    ASSERT_EQ(there.size(), 1u);
    EXPECT_TRUE(there[0] == (*here)[0]) << threads << " threads";
    EXPECT_EQ(budget_after, 4);
    EXPECT_EQ(omp_get_max_threads(), 2);
  }
}

}  // namespace
}  // namespace harness
