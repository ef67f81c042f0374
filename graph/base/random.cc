#include "graph/base/random.h"

#include <cmath>

namespace graph {

double RandomStream::Normal() {
  const double u = 1.0 - Uniform();  // (0, 1]: the logarithm is finite
  const double v = Uniform();
  return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * M_PI * v);
}

}  // namespace graph
