#include "tests/harness/op_case.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "backends/cpu/onednn.h"
#include "gmock/gmock.h"
#include "graph/base/status.h"
#include "graph/schema/builder.h"
#include "graph/schema/gradient.h"
#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/tolerance.h"

namespace harness {
namespace {

using InPlace = std::vector<std::pair<int, int>>;

std::vector<graph::TensorType> TypesOf(const std::vector<HostTensor>& tensors) {
  std::vector<graph::TensorType> types;
  for (const auto& t : tensors) types.push_back(t.type());
  return types;
}

// With a "dtype" attribute of "f32" or "bf16", given or by default, turned into "f64".
graph::Attrs AttrsToF64(const std::string& type, graph::Attrs attrs) {
  for (const graph::AttrSpec& spec : TestRegistry().Find(type)->attrs) {
    if (spec.name == "dtype" && spec.default_value) attrs.emplace("dtype", *spec.default_value);
  }
  const auto it = attrs.find("dtype");
  if (it != attrs.end() && (it->second == graph::AttrValue(std::string("f32")) ||
                            it->second == graph::AttrValue(std::string("bf16")))) {
    it->second = std::string("f64");
  }
  return attrs;
}

std::vector<HostTensor> ToF64(const std::vector<HostTensor>& tensors) {
  std::vector<HostTensor> result;
  for (const auto& t : tensors) result.push_back(t.ToF64());
  return result;
}

// No sharing, each pair alone, and as many pairs at once as possible.
std::vector<InPlace> InPlaceVariants(const TypedOp& op) {
  std::vector<InPlace> variants = {{}};
  InPlace together;
  std::set<int> used_inputs, used_outputs;
  const graph::Schema& schema = *TestRegistry().Find(op.op.type);
  for (const auto& pair : schema.InPlacePairs(op.inputs.size())) {
    if (op.inputs[pair.first].bytes() != op.outputs[pair.second].bytes()) continue;
    variants.push_back({pair});
    if (used_inputs.count(pair.first) == 0 && used_outputs.count(pair.second) == 0) {
      used_inputs.insert(pair.first);
      used_outputs.insert(pair.second);
      together.push_back(pair);
    }
  }
  if (together.size() > 1) variants.push_back(together);
  return variants;
}

// A backend without products in bf16 may have no kernel for it. Nor need the CPU have one of what
// mixed_precision leaves in f32; the kernels of a GPU are templates and take both.
bool MayLack(const graph::Backend& backend, const TypedOp& op) {
  const graph::Schema& schema = *TestRegistry().Find(op.op.type);
  const bool stays_f32 = schema.low_precision_inputs.empty() &&
                         schema.low_precision_outputs.empty() &&
                         schema.any_precision_inputs.empty();
  const auto is_bf16 = [](const graph::TensorType& type) {
    return type.dtype == graph::DType::kBF16;
  };
  return (!backend.capabilities.bf16_products || (stays_f32 && backend.name == "cpu")) &&
         (std::any_of(op.inputs.begin(), op.inputs.end(), is_bf16) ||
          std::any_of(op.outputs.begin(), op.outputs.end(), is_bf16));
}

bool IsProduct(const std::string& type) {
  return type == "MatMul" || type == "MatMulWeightGrad" || type == "Linear";
}

// Without AVX-512, oneDNN 3.2 has no product of plain f32 matrices but the one over its sgemm,
// whose packing buffer no setting makes ours; and products of types that the processor has no
// instructions for are made of others, in memory that oneDNN takes.
bool OneDnnMayAllocate(const TypedOp& op) {
  if (!IsProduct(op.op.type)) return false;
  return !__builtin_cpu_supports("avx512dq") ||
         (op.inputs[0].dtype == graph::DType::kBF16 && !backends::cpu::HasBfloat16());
}

void CheckBackend(const graph::Backend& backend, const TypedOp& op,
                  const std::vector<HostTensor>& inputs, const std::vector<HostTensor>& expected,
                  int parts, bool may_lack_types) {
  // A GPU's threads are its own.
  const bool gpu = backend.name == "cuda";
  for (int threads = 1; threads <= (gpu ? 1 : 4); ++threads) {
    for (const InPlace& in_place : InPlaceVariants(op)) {
      std::string trace = absl::StrCat("backend ", backend.name, ", ", threads, " threads");
      for (const auto& pair : in_place) {
        absl::StrAppend(&trace, ", output ", pair.second, " over input ", pair.first);
      }
      SCOPED_TRACE(trace);
      auto runner = OpRunner::Create(backend, op, threads, in_place);
      if (may_lack_types && absl::IsUnimplemented(runner.status())) {
        EXPECT_THAT(std::string(runner.status().message()),
                    ::testing::AllOf(::testing::HasSubstr(op.op.Describe()),
                                     ::testing::ContainsRegex("f64|bf16")));
        return;
      }
      ASSERT_TRUE(runner.ok()) << runner.status();
      (*runner)->AllowOneDnn(OneDnnMayAllocate(op));
      const auto first = (*runner)->Run(inputs);
      ASSERT_TRUE(first.ok()) << first.status();
      for (size_t o = 0; o < expected.size(); ++o) {
        SCOPED_TRACE(absl::StrCat("output ", o));
        ExpectClose((*first)[o], expected[o],
                    ToleranceFor(backend.name, op.op.type, op.outputs[o].dtype).bound);
        ExpectUnbiased((*first)[o], expected[o], o == 0 ? parts : 1);
      }
      for (const char* what : {"run again", "moved"}) {
        if (std::string(what) == "moved") (*runner)->Move();
        const auto again = (*runner)->Run(inputs);
        ASSERT_TRUE(again.ok()) << again.status();
        if (backend.name != "reference" && !gpu) {
          EXPECT_EQ((*runner)->allocations().count, 0) << (*runner)->allocations().first;
        }
        for (size_t o = 0; o < expected.size(); ++o) {
          EXPECT_TRUE((*again)[o] == (*first)[o])
              << "output " << o << " differs bitwise when " << what;
        }
      }
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

// The operator, and the gradient operators its schema makes, as a net.
struct GradientNet {
  graph::Net net;
  std::vector<graph::BlobId> inputs, outputs;
  std::vector<graph::BlobId> dy;     // by output, kNone where not in gradient_of
  std::vector<graph::BlobId> grads;  // by input
};

absl::StatusOr<GradientNet> MakeGradientNet(const OpCase& c, const std::vector<HostTensor>& inputs,
                                            const std::vector<bool>& needs_grad) {
  const graph::Schema* schema = TestRegistry().Find(c.type);
  if (!schema->gradient) return graph::InvalidArgument(c.type, " has no gradient maker");
  GradientNet result;
  graph::NetBuilder builder(&TestRegistry(), "gradient");
  for (size_t i = 0; i < inputs.size(); ++i) {
    result.inputs.push_back(builder.Input(absl::StrCat("in", i), inputs[i].type()));
  }
  result.outputs = builder.OpN(c.type, "case", result.inputs, AttrsToF64(c.type, c.attrs));
  RETURN_IF_ERROR(builder.status());
  result.dy.assign(result.outputs.size(), graph::kNone);
  for (int o : c.gradient_of) {
    result.dy[o] = builder.Input(absl::StrCat("dy", o), builder.type(result.outputs[o]));
  }
  graph::GradientBuilder gradient(&builder, builder.net().ops.back(), result.dy, needs_grad);
  RETURN_IF_ERROR(schema->gradient(&gradient));
  RETURN_IF_ERROR(builder.status());
  for (size_t i = 0; i < inputs.size(); ++i) {
    result.grads.push_back(gradient.grad_input(i));
    if (!needs_grad[i]) continue;
    if (result.grads[i] == graph::kNone) {
      return absl::InternalError(absl::StrCat("no gradient of input ", i, " was set"));
    }
    if (builder.type(result.grads[i]) != inputs[i].type()) {
      return absl::InternalError(absl::StrCat("gradient of input ", i, " has type ",
                                              builder.type(result.grads[i]).ToString()));
    }
  }
  result.net = builder.net();
  return result;
}

// Σ dy·y over the outputs in `dy`.
double Loss(OpRunner* runner, const std::vector<HostTensor>& inputs,
            const std::map<int, HostTensor>& dy) {
  const auto outputs = runner->Run(inputs);
  CHECK(outputs.ok());
  double loss = 0;
  for (const auto& entry : dy) {
    const HostTensor& y = (*outputs)[entry.first];
    for (int64_t i = 0; i < y.size(); ++i) loss += y.Get(i) * entry.second.Get(i);
  }
  return loss;
}

void CheckGradient(const OpCase& c, const std::vector<HostTensor>& inputs) {
  std::vector<bool> all(inputs.size());
  std::vector<std::vector<bool>> subsets;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!c.inputs[i].check_gradient) continue;
    all[i] = true;
    std::vector<bool> alone(inputs.size());
    alone[i] = true;
    subsets.push_back(alone);
  }
  if (subsets.empty()) return;
  subsets.push_back(all);

  const auto op = MakeOp(c.type, AttrsToF64(c.type, c.attrs), TypesOf(inputs));
  ASSERT_TRUE(op.ok()) << op.status();
  auto runner = OpRunner::Create(ReferenceBackend(), *op, 1);
  ASSERT_TRUE(runner.ok()) << runner.status();
  graph::RandomStream random(c.seed + 1, graph::Purpose::kNoise);
  std::map<int, HostTensor> dy;
  for (int o : c.gradient_of) {
    dy[o] = HostTensor(op->outputs[o]);
    Normal()(&dy[o], &random);
  }

  std::vector<std::vector<double>> numeric(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!all[i]) continue;
    std::vector<HostTensor> moved = inputs;
    for (int64_t k = 0; k < inputs[i].size(); ++k) {
      const double x = inputs[i].Get(k);
      const double h = kGradientStep * std::max(1.0, std::fabs(x));
      moved[i].Set(k, x + h);
      const double plus = Loss(runner->get(), moved, dy);
      moved[i].Set(k, x - h);
      const double minus = Loss(runner->get(), moved, dy);
      moved[i].Set(k, x);
      numeric[i].push_back((plus - minus) / (2 * h));
    }
  }

  for (const auto& needs_grad : subsets) {
    const auto g = MakeGradientNet(c, inputs, needs_grad);
    ASSERT_TRUE(g.ok()) << g.status();
    std::map<graph::BlobId, HostTensor> feeds;
    for (size_t i = 0; i < inputs.size(); ++i) feeds[g->inputs[i]] = inputs[i];
    for (const auto& entry : dy) feeds[g->dy[entry.first]] = entry.second;
    std::vector<graph::BlobId> fetch;
    std::vector<int> which;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!needs_grad[i]) continue;
      fetch.push_back(g->grads[i]);
      which.push_back(static_cast<int>(i));
    }
    const auto grads = EvaluateNet(g->net, ReferenceBackend(), feeds, fetch);
    ASSERT_TRUE(grads.ok()) << grads.status();
    for (size_t n = 0; n < which.size(); ++n) {
      const std::vector<double>& expected = numeric[which[n]];
      double scale = 1e-3;
      for (double v : expected) scale = std::max(scale, std::fabs(v));
      for (size_t k = 0; k < expected.size(); ++k) {
        // Written so that NaN fails.
        if (!(std::fabs((*grads)[n].Get(k) - expected[k]) <= kGradientBound * scale)) {
          ADD_FAILURE() << "gradient of input " << which[n] << " at " << k << " is "
                        << (*grads)[n].Get(k) << ", numerically " << expected[k] << " (scale "
                        << scale << ")";
          break;
        }
      }
    }
  }
}

}  // namespace

