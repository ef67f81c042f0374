#include "backends/cpu/pack_bfloat16.h"

#include <algorithm>
#include <cstring>

#include "backends/cpu/kernel_util.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/pack_bfloat16.cc"
// clang-format off
#include "hwy/foreach_target.h"  // must come before simd-inl.h
#include "backends/cpu/simd-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace backends::cpu::HWY_NAMESPACE {

// Makes one row of 32-bit pairs from two rows, low[i] in the lower half.
void PairRows(const float* low, const float* high, int64_t n, uint32_t* out) {
  ForEachVector(n, [&](int64_t i, auto memory) BACKENDS_CPU_INLINE {
    const U32Tag d;
    const auto pair = hn::Or(hn::ShiftRight<16>(RoundToUpper(memory.Load(low + i))),
                             hn::And(RoundToUpper(memory.Load(high + i)), hn::Set(d, 0xffff0000u)));
    memory.Store(hn::BitCast(F32Tag(), pair), reinterpret_cast<float*>(out + i));
  });
}

// Packs n elements of one row as pairs of neighbours.
void PairColumns(const float* row, int64_t n, uint16_t* out) {
  ForEachVector(n, [&](int64_t i, auto memory) BACKENDS_CPU_INLINE {
    memory.Store(memory.Load(row + i), reinterpret_cast<graph::BFloat16*>(out + i));
  });
}

}  // namespace backends::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backends::cpu {
namespace {

constexpr int64_t kMostPairs = 16;
constexpr int64_t kMostColumns = 64;

// Rows [k0, k0 + 2·k_block) of w (k, n), columns [n0, n0 + n_block), into one block.
template <typename PairRows>
void PackBlock(const PairBlocks& b, const PairRows& pair_rows, const float* w, int64_t k0,
               int64_t n0, uint32_t* block) {
  static constexpr float kZeros[kMostColumns] = {};
  const int64_t columns = std::min(b.n_block, b.n - n0);
  for (int64_t pair = 0; pair < b.k_block; ++pair) {
    uint32_t* out = block + pair * b.n_block;
    const int64_t row = k0 + 2 * pair;
    if (row < b.k) {
      const float* low = w + row * b.n + n0;
      pair_rows(low, row + 1 < b.k ? low + b.n : kZeros, columns, out);
    }
    const int64_t written = row < b.k ? columns : 0;
    std::memset(out + written, 0, (b.n_block - written) * sizeof(*out));
  }
}

// The same for the transpose of w (n, k): rows of w become columns.
template <typename PairColumns>
void PackTransposedBlock(const PairBlocks& b, const PairColumns& pair_columns, const float* w,
                         int64_t k0, int64_t n0, uint32_t* block) {
  const int64_t rows = std::max<int64_t>(0, std::min(2 * b.k_block, b.k - k0));
  const int64_t columns = std::min(b.n_block, b.n - n0);
  alignas(64) uint32_t tile[kMostColumns][kMostPairs];
  for (int64_t c = 0; c < b.n_block; ++c) {
    const int64_t written = c < columns ? rows : 0;
    uint16_t* line = reinterpret_cast<uint16_t*>(tile[c]);
    if (written > 0) pair_columns(w + (n0 + c) * b.k + k0, written, line);
    std::memset(line + written, 0, (2 * b.k_block - written) * sizeof(*line));
  }
  for (int64_t pair = 0; pair < b.k_block; ++pair) {
    for (int64_t c = 0; c < b.n_block; ++c) block[pair * b.n_block + c] = tile[c][pair];
  }
}

}  // namespace

absl::optional<PairBlocks> AsPairBlocks(const dnnl::memory::desc& layout) {
  using Dims = dnnl::memory::dims;
  if (layout.get_format_kind() != dnnl::memory::format_kind::blocked || layout.get_ndims() != 2 ||
      layout.get_data_type() != dnnl::memory::data_type::bf16) {
    return absl::nullopt;
  }
  const Dims blocks = layout.get_inner_blks();
  if (layout.get_inner_idxs() != Dims{0, 1, 0} || blocks[2] != 2 || blocks[0] > kMostPairs ||
      blocks[1] > kMostColumns) {
    return absl::nullopt;
  }
  PairBlocks b;
  b.k = layout.get_dims()[0];
  b.n = layout.get_dims()[1];
  b.k_block = blocks[0];
  b.n_block = blocks[1];
  b.k_blocks = layout.get_padded_dims()[0] / (2 * b.k_block);
  b.n_blocks = layout.get_padded_dims()[1] / b.n_block;
  const int64_t block = 2 * b.k_block * b.n_block;
  // Holds nothing but the weights, with block columns outermost.
  const bool known = layout.get_size() == b.bytes() &&
                     (b.n_blocks == 1 || layout.get_strides()[1] == b.k_blocks * block) &&
                     (b.k_blocks == 1 || layout.get_strides()[0] == block);
  return known ? absl::make_optional(b) : absl::nullopt;
}

void PackPairBlocks(const PairBlocks& b, const float* w, bool trans_w, int threads,
                    graph::BFloat16* packed) {
  const auto pair_rows = BACKENDS_CPU_CHOOSE(PairRows);
  const auto pair_columns = BACKENDS_CPU_CHOOSE(PairColumns);
  const int64_t block_pairs = b.k_block * b.n_block;
  // Along rows of w, in memory order.
  ParallelFor(threads, b.k_blocks * b.n_blocks, 2 * block_pairs, [&](int64_t i) {
    const int64_t kb = trans_w ? i % b.k_blocks : i / b.n_blocks;
    const int64_t nb = trans_w ? i / b.k_blocks : i % b.n_blocks;
    uint32_t* block = reinterpret_cast<uint32_t*>(packed) + (nb * b.k_blocks + kb) * block_pairs;
    if (trans_w) {
      PackTransposedBlock(b, pair_columns, w, kb * 2 * b.k_block, nb * b.n_block, block);
    } else {
      PackBlock(b, pair_rows, w, kb * 2 * b.k_block, nb * b.n_block, block);
    }
  });
}

}  // namespace backends::cpu
#endif  // HWY_ONCE
