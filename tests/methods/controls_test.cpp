#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>

#include "limpid/decoding/logits.h"
#include "limpid/methods/detox_spec.h"
#include "limpid/methods/registry.h"
#include "tests/methods/decode.h"
#include "tests/methods/toy_models.h"

namespace limpid {
namespace {

using testing_support::decode_plain;
using testing_support::decode_with;
using testing_support::TempDir;

TEST(MaskImplausible, DropsWhatIsLessThanAShareAsLikelyAsTheBest) {
  std::vector<float> z = {4.0f, 3.5f, 3.2f, 0.0f};
  mask_implausible(0.5f, z);  // cut-off: 4 - log 2 = 3.31
  EXPECT_EQ(z[0], 4.0f);
  EXPECT_EQ(z[1], 3.5f);
  EXPECT_TRUE(std::isinf(z[2]) && std::isinf(z[3]));
}

TEST(MaskImplausible, AShareOfOneLeavesTheBestAlone) {
  std::vector<float> z = {1.0f, 2.0f, 2.0f, -INFINITY};
  mask_implausible(1.0f, z);
  EXPECT_TRUE(std::isinf(z[0]) && std::isinf(z[3]));
  EXPECT_EQ(z[1], 2.0f);
  EXPECT_EQ(z[2], 2.0f);
}

TEST(MaskControl, EachRowIsMaskedByItsOwnStrengthOnAnyModel) {
  const TempDir folder;
  for (const auto& write : {testing_support::write_toy_llama, testing_support::write_toy_gpt2}) {
    const auto target = testing_support::open_exact(write(folder.path() / "target", {}));
    const auto control = open_detoxifier(DetoxSpec::parse("control:mask"));
    EXPECT_EQ(control->default_strength(), 0.1f);
    const auto plain = decode_plain(target, {5, 6, 7}, 2)[0];
    const auto runs = decode_with(target, *control, {5, 6, 7}, 2, {0.1f, 0.0f, 0.7f, 1.0f});
    for (size_t r : {0, 2, 3}) {
      const float share = std::vector<float>{0.1f, 0.0f, 0.7f, 1.0f}[r];
      const auto probabilities = plain.logits.softmax(-1);
      const auto kept = probabilities >= share * std::get<0>(probabilities.max(-1, true)) * (1 - 1e-6);
      EXPECT_TRUE(torch::equal(runs[r].logits.isfinite(), kept)) << "strength " << share;
      EXPECT_TRUE(torch::equal(runs[r].logits.masked_select(kept), plain.logits.masked_select(kept)));
      EXPECT_LT(kept.sum().item<int64_t>(), kept.numel());
    }
    EXPECT_TRUE(torch::equal(runs[1].logits, plain.logits));
    EXPECT_THROW(decode_with(target, *control, {5, 6, 7}, 1, {1.5f}), Error);
  }
}

TEST(Controls, RefuseStrengthsOutsideTheirRangeAndOptions) {
  for (const char* text : {"control:mask:1.5", "control:mask:-0.1", "control:mask?x=1:0.5", "control:temperature?x=1",
                           "control:temperature:2"})
    EXPECT_THROW(open_detoxifier(DetoxSpec::parse(text)), ConfigError) << text;
  EXPECT_NO_THROW(open_detoxifier(DetoxSpec::parse("control:mask:0"))) << "off";
  EXPECT_THROW(DetoxSpec::parse("control:mask:loud"), ConfigError);
}

}  // namespace
}  // namespace limpid