std::vector<HostTensor> MakeInputs(const OpCase& c) {
  std::vector<HostTensor> inputs;
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    graph::RandomStream random(graph::MixKeys(c.seed, i), graph::Purpose::kNoise);
    inputs.emplace_back(c.inputs[i].type);
    c.inputs[i].generate(&inputs.back(), &random);
  }
  return inputs;
}

std::vector<HostTensor> RunIfAble(const graph::Backend& backend, const std::string& type,
                                  graph::Attrs attrs, const std::vector<HostTensor>& inputs,
                                  int threads, bool bf16) {
  const auto out = RunOn(backend, type, std::move(attrs), inputs, threads);
  if (bf16 && absl::IsUnimplemented(out.status()) && !backend.capabilities.bf16_products) return {};
  EXPECT_TRUE(out.ok()) << out.status();
  return out.ok() ? *out : std::vector<HostTensor>{};
}

void ExpectUnbiased(const HostTensor& actual, const HostTensor& expected, int parts) {
  const graph::TensorType& type = expected.type();
  if (type.dtype != graph::DType::kBF16 || expected.size() < kBiasElements * parts) return;
  const int64_t width = type.cols() / parts;
  for (int part = 0; part < parts; ++part) {
    double bias = 0, sum = 0;
    for (int64_t i = 0; i < expected.size(); ++i) {
      if (i % type.cols() / width != part) continue;
      const double a = actual.Get(i), b = expected.Get(i);
      bias += std::copysign(1.0, b) * (a - b);
      sum += std::fabs(b);
    }
    // What is not finite, or zero throughout, ExpectClose has looked at.
    if (!std::isfinite(sum) || sum == 0) continue;
    EXPECT_LE(std::fabs(bias) / sum, kBiasBound) << "bias of part " << part << " of " << parts;
  }
}

