#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/text_settings.h>

#include <algorithm>
#include <string>

namespace sotto::tools {
namespace {

KeyTexts with(KeyTexts more) {
  more.insert({{"data", "own.tsv"}, {"labels", "no, yes"}, {"dataset-size", "8471"}});
  return more;
}

TEST(TextSettings, AreKeysOfTraining) {
  for (const char* way : {"head", "lora", "bitfit", "full"}) {
    for (const char* rule : {"flat", "none"}) {
      const KeyTexts settings = text_settings(with({{"adapt", way}, {"rule", rule}}));
      ASSERT_FALSE(settings.empty()) << way;
      for (const auto& [key, text] : settings) {
        ASSERT_NE(find_train_key(key), nullptr) << key;
        TrainOptions options;
        find_train_key(key)->set(options, text);
      }
    }
  }
}

// The others stay as they are: one changed rate is one changed rate.
TEST(TextSettings, GiveWayToWhatIsSaidAlone) {
  const KeyTexts head = text_settings(with({}));
  for (const char* key :
       {"lr", "epochs", "momentum", "weight-decay", "epsilon", "threads", "max-tokens", "clip-norm"}) {
    const KeyTexts given = with({{key, "1"}}), all = joined(text_settings(given), given);
    EXPECT_EQ(all.at(key), "1");
    for (const auto& [other, text] : head) {
      const bool makes_way = other == key || (other == "steps" && std::string(key) == "epochs");
      if (!makes_way) {
        EXPECT_EQ(all.at(other), text) << key;
      }
    }
  }
  const KeyTexts epochs = with({{"epochs", "3"}});
  EXPECT_FALSE(joined(text_settings(epochs), epochs).contains("steps"));
  EXPECT_EQ(text_settings(with({{"optimizer", "sgd"}, {"rule", "flat"}})), head);
}

TEST(TextSettings, AreNoneWhereTheirNumbersMeanNothing) {
  EXPECT_TRUE(text_settings(with({{"batch", "9"}, {"lr", "1"}, {"pooling", "layers"}, {"steps", "3"}})).empty());
  for (const char* optimizer : {"adam", "adamw"}) EXPECT_TRUE(text_settings(with({{"optimizer", optimizer}})).empty());
  EXPECT_TRUE(text_settings(with({{"rule", "none"}, {"adapt", "full"}, {"optimizer", "sgd"}})).empty());
  EXPECT_FALSE(text_settings(with({{"rule", "none"}, {"adapt", "full"}, {"optimizer", "adam"}})).empty());
  for (const char* rule : {"psac", "auto-s", "nsgd"}) EXPECT_TRUE(text_settings(with({{"rule", rule}})).empty());
  EXPECT_FALSE(text_settings(with({{"pooling", "mean"}})).contains("centre"));
  EXPECT_FALSE(text_settings(with({{"per-group", "true"}})).contains("centre"));
  EXPECT_FALSE(text_settings(with({{"pooling", "layers"}})).contains("centre"));
}

TEST(TextSettings, AreThoseOfTheWay) {
  const auto holds = [](const KeyTexts& settings, const KeyTexts& some) {
    return std::ranges::includes(settings, some);
  };
  const KeyTexts head = text_settings(with({})), lora = text_settings(with({{"adapt", "lora"}})),
                 full = text_settings(with({{"adapt", "full"}})),
                 plain = text_settings(with({{"rule", "none"}, {"adapt", "lora"}}));
  EXPECT_EQ(head, text_settings(with({{"adapt", "head"}})));
  EXPECT_TRUE(holds(head, {{"pooling", "layers"}, {"lr", "5"}, {"batch", "8471"}}));
  EXPECT_FALSE(head.contains("encoder-lr"));
  EXPECT_TRUE(holds(lora, {{"adapt", "lora"}, {"lora-targets", "*value"}, {"encoder-lr", "3"}, {"batch", "2048"}}));
  EXPECT_TRUE(holds(full, {{"encoder-lr", "0.05"}, {"steps", "40"}, {"batch", "1024"}}));
  EXPECT_FALSE(full.contains("adapt-layers"));
  EXPECT_TRUE(holds(plain, {{"optimizer", "adam"}, {"epochs", "4"}, {"batch", "64"}}));
  EXPECT_FALSE(plain.contains("clip-norm"));
  EXPECT_EQ(text_settings(with({{"rule", "none"}})).at("steps"), "200");
  EXPECT_TRUE(text_settings(with({{"adapt", "prefix"}})).empty());
}

TEST(TextSettings, FollowTheDeclaredNumberOfRecords) {
  const auto of = [](const char* records, const char* key) {
    return text_settings({{"data", "own.tsv"}, {"dataset-size", records}}).at(key);
  };
  EXPECT_EQ(of("8471", "steps"), "60");
  EXPECT_EQ(of("2100", "steps"), "30");
  EXPECT_EQ(of("1", "steps"), "20");
  EXPECT_EQ(of("1000000", "steps"), "60");
  EXPECT_EQ(of("1000000", "batch"), "16384");
  const KeyTexts few = {{"data", "own.tsv"}, {"dataset-size", "30"}, {"rule", "none"}, {"adapt", "lora"}};
  EXPECT_EQ(text_settings(few).at("batch"), "30");
  EXPECT_EQ(text_settings({{"dataset", "movie-reviews"}}), text_settings(with({})));
  EXPECT_EQ(text_settings({{"dataset", "sms-spam"}}).at("batch"), "4090");
  EXPECT_TRUE(text_settings({{"dataset-size", "0"}}).empty());  // refused by the plan
  EXPECT_THROW(text_settings({{"dataset-size", "many"}}), UsageError);
}

// A flag takes the place of the preset that a file of settings names, and the other way round.
TEST(TextSettings, AreThoseOfTheDataThatIsUsed) {
  const KeyTexts own = {{"data", "own.tsv"}, {"dataset-size", "300"}}, preset = {{"dataset", "sms-spam"}};
  EXPECT_EQ(text_settings(joined(preset, own)).at("batch"), "300");
  EXPECT_EQ(text_settings(joined({{"data", "own.tsv"}}, preset)).at("batch"), "4090");
}

TEST(TextSettings, AreForPublishedModelsAlone) {
  EXPECT_EQ(text_settings(with({{"model", "my-models/encoder/"}})), text_settings(with({})));
  EXPECT_TRUE(text_settings(with({{"model", "lstm"}})).empty());
  EXPECT_TRUE(text_settings({}).empty());
  EXPECT_TRUE(text_settings({{"data", "own.tsv"}}).empty());
  EXPECT_TRUE(text_settings({{"dataset", "cifar10"}}).empty());
}

TEST(TextSettings, ARegressionHasSmallerRates) {
  const KeyTexts settings = text_settings({{"labels", "range 1 5"}, {"dataset-size", "10"}, {"adapt", "lora"}});
  EXPECT_EQ(settings.at("lr"), "1");
  EXPECT_DOUBLE_EQ(std::stod(settings.at("encoder-lr")), 0.6);
  EXPECT_THROW(text_settings({{"labels", "range 5 1"}, {"dataset-size", "10"}}), UsageError);
}

}  // namespace
}  // namespace sotto::tools
