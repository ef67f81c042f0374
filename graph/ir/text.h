// The text form of a net: short enough for tests and bug reports, with an
// exact round trip: ToText(*ParseText(t)) == t for every t = ToText(net), and the
// net that was read trains bit-equal. (Blobs are numbered in order of appearance.)
//
// clang-format off
//   net train
//   input x f32[8,32]
//   state norm.weight f32[32] -> norm.weight.out
//   state norm.bias f32[32]
//   y f32[8,32], mean f32[8], variance f32[8] = LayerNorm(x, norm.weight, norm.bias) eps=1e-06 @norm
//   z f32[8,32] = Gelu(y) in_place=[0:0] @act
//   dy f32[8,32] = GeluGrad(y, z) @grad/act part=act phase=backward
//   norm.weight.out f32[32] = Decay(norm.weight) @decay
//   output z
// clang-format on
//
// One statement a line; '#' starts a comment. Statements come in the order
// net, input*, state*, operators*, output*. A state without "->" is only read.
// Attributes are name=value with value an integer, a float (with '.', 'e',
// "inf" or "nan"), a "string" or a [list,of,integers]. After @name stands what is not as
// usual: part=PATH, where it is not the name ("/": the whole model), phase=PHASE, where it
// is not forward, and recomputed.
#ifndef GRAPH_IR_TEXT_H_
#define GRAPH_IR_TEXT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "graph/ir/net.h"

namespace graph {

std::string ToText(const Net& net);
// A value as it stands behind "name=". Differs for values that differ in type or in any bit, except
// that NaNs are alike: 0.0 and -0.0 differ.
std::string AttrText(const AttrValue& value);
// One operator as a line of the text form, without the newline.
std::string OpText(const Net& net, const Op& op);

// Parses the text form. Syntax errors name line and column. The result is
// well-formed (ids in range, blobs defined before use), but not verified.
absl::StatusOr<Net> ParseText(absl::string_view text);

}  // namespace graph

#endif  // GRAPH_IR_TEXT_H_
