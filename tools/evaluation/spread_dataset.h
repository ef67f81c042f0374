// Some images of a data set, spread over all of it.
#ifndef TOOLS_EVALUATION_SPREAD_DATASET_H_
#define TOOLS_EVALUATION_SPREAD_DATASET_H_

#include <cstdint>
#include <vector>

#include "models/data/subset.h"

namespace tools {

// `count` of [0, size), ascending: one from each of `count` equal stretches, at a place drawn from
// a fixed stream. (A fixed stride would meet only one class if classes repeat in step with it.) All
// of them if count >= size.
std::vector<int64_t> SpreadIndices(int64_t size, int64_t count);

// `data` must outlive it. A `count` of 0: all of them.
class SpreadDataset : public models::Subset {
 public:
  SpreadDataset(const models::Dataset* data, int64_t count)
      : Subset(data, SpreadIndices(data->size(), count > 0 ? count : data->size())) {}
};

}  // namespace tools

#endif  // TOOLS_EVALUATION_SPREAD_DATASET_H_
