// Weighted k-nearest-neighbour classification of features, as in DINO's eval_knn.py (Caron et al.,
// "Emerging Properties in Self-Supervised Vision Transformers", ICCV 2021). Pure host code, no
// nets.
#ifndef TOOLS_EVALUATION_KNN_H_
#define TOOLS_EVALUATION_KNN_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace tools {

struct KnnOptions {
  int k = 20;                 // neighbours, positive; all of them if there are fewer
  double temperature = 0.07;  // positive
  int threads = 1;
};

// Rows of D floats and a label for each.
struct LabelledRows {
  absl::Span<const float> rows;  // (N, D), any length; finite
  absl::Span<const int32_t> labels;
};

// The class of each query row: its k nearest neighbours by cosine similarity vote with
// exp(similarity / temperature). Ties between neighbours go to the lower index, ties between sums
// to the lower class. A row of zeros is equally far from all. The result does not depend on the
// number of threads: a similarity is one float sum over D in order.
//
// At least one neighbour; labels are in [0, classes), values finite. Memory: a copy of `train`, and
// 64 rows per thread.
std::vector<int32_t> ClassifyKnn(const LabelledRows& train, absl::Span<const float> queries,
                                 int64_t dim, int classes, const KnnOptions& options);

}  // namespace tools

#endif  // TOOLS_EVALUATION_KNN_H_
