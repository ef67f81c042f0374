// Own loops: a primitive of oneDNN would store what it resizes, 30 MB an image of 150 classes at
// 224 x 224 pixels, for the loss to read. Here a pixel's logits stay in the first-level cache, and
// a thread has the pixels between four cells at a time, which are made of these four alone.
#include <array>
#include <cmath>
#include <eigen3/Eigen/Core>
#include <limits>

#include "backends/cpu/kernel_util.h"

namespace backends::cpu {
namespace {

constexpr int kUnlabelled = 255;
constexpr int kMostClasses = 256;  // a row of them, filled up to whole vectors
constexpr int kVector = 8;

// `to` pixels along `from` cells. Centres are compared in units of 1 / (2 to) cells, so that all
// but the weight is exact.
struct Axis {
  int from, to;

  // Between cells `low` and low + 1, with this weight of the latter; 0 where there is none.
  struct Sample {
    int low;
    float weight;
  };
  Sample At(int pixel) const {
    const int at = std::max(0, (2 * pixel + 1) * from - to), low = at / (2 * to);
    if (low + 1 == from) return {low, 0.0f};
    return {low, static_cast<float>(at % (2 * to)) / static_cast<float>(2 * to)};
  }
  // The first pixel whose low is `cell` or more.
  int First(int cell) const {
    if (cell <= 0) return 0;
    return std::min(to, static_cast<int>(CeilDiv((2 * cell + 1) * to - from, 2 * from)));
  }
  int Next(int cell) const { return std::min(cell + 1, from - 1); }
};

struct Dims {
  int64_t batch;
  Axis down, across;
  int64_t classes;

