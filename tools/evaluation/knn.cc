#include "tools/evaluation/knn.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "graph/base/status.h"

namespace tools {
namespace {

// Rows and columns of similarities that fill the registers; queries that use a block of neighbours
// while it is in the cache.
constexpr int64_t kQueries = 4;
constexpr int64_t kLanes = 16;
constexpr int64_t kChunk = 64;
static_assert(kChunk % kQueries == 0, "");

// L2-normalised; the length is at least 1e-12, as in torch's normalize.
void Normalize(const float* row, int64_t dim, int64_t stride, float* out) {
  double squares = 0;
  for (int64_t d = 0; d < dim; ++d) squares += static_cast<double>(row[d]) * row[d];
  const double scale = 1.0 / std::max(std::sqrt(squares), 1e-12);
  for (int64_t d = 0; d < dim; ++d) out[d * stride] = static_cast<float>(row[d] * scale);
}

// sims[q][lane] = sum over d of queries[q][d] * block[d][lane], d ascending.
void Similarities(const float* queries, const float* block, int64_t dim,
                  float sims[kQueries][kLanes]) {
  float sum[kQueries][kLanes] = {};
  for (int64_t d = 0; d < dim; ++d) {
    for (int64_t q = 0; q < kQueries; ++q) {
      const float x = queries[q * dim + d];
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        sum[q][lane] += x * block[d * kLanes + lane];
      }
    }
  }
  for (int64_t q = 0; q < kQueries; ++q) std::copy(sum[q], sum[q] + kLanes, sims[q]);
}

using Neighbour = std::pair<float, int64_t>;  // similarity, index

bool Nearer(const Neighbour& a, const Neighbour& b) {
  return a.first != b.first ? a.first > b.first : a.second < b.second;
}

// The k nearest so far: a heap with the farthest in front. Indices arrive in ascending order, so an
// equally near newcomer ranks after all earlier ones.
class Nearest {
 public:
  explicit Nearest(int64_t k) : k_(static_cast<size_t>(k)) { heap_.reserve(k_ + 1); }
  void Clear() { heap_.clear(); }
  void Offer(float similarity, int64_t index) {
    if (heap_.size() == k_ && similarity <= heap_.front().first) return;
    heap_.emplace_back(similarity, index);
    std::push_heap(heap_.begin(), heap_.end(), Nearer);
    if (heap_.size() <= k_) return;
    std::pop_heap(heap_.begin(), heap_.end(), Nearer);
    heap_.pop_back();
  }
  // Nearest first.
  const std::vector<Neighbour>& Sorted() {
    std::sort(heap_.begin(), heap_.end(), Nearer);
    return heap_;
  }

 private:
  size_t k_;
  std::vector<Neighbour> heap_;
};

int32_t Vote(const std::vector<Neighbour>& nearest, absl::Span<const int32_t> labels,
             double temperature, std::vector<double>* votes) {
  std::fill(votes->begin(), votes->end(), 0.0);
  // Relative to the nearest, so that a low temperature does not overflow.
  for (const auto& [similarity, index] : nearest) {
    (*votes)[labels[index]] +=
        std::exp((static_cast<double>(similarity) - nearest.front().first) / temperature);
  }
  return static_cast<int32_t>(std::max_element(votes->begin(), votes->end()) - votes->begin());
}

}  // namespace

std::vector<int32_t> ClassifyKnn(const LabelledRows& train, absl::Span<const float> queries,
                                 int64_t dim, int classes, const KnnOptions& options) {
  const auto n = static_cast<int64_t>(train.labels.size());
  CHECK(n > 0 && dim > 0 && options.k > 0 && options.temperature > 0 && options.threads > 0);
  CHECK(train.rows.size() == train.labels.size() * dim && queries.size() % dim == 0);
  for (const int32_t label : train.labels) CHECK(label >= 0 && label < classes);
  const auto num_queries = static_cast<int64_t>(queries.size()) / dim;
  const int64_t k = std::min<int64_t>(options.k, n);
  const int64_t blocks = (n + kLanes - 1) / kLanes;

  // Blocks of kLanes rows, each (dim, kLanes); the last is filled with zeros.
  std::vector<float> packed(static_cast<size_t>(blocks * dim * kLanes));
#pragma omp parallel for num_threads(options.threads)
  for (int64_t i = 0; i < n; ++i) {
    float* to = packed.data() + i / kLanes * dim * kLanes + i % kLanes;
    Normalize(train.rows.data() + i * dim, dim, kLanes, to);
  }

  std::vector<int32_t> answers(static_cast<size_t>(num_queries));
  const int64_t chunks = (num_queries + kChunk - 1) / kChunk;
#pragma omp parallel num_threads(options.threads)
  {
    std::vector<float> rows(static_cast<size_t>(kChunk * dim));
    std::vector<double> votes(static_cast<size_t>(classes));
    std::vector<Nearest> nearest(kChunk, Nearest(k));
    float sims[kQueries][kLanes];
#pragma omp for schedule(dynamic)
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      const int64_t first = chunk * kChunk;
      const int64_t count = std::min(kChunk, num_queries - first);
      std::fill(rows.begin(), rows.end(), 0.0f);
      for (int64_t q = 0; q < count; ++q) {
        Normalize(queries.data() + (first + q) * dim, dim, 1, rows.data() + q * dim);
        nearest[q].Clear();
      }
      for (int64_t block = 0; block < blocks; ++block) {
        const int64_t lanes = std::min(kLanes, n - block * kLanes);
        for (int64_t q0 = 0; q0 < count; q0 += kQueries) {
          Similarities(rows.data() + q0 * dim, packed.data() + block * dim * kLanes, dim, sims);
          for (int64_t q = q0; q < std::min(q0 + kQueries, count); ++q) {
            for (int64_t lane = 0; lane < lanes; ++lane) {
              nearest[q].Offer(sims[q - q0][lane], block * kLanes + lane);
            }
          }
        }
      }
      for (int64_t q = 0; q < count; ++q) {
        answers[first + q] = Vote(nearest[q].Sorted(), train.labels, options.temperature, &votes);
      }
    }
  }
  return answers;
}

}  // namespace tools
