// Initial values of parameters: every backend uses the functions here, so that a
// seed gives the same weights everywhere.
//
// Element i depends on (seed, i) only, in double, rounded once to the storage
// type. Random numbers: Philox, Purpose::kInitialize, keyed by the seed.
#ifndef OPS_INITIALIZER_H_
#define OPS_INITIALIZER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "graph/base/types.h"
#include "graph/ir/net.h"

namespace ops {

// The initialisers, by name (as DropPos's models_droppos.py uses them):
//   xavier_uniform   U(±sqrt(6 / (fan_in + fan_out))); torch.nn.init.xavier_uniform_.
//                    The fans are those of the matrix the parameter is used as
//                    (qkv is one (3D, D) matrix; a patch embedding (D, 3pp)).
//   uniform_fan_in   U(±1/sqrt(fan_in)); torch's default for a Conv2d's bias
//   normal           N(0, value²): tokens, value = 0.02
//   constant         value
//   sincos2d         shape (1, 1 + H·W, D) for grid {H, W}, D divisible by 4: row
//                    0 (the class token) is zero; row 1 + h·W + w holds
//                    [sin(w·ω), cos(w·ω), sin(h·ω), cos(h·ω)], each D/4 long,
//                    ω_k = 10000^(-k / (D/4)); util/pos_embed.py, w first
struct Initializer {
  std::string kind;
  uint64_t seed = 0;
  int64_t fan_in = 0;
  int64_t fan_out = 0;
  double value = 0;
  std::vector<int64_t> grid;
  graph::Shape shape;
};

// Reads the attributes of an XavierFill or ConstantFill operator.
Initializer InitializerOf(const graph::Op& op);

// An error for an unknown kind, missing fans, or a shape that does not fit the grid.
absl::Status Validate(const Initializer& initializer);

// Fills `values` with elements [first, first + values.size()) of a tensor of the
// initialiser's shape. Elements do not depend on how the tensor is cut, so threads
// can share the work. The initialiser must be valid.
void FillInitial(const Initializer& initializer, int64_t first, absl::Span<float> values);
void FillInitial(const Initializer& initializer, int64_t first, absl::Span<double> values);

}  // namespace ops

#endif  // OPS_INITIALIZER_H_