void ExpectClose(const HostTensor& actual, const HostTensor& expected, double bound) {
  ASSERT_EQ(actual.type().ToString(), expected.type().ToString());
  if (!expected.is_float()) {
    EXPECT_EQ(actual.IntValues(), expected.IntValues());
    return;
  }
  double scale = 1e-6;
  for (int64_t i = 0; i < expected.size(); ++i) {
    if (std::isfinite(expected.Get(i))) scale = std::max(scale, std::fabs(expected.Get(i)));
  }
  for (int64_t i = 0; i < expected.size(); ++i) {
    const double a = actual.Get(i), b = expected.Get(i);
    const bool equal = std::isfinite(b) ? std::fabs(a - b) <= bound * scale
                                        : (std::isnan(b) ? std::isnan(a) : a == b);
    if (!equal) {
      ADD_FAILURE() << "element " << i << " is " << a << ", expected " << b << " within " << bound
                    << " of scale " << scale;
      return;
    }
  }
}

void RunCase(const OpCase& c) {
  std::string trace = absl::StrCat(c.type, " of");
  for (const auto& input : c.inputs) absl::StrAppend(&trace, " ", input.type.ToString());
  SCOPED_TRACE(trace);

  const std::vector<HostTensor> inputs = MakeInputs(c);
  const auto op = MakeOp(c.type, c.attrs, TypesOf(inputs));
  ASSERT_TRUE(op.ok()) << op.status();
  ASSERT_EQ(op->outputs.size(), c.outputs.size());
  for (size_t o = 0; o < c.outputs.size(); ++o) {
    ASSERT_EQ(op->outputs[o].ToString(), c.outputs[o].ToString()) << "output " << o;
  }
  const std::vector<HostTensor> inputs64 = ToF64(inputs);
  const auto op64 = MakeOp(c.type, AttrsToF64(c.type, c.attrs), TypesOf(inputs64));
  ASSERT_TRUE(op64.ok()) << "retyped as f64: " << op64.status();
  for (size_t o = 0; o < c.outputs.size(); ++o) {
    ASSERT_EQ(op64->outputs[o].ToString(), ToF64(c.outputs[o]).ToString())
        << "output " << o << " retyped as f64";
  }
  const graph::Schema* schema = TestRegistry().Find(c.type);
  const graph::Cost cost = schema->cost(op->op, op->inputs, op->outputs);
  EXPECT_GE(cost.flops, 0);
  EXPECT_GT(cost.bytes, 0);

  const auto expected = RunReference(c.type, c.attrs, inputs);
  ASSERT_TRUE(expected.ok()) << expected.status();
  const auto expected64 = RunReference(c.type, AttrsToF64(c.type, c.attrs), inputs64);
  ASSERT_TRUE(expected64.ok()) << expected64.status();
  for (size_t o = 0; o < c.outputs.size(); ++o) {
    SCOPED_TRACE(absl::StrCat("f64 of the reference backend, output ", o));
    // One rounding to f32, or to the eight bits of bf16.
    const bool bf16 = c.outputs[o].dtype == graph::DType::kBF16;
    ExpectClose((*expected)[o].ToF64(), (*expected64)[o], bf16 ? 4e-3 : 6e-8);
  }
  static const auto* backends = new std::vector<graph::Backend>(TestBackends());
  for (const graph::Backend& backend : *backends) {
    CheckBackend(backend, *op, inputs, *expected, c.parts, MayLack(backend, *op));
    CheckBackend(backend, *op64, inputs64, *expected64, c.parts, /*may_lack_types=*/true);
  }
  CheckGradient(c, inputs64);
}

