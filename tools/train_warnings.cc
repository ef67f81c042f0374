#include "tools/train_warnings.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "graph/base/counted.h"
#include "models/zoo/flag.h"

namespace tools {
namespace {

constexpr int64_t kFar = 4;  // times as many or as few images

std::string OfTheBatch(const ResolvedFlags& resolved, int64_t train_images) {
  const models::RecipeConfig& recipe = resolved.entry.recipe;
  const int64_t published = recipe.published_effective_batch, images = resolved.step.images();
  const bool near = images <= published * kFar && images * kFar >= published;
  if (published == 0 || near || *resolved.flags.overfit_batch) return "";
  std::string text = absl::StrCat("a step is ", graph::Counted(images, "image"),
                                  ", the published one ", published);
  if (!resolved.flags.lr) {
    absl::StrAppend(&text, ", and so the learning rate is ", resolved.lr, ", the published one ",
                    recipe.blr * static_cast<double>(published) / 256);
  }
  // The nearest that the micro-batches and the data make.
  const int64_t batch = resolved.step.micro_batch;
  const int64_t possible = std::min(published, train_images) / batch * batch;
  if (possible == images) return absl::StrCat(text, "; the data has no more images for one");
  if (possible == 0) return absl::StrCat(text, "; a smaller --batch_size mends it");
  return absl::StrCat(text, "; --effective_batch=", possible,
                      possible * kFar >= published ? " mends it" : " comes nearest with these data",
                      ", ", possible / batch, possible == batch ? " pass" : " passes", " a step");
}

std::string OfTheHeldOut(const TrainFlags& given, const models::Datasets& data) {
  if (data.held_out == nullptr || data.held_out->size() >= models::kLeastHeldOut) return "";
  const int64_t all = data.train->size() + data.held_out->size();
  std::string text = absl::StrCat("only ", data.held_out->size(), " of ", all,
                                  " images are held out, and accuracies of so few are rough: ");
  if (!data.val_fraction.has_value()) {
    return absl::StrCat(text, "the data has no more for it; put more into its held-out part");
  }
  if (!given.val_fraction.has_value()) {
    return absl::StrCat(text, "a fifth, because the others are needed for training; ",
                        "--val_fraction holds out more");
  }
  absl::StrAppend(&text, "--val_fraction=", *data.val_fraction, " says so");
  if (all < 2 * models::kLeastHeldOut) return text;
  const double enough = std::ceil(models::kLeastHeldOut / static_cast<double>(all) * 1e4) / 1e4;
  return absl::StrCat(text, "; --val_fraction=", models::FlagValueText(enough), " holds out ",
                      models::kLeastHeldOut);
}

}  // namespace

std::vector<std::string> TrainWarnings(const TrainFlags& given, const ResolvedFlags& resolved,
                                       const models::Datasets& data) {
  std::vector<std::string> warnings = {OfTheBatch(resolved, data.train->size()),
                                       OfTheHeldOut(given, data)};
  warnings.erase(std::remove(warnings.begin(), warnings.end(), ""), warnings.end());
  return warnings;
}

}  // namespace tools
