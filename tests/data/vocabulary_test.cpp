#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/data/plain_tokenizer.h>
#include <sotto/data/vocabulary.h>

#include "vocabulary_files.h"

namespace sotto::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::refusal;
using Unit = PlainTokenizer::Unit;

class VocabularyTest : public ::testing::Test {
 protected:
  Vocabulary read(const std::string& text) { return Vocabulary::read(files_.write(text)); }
  std::string refused(const std::string& text) {
    return refusal([&] { read(text); });
  }
  PlainTokenizer plain(const std::string& text, Unit unit) {
    return PlainTokenizer::from_vocabulary(files_.write(text), unit);
  }
  testing::TextFiles files_;
};

TEST_F(VocabularyTest, IdsAreTheNumbersOfTheLinesFromZero) {
  const Vocabulary v = read("b\na\r\n\u6771");
  EXPECT_THAT(v.tokens(), ElementsAre("b", "a", "\u6771"));
  EXPECT_EQ(v.size(), 3);
  EXPECT_EQ(v.find("\u6771"), 2);
  EXPECT_EQ(v.find("c"), std::nullopt);
  EXPECT_EQ(v.need("a"), 1);
  EXPECT_THAT(refusal([&] { v.need("c"); }), HasSubstr("file.txt: no token c; it is needed"));
}

TEST_F(VocabularyTest, WhatIsNoListOfTokensIsRefusedByLine) {
  EXPECT_THAT(refused(""), HasSubstr("file.txt: 0 tokens; 1 to 1048576 are allowed"));
  EXPECT_THAT(refused("a\n\nb\n"), HasSubstr("file.txt: line 2: an empty token"));
  EXPECT_THAT(refused("a\nb\nc\nb\n"), HasSubstr("line 4: the same token as in line 2"));
  EXPECT_THAT(refused("a\nb\xFF\n"), HasSubstr("line 2: not UTF-8 at byte 1 of the token"));
  EXPECT_THAT(refused("a\n" + std::string(513, 'x')), HasSubstr("line 2: a token longer than 512 bytes"));
  EXPECT_EQ(read("a\n" + std::string(512, 'x')).size(), 2);
  EXPECT_THAT(refused("\xEF\xBB\xBF"
                      "a\n"),
              HasSubstr("line 1: a byte-order mark"));
  EXPECT_THAT(refused(std::string("a\0b\n", 4)), HasSubstr("line 1: a zero byte"));
  EXPECT_THAT(refusal([&] { Vocabulary::read(files_.path() / "absent"); }), HasSubstr("absent"));
}

TEST_F(VocabularyTest, OverLargeFilesAreRefused) {
  std::string bytes, tokens;
  for (int i = 0; i < 17000; ++i) bytes += std::to_string(100000 + i) + std::string(494, 'x') + "\n";
  EXPECT_THAT(refused(bytes),
              HasSubstr("line 16744: too large for a vocabulary"));  // of 501 bytes each; 2^23 are allowed
  for (int i = 0; i <= 1 << 20; ++i) {
    for (int rest = i; rest > 0; rest /= 64) tokens += static_cast<char>('0' + rest % 64);
    tokens += "z\n";
  }
  EXPECT_THAT(refused(tokens), HasSubstr("line 1048577: too large for a vocabulary"));
}

TEST_F(VocabularyTest, ListsInMemoryAreRefusedLikeFiles) {
  const auto list = [](std::vector<std::string> tokens) {
    return refusal([&] { Vocabulary(std::move(tokens), "list"); });
  };
  EXPECT_EQ(list({"a", "b"}), "accepted");
  EXPECT_THAT(list({}), HasSubstr("list: 0 tokens"));
  EXPECT_THAT(list({"a", "b", "a"}), HasSubstr("list: token 2: the same token as in token 0"));
  EXPECT_THAT(list({"a", ""}), HasSubstr("list: token 1: an empty token"));
  EXPECT_THAT(list({"\xC3"}), HasSubstr("list: token 0: not UTF-8"));
}

