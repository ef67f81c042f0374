// Nearest neighbours against the same in double, written straight down.
#include "tools/evaluation/knn.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tools {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

struct Case {
  int64_t train, queries, dim;
  int classes;
  KnnOptions options;
};

std::vector<float> RandomRows(int64_t rows, int64_t dim, std::mt19937* random) {
  std::normal_distribution<float> normal;
  std::vector<float> values(rows * dim);
  for (float& x : values) x = normal(*random);
  return values;
}

// Votes by class; eval_knn.py in double.
std::vector<double> DirectVotes(const std::vector<float>& train, const std::vector<int32_t>& labels,
                                const float* query, int64_t dim, int classes,
                                const KnnOptions& options) {
  const auto n = static_cast<int64_t>(labels.size());
  std::vector<double> sims(n);
  const auto norm = [&](const float* row) {
    double squares = 0;
    for (int64_t d = 0; d < dim; ++d) squares += static_cast<double>(row[d]) * row[d];
    return std::sqrt(squares);
  };
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t d = 0; d < dim; ++d) sims[i] += static_cast<double>(train[i * dim + d]) * query[d];
    sims[i] /= norm(&train[i * dim]) * norm(query);
  }
  std::vector<int64_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return sims[a] > sims[b]; });
  std::vector<double> votes(classes);
  for (int64_t j = 0; j < std::min<int64_t>(options.k, n); ++j) {
    votes[labels[order[j]]] += std::exp(sims[order[j]] / options.temperature);
  }
  return votes;
}

TEST(Knn, AgreesWithTheDirectComputation) {
  std::mt19937 random(1);
  const Case cases[] = {
      {1, 3, 5, 2, {20, 0.07, 1}},       {7, 9, 3, 3, {3, 0.07, 2}},
      {16, 64, 8, 4, {1, 0.07, 2}},      {17, 65, 33, 5, {20, 0.07, 2}},
      {333, 131, 48, 10, {20, 0.07, 2}}, {200, 50, 12, 10, {200, 0.5, 1}},
      {100, 70, 6, 7, {20, 0.005, 2}},
  };
  for (const Case& c : cases) {
    const std::vector<float> train = RandomRows(c.train, c.dim, &random);
    const std::vector<float> queries = RandomRows(c.queries, c.dim, &random);
    std::vector<int32_t> labels(c.train);
    for (int32_t& label : labels) label = static_cast<int32_t>(random() % c.classes);
    const auto answers = ClassifyKnn({train, labels}, queries, c.dim, c.classes, c.options);
    ASSERT_EQ(answers.size(), c.queries);
    int clear = 0;
    for (int64_t q = 0; q < c.queries; ++q) {
      const std::vector<double> votes =
          DirectVotes(train, labels, &queries[q * c.dim], c.dim, c.classes, c.options);
      const double best = *std::max_element(votes.begin(), votes.end());
      // In float the k-th neighbour or a close vote may fall the other way.
      EXPECT_GE(votes[answers[q]], 0.999 * best) << "query " << q << " of " << c.queries;
      std::vector<double> sorted = votes;
      std::sort(sorted.rbegin(), sorted.rend());
      if (sorted.size() > 1 && sorted[1] > 0.999 * best) continue;
      ++clear;
      EXPECT_EQ(answers[q], std::max_element(votes.begin(), votes.end()) - votes.begin());
    }
    EXPECT_GT(clear, c.queries * 9 / 10);
  }
}

TEST(Knn, FindsTheClassOfWellSeparatedRows) {
  std::mt19937 random(2);
  const int64_t dim = 24;
  const std::vector<float> centres = RandomRows(6, dim, &random);
  const auto sample = [&](int64_t rows, std::vector<int32_t>* labels) {
    std::vector<float> values = RandomRows(rows, dim, &random);
    for (int64_t i = 0; i < rows; ++i) {
      labels->push_back(static_cast<int32_t>(random() % 6));
      // Length must not matter.
      const float scale = std::exp(static_cast<float>(random() % 10) - 5);
      for (int64_t d = 0; d < dim; ++d) {
        values[i * dim + d] =
            scale * (centres[labels->back() * dim + d] + 0.1f * values[i * dim + d]);
      }
    }
    return values;
  };
  std::vector<int32_t> train_labels, query_labels;
  const std::vector<float> train = sample(400, &train_labels);
  const std::vector<float> queries = sample(100, &query_labels);
  const auto answers = ClassifyKnn({train, train_labels}, queries, dim, 6, {20, 0.07, 2});
  EXPECT_EQ(answers, query_labels);
}

TEST(Knn, TiesGoToTheLowerIndexAndTheLowerClass) {
  // 40 equal rows, the last of another block of columns than the first.
  const std::vector<float> train(40 * 3, 1.0f);
  std::vector<int32_t> labels(40, 1);
  labels[0] = labels[1] = 3;
  const std::vector<float> query = {2, 2, 2};
  const auto classify = [&](int k) {
    return ClassifyKnn({train, labels}, query, 3, 4, {k, 0.07, 1})[0];
  };
  EXPECT_EQ(classify(1), 3);
  EXPECT_EQ(classify(3), 3);  // two against one
  EXPECT_EQ(classify(4), 1);  // two against two
  EXPECT_EQ(classify(40), 1);
  // Nothing is near a row of zeros: the first ones are taken.
  const auto zeros = ClassifyKnn({train, labels}, std::vector<float>(3), 3, 4, {2, 0.07, 1});
  EXPECT_THAT(zeros, ElementsAre(3));
}

TEST(Knn, ALowTemperatureDoesNotOverflow) {
  const std::vector<float> train = {1, 0, 0, 1, 0, 1};
  const std::vector<int32_t> labels = {0, 1, 1};
  const std::vector<float> query = {1, 0.5f};
  const auto answers = ClassifyKnn({train, labels}, query, 2, 2, {3, 1e-6, 1});
  EXPECT_THAT(answers, ElementsAre(0));
}

TEST(Knn, ThreadsDoNotMatter) {
  std::mt19937 random(3);
  const std::vector<float> train = RandomRows(300, 20, &random);
  const std::vector<float> queries = RandomRows(500, 20, &random);
  std::vector<int32_t> labels(300);
  for (int32_t& label : labels) label = static_cast<int32_t>(random() % 50);
  const auto one = ClassifyKnn({train, labels}, queries, 20, 50, {5, 0.07, 1});
  const auto three = ClassifyKnn({train, labels}, queries, 20, 50, {5, 0.07, 3});
  EXPECT_EQ(one, three);
}

TEST(Knn, NoQueries) { EXPECT_TRUE(ClassifyKnn({{1, 2, 3, 4}, {0, 1}}, {}, 2, 2, {}).empty()); }

}  // namespace
}  // namespace tools
