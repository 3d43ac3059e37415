#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/data/wordpiece.h>

#include <charconv>
#include <chrono>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>

#include "vocabulary_files.h"

namespace sotto::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::refusal;

const std::string kSpecial = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";  // 0 to 4

class WordPieceTest : public ::testing::Test {
 protected:
  WordPiece pieces(const std::string& lines) { return WordPiece::from_vocabulary(files_.write(lines)); }
  std::string refused(const std::string& lines) {
    return refusal([&] { pieces(lines); });
  }
  testing::TextFiles files_;
};

TEST_F(WordPieceTest, TheLongestPieceIsTakenEachTime) {
  const WordPiece p = pieces(kSpecial + "a\nab\nabc\n##c\n##d\n##cd\n##de\n#\n");  // from 5
  EXPECT_THAT(p.encode("abcd", 9).ids, ElementsAre(2, 7, 9, 3));
  EXPECT_THAT(p.encode("abcdec", 9).ids, ElementsAre(2, 7, 11, 8, 3));
  EXPECT_THAT(p.encode("acd", 9).ids, ElementsAre(2, 5, 10, 3));
  EXPECT_THAT(p.encode("AB ab", 9).ids, ElementsAre(2, 6, 6, 3));
  EXPECT_THAT(p.encode("##c", 9).ids, ElementsAre(2, 12, 12, 1, 3));  // no text can name a further piece
}

TEST_F(WordPieceTest, AWordThatCannotBeCutUpIsUnknownAsAWhole) {
  const WordPiece p = pieces(kSpecial + "a\n##b\nb\n");
  EXPECT_THAT(p.encode("abx a", 9).ids, ElementsAre(2, 1, 5, 3));
  EXPECT_THAT(p.encode("xab", 9).ids, ElementsAre(2, 1, 3));
  EXPECT_THAT(p.encode("aa", 9).ids, ElementsAre(2, 1, 3));
}

TEST_F(WordPieceTest, AWordOfMoreThanAHundredCodePointsIsUnknown) {
  const WordPiece p = pieces(kSpecial + "\u0436\n##\u0436\n");
  std::string word;
  for (int i = 0; i < 100; ++i) word += "\u0436";
  EXPECT_EQ(p.encode(word, 200).ids.size(), 102);
  EXPECT_THAT(p.encode(word + "\u0436", 200).ids, ElementsAre(2, 1, 3));
}

TEST_F(WordPieceTest, AddedTokensInATextAreThemselves) {
  const WordPiece p = pieces(kSpecial + "a\nb\n[\n]\ncls\n");
  EXPECT_THAT(p.encode("a[SEP]b [CLS][MASK] [cls]", 20).ids, ElementsAre(2, 5, 3, 6, 2, 4, 7, 9, 8, 3));
  EXPECT_THAT(p.encode("[[SEP]]", 20).ids, ElementsAre(2, 7, 3, 8, 3));
}

TEST_F(WordPieceTest, TextsAreCutToTheTokensAskedFor) {
  const WordPiece p = pieces(kSpecial + "a\nb\n##b\n");
  EXPECT_EQ(p.encode("a b", 4), (TokenIds{{2, 5, 6, 3}, false}));
  EXPECT_EQ(p.encode("a b", 3), (TokenIds{{2, 5, 3}, true}));
  EXPECT_EQ(p.encode("ab", 3), (TokenIds{{2, 5, 3}, true}));
  EXPECT_EQ(p.encode("a [SEP]", 3), (TokenIds{{2, 5, 3}, true}));
  EXPECT_EQ(p.encode("[SEP] a", 3), (TokenIds{{2, 3, 3}, true}));
  EXPECT_EQ(p.encode("a \u200D ", 3), (TokenIds{{2, 5, 3}, false}));
  EXPECT_EQ(p.encode("", 3), (TokenIds{{2, 3}, false}));
  EXPECT_THAT(sotto::testing::message_of<UsageError>([&] { p.encode("a", 2); }), HasSubstr("most_tokens 2; must be"));
}

TEST_F(WordPieceTest, TextsThatAreNotUtf8OrTooLongAreRefusedWithoutTheirContent) {
  const WordPiece p = pieces(kSpecial);
  const auto text = [&](const std::string& bytes) { return refusal([&] { p.encode(bytes, 3); }); };
  EXPECT_EQ(text("secret \xED\xA0\x80"), "[WordPiece::encode] a text that is not UTF-8 at byte 7");
  EXPECT_EQ(text(std::string((1 << 20) + 1, 'x')), "[WordPiece::encode] a text longer than 1048576 bytes");
  EXPECT_EQ(text(std::string(1 << 20, 'x')), "accepted");
  EXPECT_THAT(text("a a a a a \xFF"), HasSubstr("byte 10"));  // behind what is cut off, too
}

