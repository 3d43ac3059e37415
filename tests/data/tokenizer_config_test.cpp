#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/data/tokenizer.h>
#include <sotto/data/tokenizer_config.h>

#include "vocabulary_files.h"

namespace sotto::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::refusal;

constexpr const char* kVocabulary =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nfine\nFine\nuber\n\u00FCber\n\u4E2D\n\u4E2D\u4E2D\n";

// As transformers 4.46 writes it.
constexpr const char* kWritten = R"({"added_tokens_decoder": {
  "0": {"content": "[PAD]", "lstrip": false, "normalized": false, "rstrip": false, "single_word": false, "special": true},
  "4": {"content": "[MASK]", "lstrip": false, "normalized": false, "rstrip": false, "single_word": false, "special": true}},
  "clean_up_tokenization_spaces": false, "cls_token": "[CLS]", "do_basic_tokenize": true, "do_lower_case": false,
  "extra_special_tokens": {}, "mask_token": {"__type": "AddedToken", "content": "[MASK]", "lstrip": false,
  "normalized": true, "rstrip": false, "single_word": false}, "model_max_length": 1000000000000000019884624838656,
  "never_split": null, "pad_token": "[PAD]", "sep_token": "[SEP]", "strip_accents": null,
  "tokenize_chinese_chars": true, "tokenizer_class": "BertTokenizer", "unk_token": "[UNK]"})";

class TokenizerConfigTest : public ::testing::Test {
 protected:
  // The ids of a text by vocab.txt and this file beside it.
  std::vector<std::int32_t> ids(const std::string& settings, const std::string& text) {
    files_.write(settings, kTokenizerConfig);
    const auto vocabulary = files_.write(kVocabulary, "vocab.txt");
    return read_word_piece(vocabulary).encode(text, 9).ids;
  }
  static std::string refused(const std::string& settings) {
    return refusal([&] { parse_tokenizer_config("tokenizer_config.json", settings); });
  }
  testing::TextFiles files_;
};

// The ids of transformers 5.24's BertTokenizer with these arguments.
TEST_F(TokenizerConfigTest, TextsBecomeWhatTheSettingsSay) {
  EXPECT_THAT(ids("{}", "Fine \u00DCber \u4E2D\u4E2D"), ElementsAre(2, 5, 7, 9, 9, 3));
  EXPECT_THAT(ids(R"({"do_lower_case": false})", "Fine \u00FCber"), ElementsAre(2, 6, 8, 3));
  EXPECT_THAT(ids(R"({"do_lower_case": true})", "Fine \u00FCber"), ElementsAre(2, 5, 7, 3));
  EXPECT_THAT(ids(R"({"strip_accents": false})", "Fine \u00DCber"), ElementsAre(2, 5, 8, 3));
  EXPECT_THAT(ids(R"({"do_lower_case": false, "strip_accents": true})", "Fine \u00FCber"), ElementsAre(2, 6, 7, 3));
  EXPECT_THAT(ids(R"({"tokenize_chinese_chars": false})", "\u4E2D\u4E2D"), ElementsAre(2, 10, 3));
}

TEST_F(TokenizerConfigTest, WithoutTheFileOrItsSettingsTheyAreThoseOfTheUncasedEncoders) {
  const auto vocabulary = files_.write(kVocabulary, "vocab.txt");
  EXPECT_THAT(read_word_piece(vocabulary).encode("Fine", 9).ids, ElementsAre(2, 5, 3));
  EXPECT_THAT(tokenizer_files(vocabulary), ElementsAre(vocabulary));
  EXPECT_EQ(parse_tokenizer_config("tokenizer_config.json", "{}"), BertTextSettings{});
  files_.write("{}", kTokenizerConfig);
  EXPECT_THAT(tokenizer_files(vocabulary), ElementsAre(vocabulary, files_.path() / kTokenizerConfig));
}

