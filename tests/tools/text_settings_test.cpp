#include <gtest/gtest.h>
#include <sotto/tools/preset_settings.h>

namespace sotto::tools {
namespace {

TEST(PresetSettings, ArePartsOfOneWhole) {
  const KeyTexts own = preset_settings({{"dataset", "movie-reviews"}, {"epsilon", "8"}, {"threads", "1"}});
  EXPECT_EQ(own.at("batch"), "8471");
  EXPECT_EQ(own.at("pooling"), "layers");
  EXPECT_EQ(preset_settings({{"dataset", "sms-spam"}}).at("batch"), "4090");
  for (const auto& [key, text] : own)
    EXPECT_TRUE(preset_settings({{"dataset", "sms-spam"}, {key, text}}).empty()) << key;
  for (const char* key : {"data", "model", "epochs", "lora-rank", "momentum", "vocabulary"})
    EXPECT_TRUE(preset_settings({{"dataset", "movie-reviews"}, {key, "1"}}).empty()) << key;
  EXPECT_TRUE(preset_settings({{"data", "own.tsv"}}).empty());
  EXPECT_TRUE(preset_settings({}).empty());
  for (const auto& [key, text] : own) {
    ASSERT_NE(find_train_key(key), nullptr) << key;
    TrainOptions options;
    find_train_key(key)->set(options, text);
  }
}

}  // namespace
}  // namespace sotto::tools
