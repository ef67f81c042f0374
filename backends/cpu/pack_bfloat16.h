// Packs f32 weights into the blocks that oneDNN's bf16 products read: oneDNN's own
// reorder takes three times as long as the memory traffic needs.
#ifndef BACKENDS_CPU_PACK_BFLOAT16_H_
#define BACKENDS_CPU_PACK_BFLOAT16_H_

#include <cstdint>

#include "absl/types/optional.h"
#include "backends/cpu/onednn.h"
#include "graph/base/bfloat16.h"

namespace backends::cpu {

// The layout that oneDNN calls BA<k_block>a<n_block>b2a: blocks of k_block·2 by
// n_block, block columns outermost; within a block the elements of two rows alternate.
struct PairBlocks {
  int64_t k, n;              // of the matrix
  int64_t k_block, n_block;  // pairs of rows, and columns, of a block
  int64_t k_blocks, n_blocks;

  size_t bytes() const { return k_blocks * n_blocks * k_block * n_block * 4; }
};

// Not set if `layout` is another one.
absl::optional<PairBlocks> AsPairBlocks(const dnnl::memory::desc& layout);

// Packs the matrix (k, n), which is w or with `trans_w` its transpose, into all blocks,
// with zeros where blocks reach beyond the matrix. Rounds to nearest, ties to even. Equal
// for every number of threads.
void PackPairBlocks(const PairBlocks& blocks, const float* w, bool trans_w, int threads,
                    graph::BFloat16* packed);

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_PACK_BFLOAT16_H_
