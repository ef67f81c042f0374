#include "ops/droppos/smoothed_position_ce.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <eigen3/Eigen/Core>
#include <memory>
#include <string>
#include <vector>

#include "backends/cpu/kernel_util.h"
#include "ops/droppos/position_targets.h"

namespace backends::cpu::droppos {
namespace {

using Args = ops::droppos::SmoothedPositionCEArgs;
using GradArgs = ops::droppos::SmoothedPositionCEGradArgs;

// One axis of the targets: n x n, rounded from the common double table.
class AxisTable {
 public:
  explicit AxisTable(int64_t n) : n_(n), exact_(n * n), rounded_(n * n) {}

  void Fill(double sigma, ops::droppos::TargetNorm norm) {
    ops::droppos::FillAxisTable(n_, sigma, norm, absl::MakeSpan(exact_));
    std::copy(exact_.begin(), exact_.end(), rounded_.begin());
  }
  int64_t size() const { return n_; }
  const float* row(int64_t i) const { return rounded_.data() + i * n_; }
  double peak(int64_t i) const { return exact_[i * n_ + i]; }

 private:
  int64_t n_;
  std::vector<double> exact_;
  std::vector<float> rounded_;
};

// Shared by forward and gradient: sizes, target tables, and the work on one row.
class LossKernel : public graph::Kernel {
 protected:
  LossKernel(const graph::KernelSpec& spec, int weights_input)
      : batch_(spec.in(Args::kLogits).dim(0)),
        visible_(spec.in(Args::kLogits).dim(1)),
        cells_(spec.in(Args::kLogits).dim(2)),
        threads_(spec.threads),
        conf_ignore_(spec.op->Int("conf_ignore") == 1),
        weights_input_(static_cast<int>(spec.inputs.size()) > weights_input ? weights_input : -1),
        official_(spec.op->Str("targets") == "official"),
        rows_(spec.op->Int("grid_h")),
        cols_(spec.op->Int("grid_w")) {}

  // Fills the tables; false if an input is a fault.
  bool FillTables() {
    const double sigma = in<float>(Args::kSigma)[0];
    if (!(sigma >= 0)) {
      args().ReportOutOfRange(Args::kSigma, 0, sigma, 0, graph::kNoBound);
      return false;
    }
    if (!IdsAreRows(args(), Args::kIdsKeep, batch_ * visible_, cells_)) return false;
    const auto norm =
        official_ ? ops::droppos::TargetNorm::kColumns : ops::droppos::TargetNorm::kRows;
    rows_.Fill(sigma, norm);
    cols_.Fill(sigma, norm);
    return true;
  }

  // Whether conf_ignore leaves out a row that gives cell `id` the probability e / sum.
  // Compares with the double table, before it is rounded.
  bool Ignores(int64_t id, float e, double sum) const {
    return conf_ignore_ && e / sum >= rows_.peak(id / cols_.size()) * cols_.peak(id % cols_.size());
  }

  // mask_pos * weights of row `r`.
  float Weight(int64_t r) const {
    if (in<uint8_t>(Args::kMaskPos)[r] == 0) return 0;
    return weights_input_ < 0 ? 1 : in<float>(weights_input_)[r];
  }

  // What one thread needs for a row: exponentials and targets.
  size_t row_bytes() const { return graph::AlignUp(cells_ * sizeof(float)); }
  size_t thread_bytes() const { return 2 * row_bytes(); }
  float* ThreadRow(char* rows, int which) const {
    return reinterpret_cast<float*>(rows + omp_get_thread_num() * thread_bytes() +
                                    which * row_bytes());
  }

  float MaxLogit(const float* x) const {
    return Eigen::Map<const Eigen::ArrayXf>(x, cells_).maxCoeff();
  }

  // e = exp(x - max); e may be x. Returns the sum.
  double Exponentials(const float* x, float max, float* e) const {
    Eigen::Map<Eigen::ArrayXf>(e, cells_) =
        (Eigen::Map<const Eigen::ArrayXf>(x, cells_) - max).exp();
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < cells_; ++j) sum += e[j];
    return sum;
  }

