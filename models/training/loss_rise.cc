#include "models/training/loss_rise.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace models {
namespace {

// "4.75", "61180", "1.2e+12".
std::string Short(double loss) {
  return loss >= 1e3 && loss < 1e8 ? absl::StrFormat("%.0f", loss) : absl::StrFormat("%.3g", loss);
}

std::string Rate(double lr) { return absl::StrFormat("; lr is %.4g", lr); }

}  // namespace

bool LossRise::See(int64_t step, double loss) {
  const bool follows = last_.step > 0 && last_.step + 1 == step;
  last_ = {step, follows ? last_.to : loss, loss};
  if (!(last_.from > 0 && loss > 3 * last_.from)) return false;
  if (steepest_.step == 0 || loss / last_.from > steepest_.to / steepest_.from) steepest_ = last_;
  return true;
}

std::string LossRise::LastStep(double lr) const {
  const std::string from = Short(last_.from), to = Short(last_.to);
  if (last_.to > last_.from) {
    return absl::StrCat("the loss rose from ", from, " to ", to, " in one step", Rate(lr));
  }
  return absl::StrCat("the loss is ", to, Rate(lr));
}

std::string LossRise::Steepest(double lr) const {
  if (steepest_.step > 0) {
    return absl::StrCat("the loss rose from ", Short(steepest_.from), " to ", Short(steepest_.to),
                        " in one step, step ", steepest_.step, Rate(lr));
  }
  if (last_.step == 0) return absl::StrFormat("lr is %.4g", lr);
  return absl::StrCat("the last loss was ", Short(last_.to), Rate(lr));
}

}  // namespace models
