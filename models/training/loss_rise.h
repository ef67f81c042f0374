// Tells in words how a loss went astray, for those who look for the reason.
#ifndef MODELS_TRAINING_LOSS_RISE_H_
#define MODELS_TRAINING_LOSS_RISE_H_

#include <cstdint>
#include <string>

namespace models {

class LossRise {
 public:
  // The loss of `step`. True if it is more than three times the one before.
  bool See(int64_t step, double loss);

  double loss() const { return last_.to; }  // of the last step

  // Of the last step: "the loss rose from 4.75 to 61180 in one step; lr is 30".
  std::string LastStep(double lr) const;
  // Of all steps, the one whose loss rose most: "the loss rose from 4.75 to 61180 in one step, step
  // 2; lr is 30".
  std::string Steepest(double lr) const;

 private:
  struct Rise {
    int64_t step = 0;  // 0: none
    double from = 0, to = 0;
  };
  Rise last_, steepest_;
};

}  // namespace models

#endif  // MODELS_TRAINING_LOSS_RISE_H_
