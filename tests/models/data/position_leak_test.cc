// What a single patch tells about its place: the embedded data set must be solved
// from context. Linear classifiers on raw 8x8 patches of 64x64 scenes (64 places,
// chance 1.56%), fitted on training scenes, are measured on held-out scenes.
#include <gtest/gtest.h>

#include <eigen3/Eigen/Cholesky>
#include <eigen3/Eigen/Core>

#include "models/data/embedded_dataset.h"

namespace models {
namespace {

constexpr int kSide = 64, kPatch = 8, kGrid = kSide / kPatch, kPlaces = kGrid * kGrid;
constexpr int kValues = 3 * kPatch * kPatch;
constexpr int kTrainScenes = 4000, kHeldOutScenes = 800;
constexpr double kChance = 1.0 / kPlaces;

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// One row per place: the patch's values in [-0.5, 0.5] and a 1 for the bias.
Matrix Patches(const Image& image) {
  Matrix rows(kPlaces, kValues + 1);
  for (int place = 0; place < kPlaces; ++place) {
    const int x0 = place % kGrid * kPatch, y0 = place / kGrid * kPatch;
    for (int y = 0; y < kPatch; ++y) {
      for (int i = 0; i < 3 * kPatch; ++i) {
        rows(place, y * 3 * kPatch + i) = image.pixel(x0, y0 + y)[i] / 255.0f - 0.5f;
      }
    }
    rows(place, kValues) = 1;
  }
  return rows;
}

struct Moments {
  Eigen::MatrixXd products;  // (values + 1)^2: sum of x x^T
  Eigen::MatrixXd sums;      // (values + 1, places): sum of x by place
};

Moments Measure() {
  const EmbeddedDataset data(SceneSplit::kTrain, kSide, kSide);
  Moments m = {Eigen::MatrixXd::Zero(kValues + 1, kValues + 1),
               Eigen::MatrixXd::Zero(kValues + 1, kPlaces)};
  for (int64_t i = 0; i < kTrainScenes; ++i) {
    const Matrix rows = Patches(*data.Load(i));
    m.products += (rows.transpose() * rows).cast<double>();
    m.sums += rows.transpose().cast<double>();
  }
  return m;
}

// Share of held-out patches whose place has the highest score.
double Accuracy(const Matrix& weights) {
  const EmbeddedDataset data(SceneSplit::kHeldOut, kSide, kSide);
  int64_t right = 0;
  for (int64_t i = 0; i < kHeldOutScenes; ++i) {
    const Matrix scores = Patches(*data.Load(i)) * weights;
    for (int place = 0; place < kPlaces; ++place) {
      Eigen::Index best;
      scores.row(place).maxCoeff(&best);
      right += best == place;
    }
  }
  return double(right) / (kHeldOutScenes * kPlaces);
}

TEST(PositionLeak, LinearClassifiersOnOnePatchStayUnderSixTimesChance) {
  Eigen::setNbThreads(1);  // small products: a team would cost more than it brings
  const Moments m = Measure();
  const double n = double(kTrainScenes) * kPlaces;

  // Ridge regression, one against all.
  Eigen::MatrixXd regularised = m.products;
  regularised.diagonal().array() += 1e-6 * n;
  const Eigen::MatrixXd ridge = regularised.ldlt().solve(m.sums);
  const double ridge_accuracy = Accuracy(ridge.cast<float>());

  // Linear discriminant analysis: the likeliest place if patches of every place were
  // Gaussian around their own mean with one covariance.
  const Eigen::MatrixXd means = m.sums.topRows(kValues) / kTrainScenes;
  Eigen::MatrixXd covariance =
      m.products.topLeftCorner(kValues, kValues) / n - means * means.transpose() / kPlaces;
  covariance.diagonal().array() += 1e-5;
  const Eigen::MatrixXd directions = covariance.ldlt().solve(means);
  Matrix discriminant(kValues + 1, kPlaces);
  discriminant.topRows(kValues) = directions.cast<float>();
  discriminant.row(kValues) =
      (-0.5 * (means.array() * directions.array()).colwise().sum()).cast<float>();
  const double discriminant_accuracy = Accuracy(discriminant);

  RecordProperty("ridge_accuracy", std::to_string(ridge_accuracy));
  RecordProperty("discriminant_accuracy", std::to_string(discriminant_accuracy));
  std::printf("one patch tells its place: ridge %.2f%%, discriminant %.2f%%, chance %.2f%%\n",
              100 * ridge_accuracy, 100 * discriminant_accuracy, 100 * kChance);
  EXPECT_LT(ridge_accuracy, 6 * kChance);
  EXPECT_LT(discriminant_accuracy, 6 * kChance);
  // The classifiers do work: scenes are not noise.
  EXPECT_GT(ridge_accuracy, 1.1 * kChance);
  EXPECT_GT(discriminant_accuracy, 1.1 * kChance);
}

}  // namespace
}  // namespace models
