// The section about what cuBLASLt has, how exact it is and how repeatable.
#include <algorithm>
#include <cmath>

#include "tests/gpu_suite/lt_product.h"

namespace gpu_suite {
namespace {

struct Epilogue {
  const char* name;
  cublasLtEpilogue_t value;
  float beta;
};
constexpr Epilogue kEpilogues[] = {
    {"none", CUBLASLT_EPILOGUE_DEFAULT, 0},   {"beta_1", CUBLASLT_EPILOGUE_DEFAULT, 1},
    {"bias", CUBLASLT_EPILOGUE_BIAS, 0},      {"bgrada", CUBLASLT_EPILOGUE_BGRADA, 0},
    {"bgradb", CUBLASLT_EPILOGUE_BGRADB, 0},  {"gelu_aux_bias", CUBLASLT_EPILOGUE_GELU_AUX_BIAS, 0},
    {"dgelu", CUBLASLT_EPILOGUE_DGELU, 0},
};

double TanhGelu(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}
double ErfGelu(double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); }
double TanhGeluGrad(double x) {
  const double h = 1e-6;
  return (TanhGelu(x + h) - TanhGelu(x - h)) / (2 * h);
}

// max |a - b| / max |b|
double ErrorOf(const std::vector<double>& a, const std::vector<double>& b) {
  double error = 0, largest = 1e-30;
  for (size_t i = 0; i < b.size(); ++i) {
    const double e = std::fabs(a[i] - b[i]);
    error = std::isnan(e) ? INFINITY : std::max(error, e);
    largest = std::max(largest, std::fabs(b[i]));
  }
  return error / largest;
}

std::vector<double> Multiply(const Shape& s, const std::vector<double>& a,
                             const std::vector<double>& b) {
  std::vector<double> d(s.m * s.n);
  for (uint64_t j = 0; j < s.n; ++j) {
    for (uint64_t l = 0; l < s.k; ++l) {
      const double y = s.tb ? b[l * s.n + j] : b[j * s.k + l];
      for (uint64_t i = 0; i < s.m; ++i) {
        d[j * s.m + i] += (s.ta ? a[i * s.k + l] : a[l * s.m + i]) * y;
      }
    }
  }
  return d;
}

// One product of 64x64x64 (or `s`) with an epilogue, against loops in double.
void AskNumbersOf(const Shape& s, const Types& t, const Epilogue& e, const std::string& name,
                  Facts* facts) {
  Product product(s, t);
  const uint64_t aux_ld = (s.m + 7) / 8 * 8;
  const Tensor a(t.in, s.m * s.k, 1), b(t.in, s.k * s.n, 2), c(t.out, s.m * s.n, 3),
      d(t.out, s.m * s.n, 4), bias(t.out, std::max(s.m, s.n), 5), aux(t.out, aux_ld * s.n, 6);
  product.SetEpilogue(e.value, bias.data(), aux.data());
  if (!product.Has()) {
    facts->Absent(name + "_error");
    if (e.value == CUBLASLT_EPILOGUE_GELU_AUX_BIAS) facts->Absent(name + "_aux_error");
    if (e.value == CUBLASLT_EPILOGUE_BGRADA || e.value == CUBLASLT_EPILOGUE_BGRADB) {
      facts->Absent(name + "_sums_error");
    }
    return;
  }
  const std::vector<double> x = a.Read(), y = b.Read(), add = bias.Read(), old_aux = aux.Read();
  MustLt(product.Run(a.data(), b.data(), c.data(), d.data(), &e.beta), name);

  std::vector<double> expected = Multiply(s, x, y), pre;
  const std::vector<double> old = c.Read(), result = d.Read();
  // Nothing keeps the library from splitting sums and adding the parts in bf16: a few roundings.
  double bound = t.out == CUDA_R_16BF ? 3e-2 : 1e-5;
  if (e.beta != 0) {
    for (size_t i = 0; i < expected.size(); ++i) expected[i] += old[i];
  }
  if (e.value == CUBLASLT_EPILOGUE_BIAS || e.value == CUBLASLT_EPILOGUE_GELU_AUX_BIAS) {
    for (size_t i = 0; i < expected.size(); ++i) expected[i] += add[i % s.m];
  }
  if (e.value == CUBLASLT_EPILOGUE_GELU_AUX_BIAS) {
    std::vector<double> kept, by_erf;
    const std::vector<double> new_aux = aux.Read();
    for (size_t i = 0; i < expected.size(); ++i) {
      kept.push_back(new_aux[i / s.m * aux_ld + i % s.m]);
      by_erf.push_back(ErfGelu(expected[i]));
    }
    facts->AtMost(name + "_aux_error", ErrorOf(kept, expected), bound);
    for (double& v : expected) v = TanhGelu(v);
    // It is GELU's approximation by tanh.
    facts->Note(name + "_error_against_erf", ErrorOf(result, by_erf));
    bound = std::max(bound, 2e-4);
  }
  if (e.value == CUBLASLT_EPILOGUE_DGELU) {
    for (size_t i = 0; i < expected.size(); ++i) {
      expected[i] *= TanhGeluGrad(old_aux[i / s.m * aux_ld + i % s.m]);
    }
    bound = std::max(bound, 1e-3);
  }
  facts->AtMost(name + "_error", ErrorOf(result, expected), bound);
  if (e.value == CUBLASLT_EPILOGUE_BGRADA || e.value == CUBLASLT_EPILOGUE_BGRADB) {
    const bool of_a = e.value == CUBLASLT_EPILOGUE_BGRADA;
    std::vector<double> sums(of_a ? s.m : s.n), found = bias.Read();
    for (uint64_t i = 0; i < sums.size(); ++i) {
      for (uint64_t l = 0; l < s.k; ++l) {
        sums[i] += of_a ? (s.ta ? x[i * s.k + l] : x[l * s.m + i])
                        : (s.tb ? y[l * s.n + i] : y[i * s.k + l]);
      }
    }
    found.resize(sums.size());
    facts->AtMost(name + "_sums_error", ErrorOf(found, sums), bound);
  }
}

// Products of ViT-B at 64 images of 50 tokens, and what else the zoo has that is not like them.
struct NamedShape {
  std::string name;
  Shape shape;
};
std::vector<NamedShape> ShapesOfViT() {
  constexpr uint64_t kTokens = 3200;
  std::vector<NamedShape> shapes;
  const struct {
    const char* name;
    uint64_t in, out;
  } layers[] = {{"qkv", 768, 2304}, {"proj", 768, 768}, {"fc1", 768, 3072}, {"fc2", 3072, 768}};
  for (const auto& l : layers) {
    const std::string name = l.name;
    shapes.push_back({name + "_forward", {l.out, kTokens, l.in, true, false}});
    shapes.push_back({name + "_dx", {l.in, kTokens, l.out, false, false}});
    shapes.push_back({name + "_dw", {l.in, l.out, kTokens, false, true}});
  }
  shapes.push_back({"patches_forward", {768, 12544, 768, true, false}});
  shapes.push_back({"head_forward", {196, kTokens, 512, true, false}});
  return shapes;
}

// Twice the same bits; `shape` has few results and many terms, so that its sums are split.
void AskTwice(Facts* facts) {
  const Shape s = {64, 64, 16384, false, true};
  for (const Types& t : {kTypes[0], kTypes[1]}) {
    Product product(s, t);
    const Tensor a(t.in, s.m * s.k, 1), b(t.in, s.k * s.n, 2), first(t.out, s.m * s.n, 3),
        second(t.out, s.m * s.n, 4);
    const std::string name = std::string("long_sums_") + t.name;
    facts->Equal(name, product.Ask());
    facts->Note(name + "_workspace", product.workspace());
    const float beta = 0;
    MustLt(product.Run(a.data(), b.data(), first.data(), first.data(), &beta), name);
    MustLt(product.Run(a.data(), b.data(), second.data(), second.data(), &beta), name);
    facts->Equal(name + "_same_bits", first.bytes.Get() == second.bytes.Get());
  }
}

void AskCaptured(Facts* facts) {
  const Shape s = {64, 64, 64};
  Product product(s, kTypes[0]);
  const Tensor a(CUDA_R_32F, s.m * s.k, 1), b(CUDA_R_32F, s.k * s.n, 2);
  const Tensor d(CUDA_R_32F, s.m * s.n, 3);
  facts->Equal("captured_ask", product.Ask());
  float beta = 0;
  // Once before: libraries allocate in their first run.
  size_t before = 0, after = 0, total = 0;
  Must(cudaMemGetInfo(&before, &total), "cudaMemGetInfo");
  MustLt(product.Run(a.data(), b.data(), d.data(), d.data(), &beta), "a product");
  Must(cudaMemGetInfo(&after, &total), "cudaMemGetInfo");
  facts->Note("first_run_allocates", before - after);
  const std::vector<double> expected = d.Read();
  const cudaStream_t stream = NewStream();
  Must(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
  facts->Equal("captured_run", cublasLtGetStatusName(product.Run(
                                   a.data(), b.data(), d.data(), d.data(), &beta, kWorkspace,
                                   stream)));
  cudaGraph_t graph = nullptr;
  facts->Equal("captured_end", Name(cudaStreamEndCapture(stream, &graph)));
  cudaGraphExec_t exec = nullptr;
  Must(cudaGraphInstantiate(&exec, graph, 0), "cudaGraphInstantiate");
  product.alpha = 2;  // the capture has the scalars as they were
  beta = 1;
  Must(cudaGraphLaunch(exec, stream), "cudaGraphLaunch");
  facts->Equal("replay_is_the_eager_run", d.Read() == expected);
  Must(cudaGraphExecDestroy(exec), "cudaGraphExecDestroy");
  Must(cudaGraphDestroy(graph), "cudaGraphDestroy");
}

}  // namespace

void AskProducts(Facts* facts) {
  for (const NamedShape& s : ShapesOfViT()) {
    for (const Types& t : kTypes) {
      const std::string prefix = s.name + "_" + t.name + "_";
      for (const Epilogue& e : kEpilogues) {
        Product product(s.shape, t);
        product.SetEpilogue(e.value);
        facts->MayAllow("has_" + prefix + e.name, product.Has() ? "yes" : "no", "yes");
      }
      Product product(s.shape, t);
      product.Has();
      facts->Note("workspace_" + prefix + "none", product.workspace());
      product.Prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, uint64_t{0});
      facts->MayAllow("has_" + prefix + "no_workspace", product.Has() ? "yes" : "no", "yes");
    }
  }
  // Numbers, and rows that are no 16 bytes.
  const struct {
    const char* name;
    Shape shape;
  } small[] = {{"64", {64, 64, 64, true, false}}, {"odd", {35, 24, 67, false, true}}};
  for (const auto& s : small) {
    for (const Types& t : kTypes) {
      for (const Epilogue& e : kEpilogues) {
        const std::string name = std::string(s.name) + "_" + t.name + "_" + e.name;
        Product product(s.shape, t);
        product.SetEpilogue(e.value);
        facts->MayAllow("has_" + name, product.Has() ? "yes" : "no", "yes");
        AskNumbersOf(s.shape, t, e, name, facts);
      }
    }
  }
  AskTwice(facts);
  AskCaptured(facts);
}

}  // namespace gpu_suite
