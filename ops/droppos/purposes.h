// What DropPos draws at random (graph::Purpose). The values are part of what a seed means: append,
// never renumber; new ones start at graph::Purpose::kFirstPluginPurpose.
#ifndef OPS_DROPPOS_PURPOSES_H_
#define OPS_DROPPOS_PURPOSES_H_

#include "graph/base/random.h"

namespace ops::droppos {

inline constexpr graph::Purpose kPatchMask{1};      // MaskSample: which patches are hidden
inline constexpr graph::Purpose kPositionMask{2};   // MaskSample: which positions are dropped
inline constexpr graph::Purpose kShuffle{3};        // RandomOrder
inline constexpr graph::Purpose kWrongPosition{4};  // RandomOrder

}  // namespace ops::droppos

#endif  // OPS_DROPPOS_PURPOSES_H_