  // t = the targets of cell `id`, one for each logit; returns their sum.
  double Targets(int64_t id, float* t) const {
    const float* row = rows_.row(id / cols_.size());
    const float* col = cols_.row(id % cols_.size());
    for (int64_t y = 0, begin = 0; begin < cells_; ++y, begin += cols_.size()) {
      const int64_t n = std::min(cols_.size(), cells_ - begin);
#pragma omp simd
      for (int64_t x = 0; x < n; ++x) t[begin + x] = row[y] * col[x];
    }
    if (!official_) return 1;
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < cells_; ++j) sum += t[j];
    return sum;
  }

  int64_t batch_, visible_, cells_;
  int threads_;
  bool conf_ignore_;

 private:
  int weights_input_;  // -1: every dropped position counts the same
  bool official_;
  AxisTable rows_, cols_;
};

class SmoothedPositionCEKernel : public LossKernel {
 public:
  explicit SmoothedPositionCEKernel(const graph::KernelSpec& spec)
      : LossKernel(spec, Args::kWeights) {}

  size_t scratch_bytes() const override { return partial_bytes() + threads_ * thread_bytes(); }

  absl::Status Run() override {
    if (!FillTables()) return absl::OkStatus();
    Partial* partials = static_cast<Partial*>(scratch());
    char* rows = static_cast<char*>(scratch()) + partial_bytes();
    int32_t* correct = out<int32_t>(Args::kCorrect);
    int32_t* scored = out<int32_t>(Args::kScored);
    int32_t* ignored = out<int32_t>(Args::kIgnored);
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (int64_t b = 0; b < batch_; ++b) {
      const Counts counts = RunImage(b, rows, &partials[b]);
      correct[b] = counts.correct;
      scored[b] = counts.scored;
      ignored[b] = counts.ignored;
    }

    Partial total;
    int64_t all_correct = 0, all_scored = 0;
    for (int64_t b = 0; b < batch_; ++b) {
      total.loss += partials[b].loss;
      total.weight += partials[b].weight;
      total.right += partials[b].right;
      all_correct += correct[b];
      all_scored += scored[b];
    }
    const bool empty = total.weight == 0;
    *out<float>(Args::kLoss) = empty ? 0 : static_cast<float>(total.loss / total.weight);
    *out<float>(Args::kAccuracy) = all_scored == 0
                                       ? 0
                                       : static_cast<float>(static_cast<double>(all_correct) /
                                                            static_cast<double>(all_scored));
    *out<float>(Args::kAccuracyWeighted) =
        empty ? 0 : static_cast<float>(total.right / total.weight);
    return absl::OkStatus();
  }

 private:
  // Sums over the rows of one image.
  struct Partial {
    double loss = 0;
    double weight = 0;
    double right = 0;
  };

  struct Counts {
    int32_t correct = 0, scored = 0, ignored = 0;
  };

  size_t partial_bytes() const { return graph::AlignUp(batch_ * sizeof(Partial)); }

  Counts RunImage(int64_t b, char* rows, Partial* partial) const {
    float* e = ThreadRow(rows, 0);
    float* t = ThreadRow(rows, 1);
    *partial = Partial();
    Counts counts;
    for (int64_t r = b * visible_; r < (b + 1) * visible_; ++r) {
      if (in<uint8_t>(Args::kMaskPos)[r] == 0) continue;
      const float* x = in<float>(Args::kLogits) + r * cells_;
      const int64_t id = in<int32_t>(Args::kIdsKeep)[r];
      const float max = MaxLogit(x);
      // The lowest index of equal logits wins; NaN equals nothing and is never right.
      const bool right = x[id] == max && std::find(x, x + id, max) == x + id;
      counts.correct += right;
      counts.scored += 1;
      const double w = Weight(r);
      if (w == 0 && !conf_ignore_) continue;
      const double sum = Exponentials(x, max, e);
      if (Ignores(id, e[id], sum)) {
        counts.ignored += 1;
        continue;
      }
      if (w == 0) continue;
      partial->weight += w;
      if (right) partial->right += w;
      const double target_sum = Targets(id, t);
      double expected = 0;  // of x - max under the targets
#pragma omp simd reduction(+ : expected)
      for (int64_t j = 0; j < cells_; ++j) {
        expected += static_cast<double>(t[j]) * static_cast<double>(x[j] - max);
      }
      partial->loss += w * (target_sum * std::log(sum) - expected);
    }
    return counts;
  }
};

class SmoothedPositionCEGradKernel : public LossKernel {
 public:
  explicit SmoothedPositionCEGradKernel(const graph::KernelSpec& spec)
      : LossKernel(spec, GradArgs::kWeights) {}

