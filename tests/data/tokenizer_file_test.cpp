#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/data/tokenizer_file.h>
#include <sotto/data/wordpiece.h>

#include "idx_bytes.h"
#include "tokenizer_text.h"
#include "vocabulary_files.h"

namespace sotto::data {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::kTokenizerText;
using testing::refusal;

class TokenizerFileTest : public ::testing::Test {
 protected:
  // The file with `from`, which it holds, changed to `to`.
  static std::string changed(const std::string& from, const std::string& to) {
    std::string text = kTokenizerText;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  }
  TokenizerFile read(const std::string& text) { return read_tokenizer_file(files_.write(text, "tokenizer.json")); }
  std::string refused(const std::string& from, const std::string& to) {
    return refusal([&] { read(changed(from, to)); });
  }
  testing::TextFiles files_;
};

TEST_F(TokenizerFileTest, VocabularySettingsAndAddedTokensAreTheFiles) {
  const TokenizerFile file = read(kTokenizerText);
  EXPECT_THAT(file.vocabulary.tokens(), ElementsAre("[PAD]", "a", "[UNK]", "[CLS]", "[SEP]", "##b", "\u00E9", "<x>"));
  EXPECT_EQ(file.text, BertTextSettings{});
  EXPECT_THAT(file.added, ElementsAre(0, 7));
  EXPECT_THAT(WordPiece(file).encode("Ab<x>", 9).ids, ElementsAre(3, 1, 5, 7, 4));
}

TEST_F(TokenizerFileTest, EachSettingOfTheNormaliserIsHonoured) {
  EXPECT_FALSE(read(changed("\"clean_text\": true", "\"clean_text\": false")).text.clean_text);
  EXPECT_FALSE(
      read(changed("\"handle_chinese_chars\": true", "\"handle_chinese_chars\": false")).text.handle_chinese_chars);
  EXPECT_FALSE(read(changed("\"lowercase\": true", "\"lowercase\": false")).text.lowercase);
  EXPECT_EQ(read(changed("\"strip_accents\": null", "\"strip_accents\": true")).text.strip_accents, true);
  EXPECT_EQ(read(changed("\"strip_accents\": null", "\"strip_accents\": false")).text.strip_accents, false);
  EXPECT_EQ(read(kTokenizerText).text.strip_accents, std::nullopt);
  const WordPiece accents(read(changed("\"strip_accents\": null", "\"strip_accents\": false")));
  EXPECT_THAT(accents.encode("\u00C9", 9).ids, ElementsAre(3, 6, 4));
}

TEST_F(TokenizerFileTest, WhatIsNotDoneIsRefusedByName) {
  EXPECT_THAT(refused("\"BertNormalizer\"", "\"NFC\""),
              HasSubstr("tokenizer.json: 'normalizer.type' is 'NFC'; must be 'BertNormalizer'"));
  EXPECT_THAT(refused("\"clean_text\": true", "\"clean_text\": true, \"fold\": 1"),
              HasSubstr("'normalizer.fold' is not known here"));
  EXPECT_THAT(refused("\"clean_text\": true, ", ""), HasSubstr("'normalizer.clean_text' is missing"));
  EXPECT_THAT(refused("\"clean_text\": true", "\"clean_text\": 1"),
              HasSubstr("'normalizer.clean_text' is 1; must be true or false"));
  EXPECT_THAT(refused("\"strip_accents\": null", "\"strip_accents\": \"yes\""),
              HasSubstr("'normalizer.strip_accents' is 'yes'"));
  EXPECT_THAT(refused("\"BertPreTokenizer\"", "\"Whitespace\""), HasSubstr("'pre_tokenizer.type' is 'Whitespace'"));
  EXPECT_THAT(refused("\"version\": \"1.0\"", "\"version\": \"2.0\""), HasSubstr("'version' is '2.0'; must be '1.0'"));
  EXPECT_THAT(refused("\"version\"", "\"extra\": {}, \"version\""), HasSubstr("'extra' is not known here"));
  EXPECT_THAT(refused("\"version\"", "\"\\u0001\xC3\xA9" + std::string(60, 'x') + "\": {}, \"version\""),
              HasSubstr("'???" + std::string(60, 'x') + "...' is not known"));
  EXPECT_THAT(refused("\"normalizer\": {", "\"normalizer\": null, \"x\": {"),
              HasSubstr("'normalizer' is null; must be an object"));
}

TEST_F(TokenizerFileTest, ModelsOtherThanBertsAreRefused) {
  EXPECT_THAT(refused("\"type\": \"WordPiece\", \"unk", "\"type\": \"BPE\", \"unk"),
              HasSubstr("'model.type' is 'BPE'; must be 'WordPiece'"));
  EXPECT_THAT(refused("\"unk_token\": \"[UNK]\"", "\"unk_token\": \"<unk>\""),
              HasSubstr("'model.unk_token' is '<unk>'"));
  EXPECT_THAT(refused("_prefix\": \"##\"", "_prefix\": \"@@\""),
              HasSubstr("'model.continuing_subword_prefix' is '@@'"));
  EXPECT_THAT(refused("per_word\": 100", "per_word\": 200"),
              HasSubstr("'model.max_input_chars_per_word' is 200; must be 100"));
  EXPECT_THAT(refused("\"unk_token\"", "\"merges\": [], \"unk_token\""), HasSubstr("'model.merges' is not known"));
  EXPECT_NO_THROW(read(changed("\"type\": \"WordPiece\", \"unk", "\"unk")));  // as the library wrote them once
}

TEST_F(TokenizerFileTest, TheIdsOfAVocabularyAreItsNumbersOnceEach) {
  EXPECT_THAT(refused("\"a\": 1", "\"a\": 8"),
              HasSubstr("'model.vocab' has the id 8 for 'a'; the ids of 8 tokens are 0 to 7"));
  EXPECT_THAT(refused("\"a\": 1", "\"a\": -1"), HasSubstr("has the id -1"));
  EXPECT_THAT(refused("\"a\": 1", "\"a\": 2"), HasSubstr("'model.vocab' has the id 2 for"));
  EXPECT_THAT(refused("\"a\": 1", "\"a\": 1.0"), HasSubstr("has the id 1 for"));
  EXPECT_THAT(refused("\"a\": 1", "\"[PAD]\": 1"), HasSubstr("key '[PAD]' twice"));
  EXPECT_THAT(refused("\"a\": 1", "\"\": 1"), HasSubstr("token 1: an empty token"));
  EXPECT_THAT(refused("\"a\": 1", "\"\xFF\": 1"), HasSubstr("not a JSON text"));
  EXPECT_THAT(refused("\"a\": 1", "\"\\ud800\": 1"), HasSubstr("not a JSON text"));
}

TEST_F(TokenizerFileTest, AddedTokensMustBePlainAndKnown) {
  EXPECT_THAT(refused("\"content\": \"<x>\"", "\"content\": \"<y>\""),
              HasSubstr("'added_tokens[1]' gives '<y>' the id 7; the model's vocabulary has no such token"));
  EXPECT_THAT(refused("\"id\": 7, \"content\"", "\"id\": 6, \"content\""),
              HasSubstr("the id 6; the model's vocabulary has 7 for it"));
  EXPECT_THAT(refused("\"lstrip\": false", "\"lstrip\": true"),
              HasSubstr("'added_tokens[0].lstrip' is true; must be false"));
  EXPECT_THAT(refused("\"normalized\": false", "\"normalized\": true"),
              HasSubstr("'added_tokens[0].normalized' is true"));
  EXPECT_THAT(refused("\"special\": true", "\"special\": true, \"more\": 0"),
              HasSubstr("'added_tokens[0].more' is not known"));
}

TEST_F(TokenizerFileTest, WhatIsPutAroundATextMustBeClsAndSep) {
  EXPECT_THAT(refused("[{\"SpecialToken\": {\"id\": \"[CLS]\", \"type_id\": 0}}, ", "["),
              HasSubstr("'post_processor.single' must be [CLS] A [SEP]"));
  const std::string sep = ", {\"SpecialToken\": {\"id\": \"[SEP]\", \"type_id\": 0}}";
  EXPECT_THAT(refused(sep, sep + sep), HasSubstr("'post_processor.single' must be"));
  EXPECT_THAT(refused(sep, ", {\"SpecialToken\": {\"id\": \"[CLS]\", \"type_id\": 0}}"),
              HasSubstr("'post_processor.single' must be"));
  EXPECT_THAT(refused("\"ids\": [3]", "\"ids\": [4]"),
              HasSubstr("'post_processor.special_tokens.[CLS].ids' do not hold the id 3 of [CLS] alone"));
  EXPECT_THAT(refused("\"ids\": [4]", "\"ids\": [4, 4]"), HasSubstr("[SEP].ids' do not hold the id 4"));
  EXPECT_THAT(refused("\"TemplateProcessing\"", "\"ByteLevel\""), HasSubstr("'post_processor.type' is 'ByteLevel'"));
  EXPECT_THAT(refused("\"post_processor\": {", "\"post_processor\": {\"x\": 1, "),
              HasSubstr("'post_processor.x' is not known"));
  std::string text = kTokenizerText;
  const std::size_t begin = text.find("{\"type\": \"TemplateProcessing\""), end = text.find("\"model\"");
  text.replace(begin, end - begin,
               "{\"type\": \"BertProcessing\", \"sep\": [\"[SEP]\", 4], \"cls\": [\"[CLS]\", 3]},\n");
  EXPECT_NO_THROW(read(text));
  std::string other = text;
  other.replace(other.find("[SEP]\", 4]"), 5, "[CLS]");
  EXPECT_THAT(refusal([&] { read(other); }), HasSubstr("'post_processor.sep' is not the token [SEP] with its id 4"));
  text.replace(text.find("[CLS]\", 3]"), 10, "[CLS]\", 4]");
  EXPECT_THAT(refusal([&] { read(text); }), HasSubstr("'post_processor.cls' is not the token [CLS] with its id 3"));
}

TEST_F(TokenizerFileTest, WhatIsNoJsonOrTooLargeIsRefusedWithTheFilesName) {
  EXPECT_THAT(refusal([&] { read("{"); }), AllOf(HasSubstr("not a JSON text"), HasSubstr("tokenizer.json")));
  EXPECT_THAT(refusal([&] { read("[]"); }), HasSubstr("the file is an array; must be an object"));
  EXPECT_THAT(refusal([&] { read(std::string((8 << 20) + 1, ' ')); }), HasSubstr("longer than 8388608 bytes"));
  EXPECT_THAT(refusal([&] { read_tokenizer_file(files_.path() / "absent"); }), HasSubstr("absent"));
  const std::string text = kTokenizerText;
  const sotto::testing::ScratchFolder folder;
  const auto packed = folder.write("tokenizer.json.gz", testing::gzipped({text.begin(), text.end()}));
  EXPECT_EQ(read_tokenizer_file(packed).vocabulary.size(), 8);
  const auto bomb = folder.write("bomb.gz", testing::gzipped(sotto::testing::Bytes(9 << 20, ' ')));
  EXPECT_THAT(refusal([&] { read_tokenizer_file(bomb); }), HasSubstr("longer than 8388608 bytes"));
}

}  // namespace
}  // namespace sotto::data
