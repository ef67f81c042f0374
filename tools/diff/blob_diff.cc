#include "tools/diff/blob_diff.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_format.h"
#include "graph/base/status.h"

namespace tools {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int kFirstDecade = -9;  // bin 1 is everything below

int Bin(double error) {
  if (error == 0) return 0;
  if (!(error < 1)) return kErrorBins - 1;
  const int decade = static_cast<int>(std::floor(std::log10(error)));
  return std::min(std::max(decade - kFirstDecade + 2, 1), kErrorBins - 2);
}

std::string BinName(int bin) {
  if (bin == 0) return "equal";
  if (bin == 1) return absl::StrFormat("below 1e%d", kFirstDecade);
  if (bin == kErrorBins - 1) return "1 and more";
  return absl::StrFormat("1e%d to 1e%d", kFirstDecade + bin - 2, kFirstDecade + bin - 1);
}

}  // namespace

void Measure(const std::vector<double>& a, const std::vector<double>& b, BlobDiff* diff) {
  CHECK(a.size() == b.size());
  double largest = 0, sum = 0, sum_off = 0;
  for (double v : a) {
    if (std::isfinite(v)) largest = std::max(largest, std::fabs(v));
    sum += std::fabs(v);
  }
  diff->scale = diff->integer ? std::max(sum, 1.0) : largest > 0 ? largest : 1;
  for (size_t i = 0; i < a.size(); ++i) {
    // If both are not finite in the same way, there is no difference.
    const bool same = a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]));
    double off = same ? 0 : std::fabs(a[i] - b[i]);
    if (!std::isfinite(off)) off = kInfinity;
    ++diff->histogram[Bin(off / diff->scale)];
    sum_off += off;
    if (off > diff->max_abs || i == 0) {
      diff->max_abs = off;
      diff->at = static_cast<int64_t>(i);
      diff->value_a = a[i];
      diff->value_b = b[i];
    }
  }
  diff->error = (diff->integer ? sum_off : diff->max_abs) / diff->scale;
}

std::string IndexString(const graph::TensorType& type, int64_t at) {
  graph::Shape index(type.shape.size(), 0);
  for (size_t d = type.shape.size(); d-- > 0;) {
    if (type.shape[d] == 0) continue;
    index[d] = at % type.shape[d];
    at /= type.shape[d];
  }
  return graph::ShapeString(index);
}

std::string Describe(const BlobDiff& diff) {
  const std::string types =
      diff.type_a == diff.type_b
          ? diff.type_a.ToString()
          : absl::StrCat(diff.type_a.ToString(), " and ", diff.type_b.ToString());
  std::string text = absl::StrFormat(
      "'%s' %s, made by %s\n"
      "  error %.3g of the scale %.3g, bound %.3g\n"
      "  largest at %s: a %.9g, b %.9g, off by %.3g\n",
      diff.blob, types, diff.op, diff.error, diff.scale, diff.bound,
      IndexString(diff.type_b, diff.at), diff.value_a, diff.value_b, diff.max_abs);
  int64_t total = 0, most = 1;
  for (int64_t n : diff.histogram) total += n, most = std::max(most, n);
  if (total == 0) return text;
  absl::StrAppend(&text, "  elements by |a - b| / scale:\n");
  for (int i = 0; i < kErrorBins; ++i) {
    const int64_t n = diff.histogram[i];
    if (n == 0) continue;
    absl::StrAppendFormat(&text, "    %-13s %10d  %5.1f%%  %s\n", BinName(i), n,
                          100.0 * static_cast<double>(n) / static_cast<double>(total),
                          std::string(static_cast<size_t>(1 + 39 * n / most), '#'));
  }
  return text;
}

}  // namespace tools
