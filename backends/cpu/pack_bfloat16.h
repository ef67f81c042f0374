// f32 weights into the blocks that oneDNN's bf16 products read: its own reorder
// takes three times as long as memory does.
#ifndef BACKENDS_CPU_PACK_BFLOAT16_H_
#define BACKENDS_CPU_PACK_BFLOAT16_H_

#include <cstdint>

#include "absl/types/optional.h"
#include "backends/cpu/onednn.h"
#include "graph/base/bfloat16.h"

namespace backends::cpu {

// The layout oneDNN calls BA<k_block>a<n_block>b2a: blocks of k_block·2 by n_block,
// block columns outermost, in a block pairs of rows side by side.
struct PairBlocks {
  int64_t k, n;              // of the matrix
  int64_t k_block, n_block;  // pairs of rows, and columns, of a block
  int64_t k_blocks, n_blocks;
};

// Not set where `layout` is another one.
absl::optional<PairBlocks> AsPairBlocks(const dnnl::memory::desc& layout);

// Packs w into all blocks, zeros where they reach beyond the matrix: the matrix is w,
// (k, n), or with `trans_w` its transpose. To nearest, ties to even. Equal for
// every number of threads.
void PackPairBlocks(const PairBlocks& blocks, const float* w, bool trans_w, int threads,
                    graph::BFloat16* packed);

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_PACK_BFLOAT16_H_