TEST_F(WordPieceTest, SpecialTokensAreNeeded) {
  for (const char* name : {"[PAD]", "[UNK]", "[CLS]", "[SEP]"}) {
    std::string lines = kSpecial;
    lines.replace(lines.find(name), 5, "other");
    EXPECT_THAT(refused(lines), HasSubstr("no token " + std::string(name) + "; it is needed"));
  }
  const WordPiece p = pieces("x\n[SEP]\n[CLS]\n[UNK]\n[PAD]\n");
  EXPECT_THAT((std::vector{p.pad_id(), p.unknown_id(), p.cls_id(), p.sep_id(), p.vocabulary_size()}),
              ElementsAre(4, 3, 2, 1, 5));
}

TEST_F(WordPieceTest, VocabularyFilesAreChecked) {
  EXPECT_THAT(refused(kSpecial + "a\n\n"), HasSubstr("line 7: an empty token"));
  EXPECT_THAT(refused(kSpecial + "a\na\n"), HasSubstr("line 7: the same token as in line 6"));
  EXPECT_THAT(refused(kSpecial + "a \n"), HasSubstr("line 6: white space at the end of a token"));
  EXPECT_THAT(refused(kSpecial + "a\u2003\n"), HasSubstr("line 6: white space at the end of a token"));
  EXPECT_THAT(refused(kSpecial + "\u200D\n"), "accepted");
}

TEST_F(WordPieceTest, ManyThreadsGetWhatOneGets) {
  const WordPiece p = pieces(kSpecial + "a\nb\n##b\n\u6771\n");
  const std::string text = "ab \u6771b [MASK] a\u0301B x";
  const TokenIds alone = p.encode(text, 20);
  std::vector<TokenIds> results(8);
  std::vector<std::thread> threads;
  for (TokenIds& result : results)
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) result = p.encode(text, 20);
    });
  for (std::thread& thread : threads) thread.join();
  for (const TokenIds& result : results) EXPECT_EQ(result, alone);
}

TEST_F(WordPieceTest, HostileTextsTakeLinearTime) {
  std::string lines = kSpecial, text;
  for (std::size_t i = 1; i < 100; ++i) lines += std::string(i, 'a') + "b\n##" + std::string(i, 'a') + "b\n";
  lines += "a\n##a\n";
  while (text.size() < 1000000) text += std::string(100, 'a') + " [SE[SE[SE";
  const WordPiece p = pieces(lines);
  const auto begin = std::chrono::steady_clock::now();
  p.encode(text, 1 << 20);
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(), 10);
}

BertTextSettings settings_of(const std::string& flags) {
  BertTextSettings settings{.clean_text = flags.at(0) == '1',
                            .handle_chinese_chars = flags.at(1) == '1',
                            .strip_accents = {},
                            .lowercase = flags.at(3) == '1'};
  if (flags[2] != '-') settings.strip_accents = flags[2] == '1';
  return settings;
}

TEST(WordPieceGoldenTest, IdsAreThoseOfTheHuggingFaceLibrary) {
  const std::filesystem::path folder = SOTTO_TEST_DATA;
  std::map<std::string, WordPiece> tokenizers;
  std::ifstream file(folder / "wordpiece_ids.txt");
  int rows = 0;
  for (std::string line; std::getline(file, line);) {
    if (line[0] == '#') continue;
    const std::size_t first = line.find('\t'), second = line.find('\t', first + 1);
    const std::string flags = line.substr(0, first);
    if (!tokenizers.contains(flags))
      tokenizers.emplace(flags, WordPiece::from_vocabulary(folder / "wordpiece_vocab.txt", settings_of(flags)));
    std::string text;
    for (std::size_t at = first + 1; at < second; at += 2)
      text += static_cast<char>(std::stoi(line.substr(at, 2), nullptr, 16));
    std::istringstream numbers(line.substr(second + 1));
    const std::vector<std::int32_t> ids{std::istream_iterator<std::int32_t>(numbers), {}};
    EXPECT_EQ(tokenizers.at(flags).encode(text, 1000).ids, ids) << line;
    ++rows;
  }
  EXPECT_EQ(rows, 510);
  EXPECT_EQ(tokenizers.size(), 5);
}

}  // namespace
}  // namespace sotto::data
