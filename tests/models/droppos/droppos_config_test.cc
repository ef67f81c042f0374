#include "models/droppos/droppos_config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace models {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(DropPosConfig, ErrorsNameFlagsAndValues) {
  const auto error = [](const DropPosConfig& config) {
    return std::string(Validate(ModelConfig(), config).message());
  };
  DropPosConfig config;
  EXPECT_EQ(error(config), "");
  config.mask_ratio = 1;
  EXPECT_THAT(error(config), HasSubstr("--mask_ratio=1"));
  config = {};
  config.pos_mask_ratio = 0;
  EXPECT_THAT(error(config),
              AllOf(HasSubstr("--pos_mask_ratio=0 "), HasSubstr("nothing to predict")));
  config = {};
  config.label_smoothing_sigma = -1;
  EXPECT_EQ(error(config), "--label_smoothing_sigma=-1: must not be negative");
  config = {};
  config.mask_token_type = "none";
  EXPECT_EQ(error(config), "--mask_token_type=none: must be param or zeros or wrong_pos");
  ModelConfig wide;
  wide.input_w = 225;
  EXPECT_THAT(std::string(Validate(wide, {}).message()), HasSubstr("--input_size=225"));
}

}  // namespace
}  // namespace models