// It goes along, for Python follows it; so it must not say another thing of the same.
TEST_F(TokenizerConfigTest, BesideTokenizerJsonItMustSayTheSame) {
  const auto path = files_.write("{}", kTokenizerConfig);
  EXPECT_THAT(tokenizer_files(files_.path() / "tokenizer.json"), ElementsAre(files_.path() / "tokenizer.json", path));
  BertTextSettings cased;
  cased.lowercase = false;
  const auto refused = [&](const std::string& settings, const BertTextSettings& of_tokenizer) {
    files_.write(settings, kTokenizerConfig);
    return refusal([&] { require_same_text(path, of_tokenizer); });
  };
  for (const char* same : {"{}", R"({"do_lower_case": false, "strip_accents": null, "never_split": ["x"], "what": 1})",
                           R"({"strip_accents": false, "tokenize_chinese_chars": true})"})
    EXPECT_EQ(refused(same, cased), "accepted") << same;
  EXPECT_THAT(refused(R"({"do_lower_case": true})", cased), HasSubstr("'do_lower_case' is true; must be false"));
  EXPECT_THAT(refused(R"({"strip_accents": true})", cased), HasSubstr("'strip_accents' is true; must be false"));
  EXPECT_THAT(refused(R"({"tokenize_chinese_chars": false})", cased), HasSubstr("'tokenize_chinese_chars' is false"));
  EXPECT_THAT(refused(R"({"truncation_side": "left"})", cased), HasSubstr("'truncation_side' is 'left'"));
}

TEST_F(TokenizerConfigTest, FilesAsTheyAreWrittenAreTaken) {
  BertTextSettings settings;
  settings.lowercase = false;
  EXPECT_EQ(parse_tokenizer_config("tokenizer_config.json", kWritten), settings);
}

TEST_F(TokenizerConfigTest, WhatIsNotUnderstoodIsRefusedByName) {
  EXPECT_THAT(refused(R"({"do_lower_case": "no"})"),
              HasSubstr("tokenizer_config.json: 'do_lower_case' is 'no'; must be true or false"));
  EXPECT_THAT(refused(R"({"do_lower_case": null})"), HasSubstr("'do_lower_case' is null"));
  EXPECT_THAT(refused(R"({"strip_accents": 1})"), HasSubstr("'strip_accents' is 1; must be true, false or null"));
  EXPECT_THAT(refused(R"({"tokenize_chinese_chars": 0})"), HasSubstr("'tokenize_chinese_chars' is 0"));
  EXPECT_THAT(refused(R"({"do_basic_tokenize": false})"), HasSubstr("'do_basic_tokenize' is false; must be true"));
  EXPECT_THAT(refused(R"({"truncation_side": "left"})"), HasSubstr("'truncation_side' is 'left'; must be 'right'"));
  EXPECT_THAT(refused(R"({"never_split": ["x"]})"),
              HasSubstr("'never_split' is an array; must be null, false or empty"));
  EXPECT_THAT(refused(R"({"additional_special_tokens": ["<x>"]})"), HasSubstr("'additional_special_tokens'"));
  EXPECT_THAT(refused(R"({"fold": true})"), HasSubstr("'fold' is true; must be null, false or empty"));
  EXPECT_THAT(refused(R"({"tokenizer_class": "RobertaTokenizer"})"),
              HasSubstr("'tokenizer_class' is 'RobertaTokenizer'; must be 'BertTokenizer' or 'BertTokenizerFast'"));
  EXPECT_THAT(refused(R"({"cls_token": "<s>"})"), HasSubstr("'cls_token' is '<s>'; must be '[CLS]'"));
  EXPECT_THAT(refused(R"({"pad_token": 3})"), HasSubstr("'pad_token' is 3; must be a text"));
  EXPECT_THAT(refused(R"({"mask_token": {"content": "[MASK]", "lstrip": true}})"),
              HasSubstr("'mask_token.lstrip' is true; must be false"));
  EXPECT_THAT(refused(R"({"added_tokens_decoder": {"7": {"content": "<x>"}}})"),
              HasSubstr("'added_tokens_decoder.7' adds the token '<x>'"));
}

TEST_F(TokenizerConfigTest, BadFilesAreRefused) {
  EXPECT_THAT(refused("{"), HasSubstr("tokenizer_config.json"));
  EXPECT_THAT(refused("[]"), HasSubstr("must be an object"));
  EXPECT_THAT(refused(R"({"do_lower_case": true, "do_lower_case": false})"), HasSubstr("do_lower_case"));
  EXPECT_THAT(refused(std::string(kMaxTokenizerConfigBytes + 1, ' ')), HasSubstr("longer than"));
  files_.write(std::string(kMaxTokenizerConfigBytes + 1, ' '), kTokenizerConfig);
  EXPECT_THAT(refusal([&] { read_tokenizer_config(files_.path() / kTokenizerConfig); }), HasSubstr("longer than"));
}

}  // namespace
}  // namespace sotto::data
