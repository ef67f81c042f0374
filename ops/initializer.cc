#include "ops/initializer.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "graph/base/random.h"
#include "graph/base/status.h"

namespace ops {
namespace {

// Uniform in [0, 1), 53 bits, as RandomStream::Uniform().
double Unit(uint64_t word) { return static_cast<double>(word >> 11) * 0x1p-53; }

// Words 2 * pair and 2 * pair + 1 of the stream (graph::RandomWord), from one block.
struct WordPair {
  double even, odd;
};
WordPair UnitWords(uint64_t seed, uint64_t pair) {
  const std::array<uint32_t, 4> block =
      graph::Philox({static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)},
                    {static_cast<uint32_t>(pair), static_cast<uint32_t>(pair >> 32),
                     static_cast<uint32_t>(graph::Purpose::kInitialize), 0});
  return {Unit(block[0] | uint64_t{block[1]} << 32), Unit(block[2] | uint64_t{block[3]} << 32)};
}

// U(±bound): element i is word i.
template <typename T>
void FillUniform(const Initializer& init, double bound, int64_t first, absl::Span<T> values) {
  const auto element = [bound](double unit) { return static_cast<T>(bound * (2.0 * unit - 1.0)); };
  const int64_t end = first + static_cast<int64_t>(values.size());
  T* const to = values.data() - first;
  int64_t i = first;
  if (i < end && i % 2 == 1) {
    to[i] = element(UnitWords(init.seed, i / 2).odd);
    ++i;
  }
  for (; i + 1 < end; i += 2) {
    const WordPair words = UnitWords(init.seed, i / 2);
    to[i] = element(words.even);
    to[i + 1] = element(words.odd);
  }
  if (i < end) to[i] = element(UnitWords(init.seed, i / 2).even);
}

double NormalElement(const Initializer& init, int64_t i) {
  const WordPair words = UnitWords(init.seed, static_cast<uint64_t>(i));
  const double u = 1.0 - words.even;  // (0, 1]
  return init.value * std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * M_PI * words.odd);
}

double SinCosElement(const Initializer& init, int64_t i) {
  const int64_t dim = init.shape[2], quarter = dim / 4;
  const int64_t row = i / dim - 1, column = i % dim;
  if (row < 0) return 0.0;
  const int64_t h = row / init.grid[1], w = row % init.grid[1];
  const double position = static_cast<double>(column < 2 * quarter ? w : h);
  const double omega =
      std::pow(10000.0, -static_cast<double>(column % quarter) / static_cast<double>(quarter));
  const bool sine = (column / quarter) % 2 == 0;
  return sine ? std::sin(position * omega) : std::cos(position * omega);
}

template <typename T>
void Fill(const Initializer& init, int64_t first, absl::Span<T> values) {
  CHECK(Validate(init).ok());
  CHECK(first >= 0 &&
        first + static_cast<int64_t>(values.size()) <= graph::NumElements(init.shape));
  const auto fill = [&](auto element) {
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<T>(element(first + static_cast<int64_t>(i)));
    }
  };
  if (init.kind == "constant") {
    std::fill(values.begin(), values.end(), static_cast<T>(init.value));
  } else if (init.kind == "xavier_uniform") {
    const double bound =
        std::sqrt(6.0 / (static_cast<double>(init.fan_in) + static_cast<double>(init.fan_out)));
    FillUniform(init, bound, first, values);
  } else if (init.kind == "uniform_fan_in") {
    FillUniform(init, 1.0 / std::sqrt(static_cast<double>(init.fan_in)), first, values);
  } else if (init.kind == "normal") {
    fill([&](int64_t i) { return NormalElement(init, i); });
  } else {
    fill([&](int64_t i) { return SinCosElement(init, i); });
  }
}

}  // namespace

Initializer InitializerOf(const graph::Op& op) {
  Initializer init;
  init.kind = op.Str("initializer");
  init.value = op.Float("value");
  const auto& shape = op.Ints("shape");
  init.shape = graph::Shape(shape.begin(), shape.end());
  if (op.type == "ConstantFill") return init;
  init.seed = static_cast<uint64_t>(op.Int("seed"));
  init.fan_in = op.Int("fan_in");
  init.fan_out = op.Int("fan_out");
  init.grid = op.Ints("grid");
  return init;
}

absl::Status Validate(const Initializer& init) {
  if (init.kind == "constant") return absl::OkStatus();
  if (init.kind == "xavier_uniform") {
    if (init.fan_in >= 1 && init.fan_out >= 1) return absl::OkStatus();
    return graph::InvalidArgument("xavier_uniform needs fan_in and fan_out of at least 1, has ",
                                  init.fan_in, " and ", init.fan_out);
  }
  if (init.kind == "uniform_fan_in") {
    if (init.fan_in >= 1) return absl::OkStatus();
    return graph::InvalidArgument("uniform_fan_in needs a fan_in of at least 1, has ", init.fan_in);
  }
  if (init.kind == "normal") {
    if (init.value >= 0 && std::isfinite(init.value)) return absl::OkStatus();
    return graph::InvalidArgument("normal needs a standard deviation of at least 0, has ",
                                  init.value);
  }
  if (init.kind == "sincos2d") {
    // Must be a valid shape, so that the product of the sides does not overflow.
    if (init.grid.size() != 2 || init.grid[0] < 1 || init.grid[1] < 1 ||
        !graph::IsValidShape(init.grid)) {
      return graph::InvalidArgument("sincos2d needs a grid of two sides, at most 2^48 cells, has ",
                                    graph::ShapeString(init.grid));
    }
    if (init.shape.size() != 3 || init.shape[0] != 1 ||
        init.shape[1] != 1 + init.grid[0] * init.grid[1] || init.shape[2] < 4 ||
        init.shape[2] % 4 != 0) {
      return graph::InvalidArgument("sincos2d on grid ", graph::ShapeString(init.grid),
                                    " needs shape [1,", 1 + init.grid[0] * init.grid[1],
                                    ",D] with D divisible by 4, has ",
                                    graph::ShapeString(init.shape));
    }
    return absl::OkStatus();
  }
  return graph::InvalidArgument("unknown initializer '", init.kind,
                                "'; known are xavier_uniform, uniform_fan_in, normal, constant "
                                "and sincos2d");
}

void FillInitial(const Initializer& init, int64_t first, absl::Span<float> values) {
  Fill(init, first, values);
}
void FillInitial(const Initializer& init, int64_t first, absl::Span<double> values) {
  Fill(init, first, values);
}

}  // namespace ops
