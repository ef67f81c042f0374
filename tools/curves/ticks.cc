#include "tools/curves/ticks.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace tools {
namespace {

// "1.50" to "1.5", "2.0" to "2".
std::string WithoutZeros(std::string text) {
  if (text.find('.') == std::string::npos) return text;
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

// "1.2e-4": what printf writes as 1.2e-04.
std::string Scientific(double value, int digits) {
  if (value == 0) return "0";
  int power = static_cast<int>(std::floor(std::log10(std::abs(value))));
  std::string factor = absl::StrFormat("%.*f", digits, value / std::pow(10, power));
  if (factor.substr(0, 2) == "10") {
    factor = absl::StrFormat("%.*f", digits, value / std::pow(10, ++power));
  }
  return absl::StrCat(WithoutZeros(factor), "e", power);
}

int DecimalsOf(double step) {
  int decimals = 0;
  while (decimals < 12 && std::abs(step - std::round(step)) > 1e-6 * step) step *= 10, ++decimals;
  return decimals;
}

// The label for a multiple of `step`; `largest` is the axis's largest.
std::string Label(double value, double step, double largest, bool percent) {
  if (percent) {
    return absl::StrFormat("%.*f%%", DecimalsOf(100 * step), 100 * value);
  }
  if (value == 0) return "0";
  if (largest >= 1e6) return absl::StrFormat("%.*fM", DecimalsOf(step / 1e6), value / 1e6);
  if (largest >= 1e4) return absl::StrFormat("%.*fk", DecimalsOf(step / 1e3), value / 1e3);
  if (largest < 1e-2) {
    const int power = static_cast<int>(std::floor(std::log10(std::abs(value)) + 1e-9));
    return Scientific(value, DecimalsOf(step / std::pow(10, power)));
  }
  return absl::StrFormat("%.*f", DecimalsOf(step), value);
}

}  // namespace

std::vector<Tick> LinearTicks(double low, double high, int count, bool percent) {
  std::vector<Tick> ticks;
  if (!std::isfinite(low) || !std::isfinite(high) || !(low < high)) return ticks;
  const double least = (high - low) / std::max(count, 1);
  double step = std::pow(10, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 2.5, 5.0, 10.0}) {
    if (factor * step >= least * (1 - 1e-9)) {
      step *= factor;
      break;
    }
  }
  const double slack = 1e-9 * (high - low);
  const double first = std::ceil((low - slack) / step);
  const double largest = std::max(std::abs(low), std::abs(high));
  // Counts steps, because repeated addition would not end on round numbers.
  for (int i = 0; i < 100 && (first + i) * step <= high + slack; ++i) {
    const double value = first + i == 0 ? 0 : (first + i) * step;
    ticks.push_back({value, Label(value, step, largest, percent)});
  }
  return ticks;
}

std::vector<Tick> LogTicks(double low, double high, bool percent) {
  std::vector<Tick> ticks;
  if (!std::isfinite(high) || !(low > 0) || !(low < high)) return ticks;
  const double decades = std::log10(high / low);
  const int every = std::max(1, static_cast<int>(std::ceil(decades / 6)));
  std::vector<double> factors = {1};
  if (decades < 2) factors = {1, 2, 5};
  if (decades < 0.5) factors = {1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9};
  const int first = static_cast<int>(std::floor(std::log10(low)));
  const int last = static_cast<int>(std::ceil(std::log10(high)));
  for (int power = first; power <= last; ++power) {
    for (const double factor : factors) {
      const double value = factor * std::pow(10, power);
      if (value < low * (1 - 1e-9) || value > high * (1 + 1e-9)) continue;
      ticks.push_back({value, power % every == 0 ? ShortNumber(value, percent) : ""});
    }
  }
  // Fewer than two such ticks are in the range.
  if (ticks.size() < 2) return LinearTicks(low, high, 4, percent);
  return ticks;
}

std::string ShortNumber(double value, bool percent) {
  if (!std::isfinite(value)) return "-";
  if (percent) {
    value *= 100;
    const int decimals = std::abs(value) < 9.995 ? 2 : std::abs(value) < 99.95 ? 1 : 0;
    return absl::StrFormat("%.*f%%", value == 0 ? 0 : decimals, value);
  }
  const double size = std::abs(value);
  if (size == 0) return "0";
  if (size < 1e-2) return Scientific(value, size < 1e-99 ? 0 : 1);
  if (size >= 999.5e9) return Scientific(value, 1);
  const char* unit = "";
  double shown = value;
  if (size >= 999.5e6)
    unit = "G", shown /= 1e9;
  else if (size >= 999.5e3)
    unit = "M", shown /= 1e6;
  else if (size >= 9999.5)
    unit = "k", shown /= 1e3;
  const double s = std::abs(shown);
  const int decimals = s >= 99.95 ? 0 : s >= 9.995 ? 1 : s >= 0.9995 ? 2 : 3;
  // Keeps all digits, so that numbers in a column line up; whole numbers need none.
  const bool whole = shown == std::round(shown);
  return absl::StrCat(absl::StrFormat("%.*f", whole ? 0 : decimals, shown), unit);
}

}  // namespace tools