  size_t scratch_bytes() const override {
    return threads_ * thread_bytes() + (conf_ignore_ ? state_bytes() + batch_ * sizeof(double) : 0);
  }

  absl::Status Run() override {
    if (!FillTables()) return absl::OkStatus();
    return conf_ignore_ ? RunTwoPasses() : RunOnePass();
  }

 private:
  // A row between the passes.
  struct State {
    double sum;  // of its exponentials
    float weight;
  };

  size_t state_bytes() const { return graph::AlignUp(batch_ * visible_ * sizeof(State)); }

  double Scale(double weight_sum) const {
    return weight_sum == 0 ? 0 : in<float>(GradArgs::kDLoss)[0] / weight_sum;
  }

  absl::Status RunOnePass() {
    double weight_sum = 0;
    for (int64_t b = 0; b < batch_; ++b) {
      double image = 0;
      for (int64_t r = b * visible_; r < (b + 1) * visible_; ++r) image += Weight(r);
      weight_sum += image;
    }
    const double scale = Scale(weight_sum);
    char* rows = static_cast<char*>(scratch());
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (int64_t b = 0; b < batch_; ++b) {
      float* e = ThreadRow(rows, 0);
      for (int64_t r = b * visible_; r < (b + 1) * visible_; ++r) {
        const float weight = weight_sum == 0 ? 0 : Weight(r);
        const float* x = in<float>(Args::kLogits) + r * cells_;
        const double sum = weight == 0 ? 0 : Exponentials(x, MaxLogit(x), e);
        WriteRow(r, weight, scale, e, sum, ThreadRow(rows, 1));
      }
    }
    return absl::OkStatus();
  }

  // The sum of the weights depends on all logits, which dlogits may overwrite: so the
  // exponentials of all rows go to dlogits before any row's gradient does.
  absl::Status RunTwoPasses() {
    char* rows = static_cast<char*>(scratch());
    State* states = reinterpret_cast<State*>(rows + threads_ * thread_bytes());
    double* image_weights =
        reinterpret_cast<double*>(reinterpret_cast<char*>(states) + state_bytes());
    float* dlogits = out<float>(0);
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (int64_t b = 0; b < batch_; ++b) {
      double image = 0;
      for (int64_t r = b * visible_; r < (b + 1) * visible_; ++r) {
        State state = {0, Weight(r)};
        if (state.weight != 0) {
          const float* x = in<float>(Args::kLogits) + r * cells_;
          float* e = dlogits + r * cells_;
          const int64_t id = in<int32_t>(Args::kIdsKeep)[r];
          state.sum = Exponentials(x, MaxLogit(x), e);
          if (Ignores(id, e[id], state.sum)) state.weight = 0;
        }
        image += state.weight;
        states[r] = state;
      }
      image_weights[b] = image;
    }
    double weight_sum = 0;
    for (int64_t b = 0; b < batch_; ++b) weight_sum += image_weights[b];
    const double scale = Scale(weight_sum);
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (int64_t b = 0; b < batch_; ++b) {
      for (int64_t r = b * visible_; r < (b + 1) * visible_; ++r) {
        const float weight = weight_sum == 0 ? 0 : states[r].weight;
        WriteRow(r, weight, scale, dlogits + r * cells_, states[r].sum, ThreadRow(rows, 1));
      }
    }
    return absl::OkStatus();
  }

  // Writes row `r` of dlogits, where its exponentials `e` may lie. `t` is room for targets.
  void WriteRow(int64_t r, float weight, double scale, const float* e, double sum, float* t) const {
    float* dx = out<float>(0) + r * cells_;
    if (weight == 0) {
      std::fill(dx, dx + cells_, 0.0f);
      return;
    }
    const float share = static_cast<float>(Targets(in<int32_t>(Args::kIdsKeep)[r], t) / sum);
    const float factor = static_cast<float>(scale * weight);
#pragma omp simd
    for (int64_t j = 0; j < cells_; ++j) dx[j] = factor * (e[j] * share - t[j]);
  }
};

}  // namespace

void RegisterSmoothedPositionCE(graph::KernelTable* table) {
  AddFloat32(table, "SmoothedPositionCE", KernelOf<SmoothedPositionCEKernel>);
  AddFloat32(table, "SmoothedPositionCEGrad", KernelOf<SmoothedPositionCEGradKernel>);
}

}  // namespace backends::cpu::droppos
