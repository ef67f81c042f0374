#include "backends/cpu/passes/passes.h"

#include <gtest/gtest.h>

#include "tests/graph/passes/pass_testing.h"

namespace backends::cpu {
namespace {

graph::PipelineOptions InInt8(const std::string& part) {
  graph::PipelineOptions options;
  options.precision_overrides = {{part, graph::ComputePrecision::kInt8Products}};
  return options;
}

const graph::Pass kPass = QuantizePass(InInt8("guide"));

TEST(QuantizePassTest, NothingToDo) {
  // Another part, packed weights, rows without an image, a weight that is computed.
  graph::ExpectUnchanged(kPass, R"(
    net t
    input x f32[2,3,8]
    input r f32[6,8]
    input v f32[4,8]
    state w f32[4,8]
    state b f32[4]
    p f32[64,64] = PackWeights(w) trans_w=1 @pack
    y f32[2,3,4] = Linear(x, w, b) activation="none" @guided
    z f32[2,3,4] = PackedLinear(x, p, b) activation="none" cols=4 @guide/packed
    t f32[6,4] = Linear(r, w, b) activation="none" @guide/rows
    u f32[2,3,4] = Linear(x, v, b) activation="none" @guide/computed
    a f32[2,3,4] = Linear(x, w, b) activation="none" @guide/again phase=backward recomputed
    output y
    output z
    output t
    output u
    output a)");
  graph::ExpectUnchanged(kPass, "net empty");
  graph::ExpectUnchanged(QuantizePass(InInt8("elsewhere")), R"(
    net t
    input x f32[2,3,8]
    state w f32[4,8]
    state b f32[4]
    y f32[2,3,4] = Linear(x, w, b) activation="none" @guide/fc
    output y)");
}

TEST(QuantizePassTest, OneQuantizationForAllReaders) {
  graph::ExpectRewrite(kPass, R"(
    net t
    input x f32[2,3,8]
    state w f32[4,8]
    state b f32[4]
    y f32[2,3,4] = Linear(x, w, b) activation="gelu" @guide/fc
    z f32[2,3,4] = Linear(x, w, b) activation="none" @op2 part=guide/again
    t f32[2,3,4] = Linear(x, w, b) activation="none" @fc
    output y
    output z
    output t)",
                       R"(
    net t
    input x f32[2,3,8]
    state w f32[4,8]
    state b f32[4]
    quantize/w.packed i8[80,64], quantize/w.scales f32[4] = QuantizeWeights(w) @quantize/w part=w
    y f32[2,3,4] = QuantizedLinear(x, quantize/w.packed, quantize/w.scales, b) activation="gelu" @guide/fc
    z f32[2,3,4] = QuantizedLinear(x, quantize/w.packed, quantize/w.scales, b) activation="none" @op2 part=guide/again
    t f32[2,3,4] = Linear(x, w, b) activation="none" @fc
    output y
    output z
    output t)");
}

TEST(QuantizePassTest, BehindACastThatOthersMayRead) {
  graph::ExpectRewrite(kPass, R"(
    net t
    input x bf16[2,3,8]
    state w f32[4,8]
    state b f32[4]
    c bf16[4,8] = Cast(w) dtype="bf16" @cast
    y bf16[2,3,4] = Linear(x, c, b) activation="none" @guide/fc
    output y)",
                       R"(
    net t
    input x bf16[2,3,8]
    state w f32[4,8]
    state b f32[4]
    quantize/w.packed i8[80,64], quantize/w.scales f32[4] = QuantizeWeights(w) @quantize/w part=w
    y bf16[2,3,4] = QuantizedLinear(x, quantize/w.packed, quantize/w.scales, b) activation="none" @guide/fc
    output y)");
  graph::ExpectRewrite(kPass, R"(
    net t
    input x bf16[2,3,8]
    state w f32[4,8]
    state b f32[4]
    c bf16[4,8] = Cast(w) dtype="bf16" @cast
    y bf16[2,3,4] = Linear(x, c, b) activation="none" @guide/fc
    z bf16[2,3,4] = Linear(x, c, b) activation="none" @fc
    output y
    output z)",
                       R"(
    net t
    input x bf16[2,3,8]
    state w f32[4,8]
    state b f32[4]
    c bf16[4,8] = Cast(w) dtype="bf16" @cast
    quantize/w.packed i8[80,64], quantize/w.scales f32[4] = QuantizeWeights(w) @quantize/w part=w
    y bf16[2,3,4] = QuantizedLinear(x, quantize/w.packed, quantize/w.scales, b) activation="none" @guide/fc
    z bf16[2,3,4] = Linear(x, c, b) activation="none" @fc
    output y
    output z)");
}

// The Cast was made before the update; at the product the state holds the new weight.
TEST(QuantizePassTest, NotAfterTheUpdateOfTheWeight) {
  graph::ExpectUnchanged(kPass, R"(
    net t
    input x bf16[2,3,8]
    state w f32[4,8] -> w.out
    state b f32[4]
    c bf16[4,8] = Cast(w) dtype="bf16" @cast
    w.out f32[4,8] = Add(w, w) @update
    y bf16[2,3,4] = Linear(x, c, b) activation="none" @guide/fc
    output y)");
}

// What the update left is no candidate: only values at entry are.
TEST(QuantizePassTest, NotTheUpdatedWeight) {
  graph::ExpectUnchanged(kPass, R"(
    net t
    input x f32[2,3,8]
    state w f32[4,8] -> w.out
    state b f32[4]
    w.out f32[4,8] = Add(w, w) @update
    y f32[2,3,4] = Linear(x, w.out, b) activation="none" @guide/fc
    output y)");
}

}  // namespace
}  // namespace backends::cpu
