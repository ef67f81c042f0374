// Round numbers along an axis, and how they are written.
#ifndef TOOLS_CURVES_TICKS_H_
#define TOOLS_CURVES_TICKS_H_

#include <string>
#include <vector>

namespace tools {

struct Tick {
  double value = 0;
  std::string label;  // may be empty: a line without a number
};

// Multiples of 1, 2, 2.5 or 5 times a power of ten within [low, high], about `count`, at most
// twice as many. `percent`: labels of shares ("12%"). Empty where low < high does not hold, or
// one is not finite.
std::vector<Tick> LinearTicks(double low, double high, int count, bool percent);
// Powers of ten within [low, high], low > 0; over less than two powers, with 2 and 5 times
// them; over many, every so many have a label.
std::vector<Tick> LogTicks(double low, double high, bool percent);

// A number to read beside a curve, of about three digits: "2.05%", "3.41", "1.2e-4", "15.3k".
// "-" where it is not finite.
std::string ShortNumber(double value, bool percent);

}  // namespace tools

#endif  // TOOLS_CURVES_TICKS_H_
