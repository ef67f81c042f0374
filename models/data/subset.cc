#include "models/data/subset.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "graph/base/random.h"
#include "graph/base/status.h"

namespace models {

std::string Subset::description() const {
  if (size() == data_->size()) return data_->description();
  return absl::StrCat(size(), " of ", data_->description());
}

absl::StatusOr<std::vector<int64_t>> ChooseLabelled(const Dataset& data,
                                                    const LabelBudget& budget) {
  const int classes = data.num_classes();
  if (classes == 0) {
    return graph::InvalidArgument("--label_fraction and --labels_per_class choose labelled images, "
                                  "but ", data.description(), " has no labels");
  }
  using Ranked = std::pair<uint64_t, int64_t>;  // hash, index
  std::vector<std::vector<Ranked>> of_class(classes);
  for (int64_t i = 0; i < data.size(); ++i) {
    if (data.label(i) < 0) continue;
    of_class[data.label(i)].push_back({graph::MixKeys(budget.seed, data.image_id(i)), i});
  }
  std::vector<int64_t> chosen;
  for (int c = 0; c < classes; ++c) {
    std::vector<Ranked>& images = of_class[c];
    const auto there = static_cast<int64_t>(images.size());
    const int64_t wanted =
        budget.per_class.value_or(std::max<int64_t>(1, std::llround(budget.fraction * there)));
    if (there == 0) {
      return graph::InvalidArgument("class ", c, " of ", data.description(),
                                    " has no image for training");
    }
    if (wanted > there) {
      return graph::InvalidArgument("--labels_per_class=", wanted, ", but class ", c, " of ",
                                    data.description(), " has ", there, " images for training");
    }
    std::sort(images.begin(), images.end());
    for (int64_t i = 0; i < wanted; ++i) chosen.push_back(images[i].second);
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

}  // namespace models