  // Of the operator, with pictures of `height` x `width`.
  Dims(const graph::KernelSpec& spec, int64_t height, int64_t width)
      : batch(spec.in(0).dim(0)),
        down{static_cast<int>(spec.op->Int("grid_h")), static_cast<int>(height)},
        across{static_cast<int>(spec.op->Int("grid_w")), static_cast<int>(width)},
        classes(spec.in(0).cols()) {}
  int64_t cells() const { return batch * down.from * across.from; }
  int64_t pixels() const { return batch * down.to * across.to; }
  // Where cell (row, col) of an image lies in x.
  int64_t Cell(int64_t image, int row, int col) const {
    return ((image * down.from + row) * across.from + col) * classes;
  }
};
Dims DimsOfResult(const graph::KernelSpec& spec) {
  return Dims(spec, spec.op->Int("height"), spec.op->Int("width"));
}

// Calls fn(pixel, resized) for all pixels, where resized(k) is number k of the pixel's row.
template <typename Fn>
void ForEachPixel(const Dims& d, int threads, const float* x, const Fn& fn) {
  ParallelFor(threads, d.batch * d.down.to, d.across.to * d.classes, [&](int64_t line) {
    const int64_t image = line / d.down.to;
    const Axis::Sample y = d.down.At(static_cast<int>(line % d.down.to));
    for (int col = 0; col < d.across.to; ++col) {
      const Axis::Sample at = d.across.At(col);
      const int right = d.across.Next(at.low), bottom = d.down.Next(y.low);
      const float* cells[] = {x + d.Cell(image, y.low, at.low), x + d.Cell(image, y.low, right),
                              x + d.Cell(image, bottom, at.low), x + d.Cell(image, bottom, right)};
      fn(line * d.across.to + col, [&](int64_t k) {
        const float top = (1 - at.weight) * cells[0][k] + at.weight * cells[1][k];
        const float low = (1 - at.weight) * cells[2][k] + at.weight * cells[3][k];
        return (1 - y.weight) * top + y.weight * low;
      });
    }
  });
}

std::unique_ptr<graph::Kernel> MakeResizeRows(const graph::KernelSpec& spec) {
  return MakeKernel(
      [d = DimsOfResult(spec), threads = spec.threads](const graph::KernelArgs& args) {
        float* y = Out<float>(args, 0);
        ForEachPixel(d, threads, In<float>(args, 0), [&](int64_t pixel, const auto& resized) {
          float* row = y + pixel * d.classes;
          for (int64_t k = 0; k < d.classes; ++k) row[k] = resized(k);
        });
      });
}

std::unique_ptr<graph::Kernel> MakeArgmax(const graph::KernelSpec& spec) {
  return MakeKernel(
      [d = DimsOfResult(spec), threads = spec.threads](const graph::KernelArgs& args) {
        uint8_t* classes = Out<uint8_t>(args, 0);
        ForEachPixel(d, threads, In<float>(args, 0), [&](int64_t pixel, const auto& resized) {
          int64_t best = 0;
          float largest = resized(0);
          for (int64_t k = 1; k < d.classes; ++k) {
            const float value = resized(k);
            if (value > largest) {
              largest = value;
              best = k;
            }
          }
          classes[pixel] = static_cast<uint8_t>(best);
        });
      });
}

std::unique_ptr<graph::Kernel> MakeResizeRowsGrad(const graph::KernelSpec& spec) {
  const Dims d(spec, spec.in(0).dim(1), spec.in(0).dim(2));
  return MakeKernel([d, threads = spec.threads](const graph::KernelArgs& args) {
    const float* dy = In<float>(args, 0);
    float* dx = Out<float>(args, 0);
    const int64_t lines = 2 * CeilDiv(d.down.to, d.down.from);  // that a row of cells reads
    ParallelFor(threads, d.batch * d.down.from, lines * d.across.to * d.classes, [&](int64_t r) {
      const int64_t image = r / d.down.from;
      const int row = static_cast<int>(r % d.down.from);
      float* const to = dx + d.Cell(image, row, 0);
      std::fill_n(to, d.across.from * d.classes, 0.0f);
      for (int line = d.down.First(row - 1); line < d.down.First(row + 1); ++line) {
        const Axis::Sample y = d.down.At(line);
        const float share = y.low == row ? 1 - y.weight : y.weight;
        for (int col = 0; col < d.across.to; ++col) {
          const Axis::Sample at = d.across.At(col);
          const float* from = dy + ((image * d.down.to + line) * d.across.to + col) * d.classes;
          float* left = to + at.low * d.classes;
          float* right = to + d.across.Next(at.low) * d.classes;
          for (int64_t k = 0; k < d.classes; ++k) left[k] += share * (1 - at.weight) * from[k];
          for (int64_t k = 0; k < d.classes; ++k) right[k] += share * at.weight * from[k];
        }
      }
    });
  });
}

// Whether each label is a class or kUnlabelled. If not, the first that is neither is reported, and
// the kernel returns before it uses any.
bool LabelsAreClasses(const graph::KernelArgs& args, int64_t count, int64_t classes) {
  const uint8_t* labels = In<uint8_t>(args, 1);
  int largest = 0;
#pragma omp simd reduction(max : largest)
  for (int64_t i = 0; i < count; ++i) {
    largest = std::max<int>(largest, labels[i] == kUnlabelled ? 0 : labels[i]);
  }
  if (largest < classes) return true;
  const uint8_t* bad = std::find_if(
      labels, labels + count, [&](int label) { return label >= classes && label != kUnlabelled; });
  args.ReportOutOfRange(1, bad - labels, *bad, -graph::kNoBound, static_cast<double>(classes));
  return false;
}

using Row = std::array<float, kMostClasses>;
using Numbers = Eigen::Map<Eigen::ArrayXf>;
using ConstNumbers = Eigen::Map<const Eigen::ArrayXf>;

// The labelled pixels between the centres of a cell and of its neighbours to the right, below and
// beyond, line by line: pixel(logits, label, weight of the right cells) for each, where `logits`
// are filled up to whole vectors with numbers that no exponential notices; then line(weight of
// the lower cells), if there was one.
template <typename Pixel, typename Line>
void ForEachLabelled(const Dims& d, int64_t cell, const float* x, const uint8_t* labels,
                     const Pixel& pixel, const Line& line) {
  const int col = static_cast<int>(cell % d.across.from);
  const int row = static_cast<int>(cell / d.across.from % d.down.from);
  const int64_t image = cell / (int64_t{d.across.from} * d.down.from);
  const auto numbers = [&](int of_row, int of_col) {
    return ConstNumbers(x + d.Cell(image, of_row, of_col), d.classes);
  };
  const ConstNumbers a = numbers(row, col), b = numbers(row, d.across.Next(col)),
                     c = numbers(d.down.Next(row), col),
                     e = numbers(d.down.Next(row), d.across.Next(col));
  alignas(64) Row left_row, right_row, logits_row;
  Numbers left(left_row.data(), d.classes), right(right_row.data(), d.classes);
  Numbers filled(logits_row.data(), CeilDiv(d.classes, kVector) * kVector);
  filled.setConstant(std::numeric_limits<float>::lowest());
  const int first = d.across.First(col), end = d.across.First(col + 1);
  for (int y = d.down.First(row); y < d.down.First(row + 1); ++y) {
    const float weight = d.down.At(y).weight;
    left = (1 - weight) * a + weight * c;
    right = (1 - weight) * b + weight * e;
    const uint8_t* of_line = labels + (image * d.down.to + y) * d.across.to;
    bool any = false;
    for (int at = first; at < end; ++at) {
      if (of_line[at] == kUnlabelled) continue;
      const float share = d.across.At(at).weight;
      filled.head(d.classes) = (1 - share) * left + share * right;
      pixel(filled, of_line[at], share);
      any = true;
    }
    if (any) line(weight);
  }
}

struct PartOfLoss {
  double sum;
  int64_t labelled;
};

std::unique_ptr<graph::Kernel> MakeLoss(const graph::KernelSpec& spec) {
  const Dims d(spec, spec.in(1).dim(1), spec.in(1).dim(2));
  return MakeKernel(
      [d, threads = spec.threads](const graph::KernelArgs& args) {
        if (!LabelsAreClasses(args, d.pixels(), d.classes)) return;
        const float* x = In<float>(args, 0);
        const uint8_t* labels = In<uint8_t>(args, 1);
        PartOfLoss* parts = static_cast<PartOfLoss*>(args.scratch);
        const int64_t work = d.pixels() / d.cells() * d.classes * 20;
        ParallelFor(threads, d.cells(), work, [=](int64_t cell) {
          PartOfLoss part = {};
          ForEachLabelled(
              d, cell, x, labels,
              [&](const Numbers& logits, int label, float) {
                const float top = logits.maxCoeff();
                part.sum += std::log((logits - top).exp().sum()) + top - logits[label];
                part.labelled += 1;
              },
              [](float) {});
          parts[cell] = part;
        });
        PartOfLoss total = {};
        for (int64_t i = 0; i < d.cells(); ++i) {
          total.sum += parts[i].sum;
          total.labelled += parts[i].labelled;
        }
        *Out<float>(args, 0) =
            total.labelled == 0
                ? 0.0f
                : static_cast<float>(total.sum / static_cast<double>(total.labelled));
        *Out<int32_t>(args, 1) = static_cast<int32_t>(total.labelled);
      },
      static_cast<size_t>(d.cells()) * sizeof(PartOfLoss));
}

// First what the pixels between four cells give to each of these, then the sum of each cell.
std::unique_ptr<graph::Kernel> MakeLossGrad(const graph::KernelSpec& spec) {
  const Dims d(spec, spec.in(1).dim(1), spec.in(1).dim(2));
  return MakeKernel(
      [d, threads = spec.threads](const graph::KernelArgs& args) {
        if (!LabelsAreClasses(args, d.pixels(), d.classes)) return;
        const float* x = In<float>(args, 0);
        const uint8_t* labels = In<uint8_t>(args, 1);
        float* parts = static_cast<float*>(args.scratch);  // (cells, 4, K)
        const int64_t work = d.pixels() / d.cells() * d.classes * 20;
        ParallelFor(threads, d.cells(), work, [=](int64_t cell) {
          float* const part = parts + cell * 4 * d.classes;
          Numbers(part, 4 * d.classes).setZero();
          alignas(64) Row left_row, right_row;
          Numbers left(left_row.data(), d.classes), right(right_row.data(), d.classes);
          left.setZero();
          right.setZero();
          ForEachLabelled(
              d, cell, x, labels,
              [&](Numbers& logits, int label, float share) {
                logits = (logits - logits.maxCoeff()).exp();
                const float of_sum = 1 / logits.sum();
                auto gradient = logits.head(d.classes);
                gradient *= of_sum;
                gradient[label] -= 1;
                left += (1 - share) * gradient;
                right += share * gradient;
                logits.tail(logits.size() - d.classes)
                    .setConstant(std::numeric_limits<float>::lowest());
              },
              [&](float weight) {
                Numbers(part, d.classes) += (1 - weight) * left;
                Numbers(part + d.classes, d.classes) += (1 - weight) * right;
                Numbers(part + 2 * d.classes, d.classes) += weight * left;
                Numbers(part + 3 * d.classes, d.classes) += weight * right;
                left.setZero();
                right.setZero();
              });
        });
        const int32_t labelled = *In<int32_t>(args, 2);
        const float scale =
            labelled == 0 ? 0.0f : *In<float>(args, 3) / static_cast<float>(labelled);
        float* dx = Out<float>(args, 0);
        ParallelFor(threads, d.cells(), 4 * d.classes, [=](int64_t cell) {
          const int64_t col = cell % d.across.from, row = cell / d.across.from % d.down.from;
          const auto given = [&](int64_t by, int64_t corner) {
            return ConstNumbers(parts + (by * 4 + corner) * d.classes, d.classes);
          };
          Numbers sum(dx + cell * d.classes, d.classes);
          sum = given(cell, 0);
          if (col > 0) sum += given(cell - 1, 1);
          if (row > 0) sum += given(cell - d.across.from, 2);
          if (row > 0 && col > 0) sum += given(cell - d.across.from - 1, 3);
          sum *= scale;
        });
      },
      static_cast<size_t>(d.cells() * 4 * d.classes) * sizeof(float));
}

}  // namespace

void RegisterResizeRows(graph::KernelTable* table) {
  AddFloat32(table, "ResizeRows", MakeResizeRows);
  AddFloat32(table, "ResizeRowsGrad", MakeResizeRowsGrad);
  AddFloat32(table, "ResizedArgmax", MakeArgmax);
  AddFloat32(table, "ResizedCrossEntropy", MakeLoss);
  AddFloat32(table, "ResizedCrossEntropyGrad", MakeLossGrad);
}

}  // namespace backends::cpu