void RunCaseOn(const graph::Backend& backend, const OpCase& c) {
  const std::vector<HostTensor> inputs = MakeInputs(c);
  const auto op = MakeOp(c.type, c.attrs, TypesOf(inputs));
  ASSERT_TRUE(op.ok()) << op.status();
  const auto expected = RunReference(c.type, c.attrs, inputs);
  ASSERT_TRUE(expected.ok()) << expected.status();
  CheckBackend(backend, *op, inputs, *expected, c.parts, MayLack(backend, *op));
}

void ExpectRefused(const std::string& type, graph::Attrs attrs,
                   const std::vector<graph::TensorType>& inputs, const std::string& message) {
  const auto op = MakeOp(type, std::move(attrs), inputs);
  ASSERT_FALSE(op.ok()) << type << " was accepted; expected a message with '" << message << "'";
  const std::string text(op.status().message());
  EXPECT_NE(text.find(type), std::string::npos) << text;
  EXPECT_NE(text.find(message), std::string::npos) << text << "\n  lacks '" << message << "'";
}

std::vector<HostTensor> Reference(const std::string& type, graph::Attrs attrs,
                                  const std::vector<HostTensor>& inputs) {
  auto outputs = RunReference(type, std::move(attrs), inputs);
  if (!outputs.ok()) {
    ADD_FAILURE() << outputs.status();
    return {};
  }
  return *std::move(outputs);
}

}  // namespace harness