TEST_F(VocabularyTest, WordsAreWhatStandsBetweenWhiteSpace) {
  const PlainTokenizer words = plain("[PAD]\n[UNK]\nthe\nfilm\nfilm,\n", Unit::words);
  EXPECT_THAT(words.encode(" the film\u3000film, \n", 9).ids, ElementsAre(2, 3, 4));
  EXPECT_THAT(words.encode("The film.", 9).ids, ElementsAre(1, 1));
  EXPECT_THAT(words.encode(" \t", 9).ids, IsEmpty());
  EXPECT_THAT(words.encode(std::string(600, 'x') + " the", 9).ids, ElementsAre(1, 2));
  EXPECT_EQ(words.vocabulary_size(), 5);
  EXPECT_EQ(words.pad_id(), 0);
  EXPECT_EQ(words.unknown_id(), 1);
}

TEST_F(VocabularyTest, CharactersAreCodePointsWithWhiteSpace) {
  const PlainTokenizer characters = plain("a\n \n[UNK]\n\u00E9\n[PAD]\n", Unit::characters);
  EXPECT_THAT(characters.encode("a \u00E9b\u0301", 9).ids, ElementsAre(0, 1, 3, 2, 2));
  EXPECT_THAT(characters.encode("", 9).ids, IsEmpty());
}

TEST_F(VocabularyTest, NoTextGivesThePaddingOfPlainTokens) {
  EXPECT_THAT(plain("[PAD]\n[UNK]\n", Unit::words).encode("[PAD] [UNK]", 9).ids, ElementsAre(1, 1));
}

TEST_F(VocabularyTest, PlainTextsAreCutWhereAsked) {
  const PlainTokenizer words = plain("[PAD]\n[UNK]\na\n", Unit::words);
  EXPECT_EQ(words.encode("a b a", 3), (TokenIds{{2, 1, 2}, false}));
  EXPECT_EQ(words.encode("a b a ", 2), (TokenIds{{2, 1}, true}));
  EXPECT_THAT(sotto::testing::message_of<UsageError>([&] { words.encode("a", 0); }), HasSubstr("most_tokens 0"));
}

TEST_F(VocabularyTest, PlainTokensThatCannotOccurAreRefused) {
  const auto refused_plain = [&](const std::string& text, Unit unit) { return refusal([&] { plain(text, unit); }); };
  EXPECT_THAT(refused_plain("[UNK]\na\n", Unit::words), HasSubstr("no token [PAD]"));
  EXPECT_THAT(refused_plain("[PAD]\na\n", Unit::words), HasSubstr("no token [UNK]"));
  for (const char* token : {"a b", " a", "a\u00A0", " "})
    EXPECT_THAT(refused_plain("[PAD]\n[UNK]\n" + std::string(token) + "\n", Unit::words),
                HasSubstr("token 2 (from 0) is not one word without white space"));
  EXPECT_THAT(refused_plain("[PAD]\n[UNK]\nab\n", Unit::characters),
              HasSubstr("token 2 (from 0) is not one character"));
}

TEST_F(VocabularyTest, PlainTextsThatAreNotUtf8OrTooLongAreRefusedWithoutTheirContent) {
  const PlainTokenizer words = plain("[PAD]\n[UNK]\na\n", Unit::words);
  const auto text = [&](const std::string& bytes) { return refusal([&] { words.encode(bytes, 9); }); };
  EXPECT_EQ(text("secret \xFF"), "[PlainTokenizer::encode] a text that is not UTF-8 at byte 7");
  EXPECT_EQ(text(std::string((1 << 20) + 1, 'x')), "[PlainTokenizer::encode] a text longer than 1048576 bytes");
  EXPECT_EQ(text(std::string(1 << 20, 'x')), "accepted");
}

}  // namespace
}  // namespace sotto::data
