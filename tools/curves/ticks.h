// Chooses and formats round numbers along an axis.
#ifndef TOOLS_CURVES_TICKS_H_
#define TOOLS_CURVES_TICKS_H_

#include <string>
#include <vector>

namespace tools {

struct Tick {
  double value = 0;
  std::string label;  // may be empty: a line without a number
};

// Multiples of 1, 2, 2.5 or 5 times a power of ten within [low, high], about `count`, at most twice
// as many. `percent`: labels of shares ("12%"). Empty unless low < high and both are finite.
std::vector<Tick> LinearTicks(double low, double high, int count, bool percent);
// Powers of ten within [low, high], low > 0. A range of less than two powers also gets 2 and 5
// times them; in a range of many powers only some have labels.
std::vector<Tick> LogTicks(double low, double high, bool percent);

// A number beside a curve, with about three digits: "2.05%", "3.41", "1.2e-4", "15.3k"; "-" if it
// is not finite.
std::string ShortNumber(double value, bool percent);

}  // namespace tools

#endif  // TOOLS_CURVES_TICKS_H_
