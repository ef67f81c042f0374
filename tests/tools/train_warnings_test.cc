#include "tools/train_warnings.h"

#include <memory>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/data/dataset.h"
#include "tools/flags/parse_flags.h"
#include "tools/plugins.h"

namespace tools {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Lines = std::vector<std::string>;

class Images : public models::Dataset {
 public:
  explicit Images(int64_t size) : size_(size) {}
  int64_t size() const override { return size_; }
  absl::StatusOr<models::Image> Load(int64_t) const override { return models::Image(); }
  int label(int64_t) const override { return -1; }
  int num_classes() const override { return 0; }
  std::string name(int64_t) const override { return ""; }
  std::string description() const override { return ""; }

 private:
  int64_t size_;
};

// Of a run of the published ViT-B recipe: 2048 images a step at a rate of 0.0012.
Lines Warnings(Lines args, int64_t train, int64_t held_out, absl::optional<double> val_fraction) {
  args.insert(args.begin(), "--model=droppos_vitb");
  const models::Zoo zoo = MakeZoo();
  const TrainFlags given = ParseTrainFlags(args, zoo)->flags;
  const auto resolved = ResolveTrainFlags(given, *zoo.Find("droppos_vitb"), {1, 1});
  EXPECT_TRUE(resolved.ok()) << resolved.status();
  models::Datasets data;
  data.train = std::make_unique<Images>(train);
  if (held_out > 0) data.held_out = std::make_unique<Images>(held_out);
  data.val_fraction = val_fraction;
  return TrainWarnings(given, *resolved, data);
}

TEST(TrainWarnings, AStepFarFromThePublishedOne) {
  const auto of = [](const Lines& args, int64_t train) {
    return Warnings(args, train, 2000, 0.01);
  };
  EXPECT_THAT(
      of({}, 200000),
      ElementsAre("a step is 64 images, the published one 2048, and so the learning rate is "
                  "3.75e-05, the published one 0.0012; --effective_batch=2048 mends it, 32 "
                  "passes a step"));
  EXPECT_THAT(of({"--batch_size=48", "--lr=1e-4"}, 200000),
              ElementsAre("a step is 48 images, the published one 2048; --effective_batch=2016 "
                          "mends it, 42 passes a step"));
  EXPECT_THAT(of({"--lr=1e-4"}, 300),
              ElementsAre("a step is 64 images, the published one 2048; --effective_batch=256 "
                          "comes nearest with these data, 4 passes a step"));
  EXPECT_THAT(of({"--lr=1e-4"}, 70),
              ElementsAre("a step is 64 images, the published one 2048; the data has no more "
                          "images for one"));
  EXPECT_THAT(of({"--lr=1e-4", "--batch_size=16384"}, 200000),
              ElementsAre("a step is 16384 images, the published one 2048; a smaller --batch_size "
                          "mends it"));
  EXPECT_THAT(of({"--effective_batch=512"}, 200000), IsEmpty());
  EXPECT_THAT(of({"--effective_batch=8192"}, 200000), IsEmpty());
  EXPECT_THAT(of({"--overfit_batch"}, 200000), IsEmpty());
}

TEST(TrainWarnings, FewHeldOutImages) {
  const auto of = [](Lines args, int64_t train, int64_t held_out, absl::optional<double> share) {
    args.push_back("--overfit_batch");  // no word of the batch
    return Warnings(args, train, held_out, share);
  };
  EXPECT_THAT(of({}, 4950, 50, 0.01), IsEmpty());
  EXPECT_THAT(of({"--val_fraction=0"}, 10, 0, 0.0), IsEmpty());
  EXPECT_THAT(of({}, 160, 40, 0.2),
              ElementsAre("only 40 of 200 images are held out, and accuracies of so few are rough: "
                          "a fifth, because the others are needed for training; --val_fraction "
                          "holds out more"));
  EXPECT_THAT(of({"--val_fraction=0.01"}, 792, 8, 0.01),
              ElementsAre("only 8 of 800 images are held out, and accuracies of so few are rough: "
                          "--val_fraction=0.01 says so; --val_fraction=0.0625 holds out 50"));
  EXPECT_THAT(of({"--val_fraction=0.25"}, 60, 20, 0.25),
              ElementsAre("only 20 of 80 images are held out, and accuracies of so few are rough: "
                          "--val_fraction=0.25 says so"));
  EXPECT_THAT(of({}, 160, 40, absl::nullopt),
              ElementsAre("only 40 of 200 images are held out, and accuracies of so few are rough: "
                          "the data has no more for it; put more into its held-out part"));
}

}  // namespace
}  // namespace tools
