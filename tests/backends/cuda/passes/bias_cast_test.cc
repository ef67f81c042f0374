#include <gtest/gtest.h>

#include "backends/cuda/passes/passes.h"
#include "tests/graph/passes/pass_testing.h"

namespace backends::cuda {
namespace {

const graph::Pass kPass = BiasCastPass();

TEST(BiasCastPassTest, ALowProductHasALowBiasCastOnce) {
  graph::ExpectRewrite(kPass, R"(
    net t
    input x bf16[4,6]
    input w bf16[8,6]
    state b f32[8]
    u bf16[4,8] = Linear(x, w, b) activation="none" @guide/fc
    v bf16[4,8] = Linear(x, w, b) activation="none" @fc
    output u
    output v)",
                       R"(
    net t
    input x bf16[4,6]
    input w bf16[8,6]
    state b f32[8]
    b.bf16 bf16[8] = Cast(b) dtype="bf16" @cast/b.bf16 part=b
    u bf16[4,8] = Linear(x, w, b.bf16) activation="none" @guide/fc
    v bf16[4,8] = Linear(x, w, b.bf16) activation="none" @fc
    output u
    output v)");
}

TEST(BiasCastPassTest, ABiasThatIsNoStateStaysInThePartOfItsReader) {
  graph::ExpectRewrite(kPass, R"(
    net t
    input x bf16[4,6]
    input w bf16[8,6]
    input b f32[8]
    y bf16[4,8] = Linear(x, w, b) activation="none" @fc
    output y)",
                       R"(
    net t
    input x bf16[4,6]
    input w bf16[8,6]
    input b f32[8]
    b.bf16 bf16[8] = Cast(b) dtype="bf16" @cast/b.bf16 part=fc
    y bf16[4,8] = Linear(x, w, b.bf16) activation="none" @fc
    output y)");
}

// A result in f32, GELU, rows of 7 columns, factors in f32.
TEST(BiasCastPassTest, NothingToDo) {
  graph::ExpectUnchanged(kPass, "net empty");
  graph::ExpectUnchanged(kPass, R"(
    net t
    input x bf16[4,6]
    input w bf16[8,6]
    input v bf16[7,6]
    input f f32[4,6]
    input g f32[8,6]
    state b f32[8]
    state c f32[7]
    p f32[4,8] = Linear(x, w, b) activation="none" dtype="f32" @a
    q bf16[4,8] = Linear(x, w, b) activation="gelu" @b
    r bf16[4,7] = Linear(x, v, c) activation="none" @c
    s bf16[4,8] = Linear(f, g, b) activation="none" dtype="bf16" @d
    output p
    output q
    output r
    output s)");
}

}  // namespace
}  // namespace backends::cuda
