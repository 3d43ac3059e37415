#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/data/bert_text.h>

#include <chrono>
#include <string>
#include <vector>

namespace sotto::data {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr BertTextSettings kNothing = {
    .clean_text = false, .handle_chinese_chars = false, .strip_accents = false, .lowercase = false};

std::vector<std::string> words(std::string_view text, const BertTextSettings& settings) {
  std::vector<std::string> result;
  for_each_bert_word(text, settings, [&](std::string_view word, std::size_t) {
    result.emplace_back(word);
    return true;
  });
  return result;
}

BertTextSettings only(void (*change)(BertTextSettings&)) {
  BertTextSettings settings = kNothing;
  change(settings);
  return settings;
}

TEST(BertTextTest, WithoutAnyStepTextIsCutAtWhiteSpaceAndPunctuationAlone) {
  EXPECT_THAT(words("Ab  c\tD\n\r\x0B\x0C"
                    "E",
                    kNothing),
              ElementsAre("Ab", "c", "D", "E"));
  EXPECT_THAT(words("\u00A0a\u2003b\u3000c\u2028d\u0085e", kNothing), ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_THAT(words("it's", kNothing), ElementsAre("it", "'", "s"));
  EXPECT_THAT(words("...", kNothing), ElementsAre(".", ".", "."));
  EXPECT_THAT(words("\u00E9\u6771\x01", kNothing), ElementsAre("\u00E9\u6771\x01"));
  EXPECT_THAT(words("", kNothing), IsEmpty());
  EXPECT_THAT(words(" \n", kNothing), IsEmpty());
}

TEST(BertTextTest, PunctuationIsAsciiSymbolsAndUnicodesClasses) {
  for (char c = 33; c < 127; ++c) {
    const bool letter = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    EXPECT_EQ(words(std::string("x") + c + "y", kNothing).size(), letter ? 1 : 3) << c;
  }
  EXPECT_THAT(words("a\u00BFb\u2014c\u3002d", kNothing), ElementsAre("a", "\u00BF", "b", "\u2014", "c", "\u3002", "d"));
  EXPECT_THAT(words("a\u20ACb\u00A9c\u00B1", kNothing), ElementsAre("a\u20ACb\u00A9c\u00B1"));  // classes S
}

TEST(BertTextTest, CleaningDropsWhatIsNoCharacterAndMakesWhiteSpaceBlanks) {
  const BertTextSettings clean = only([](BertTextSettings& s) { s.clean_text = true; });
  EXPECT_THAT(words(std::string_view("a\0b\x01\x7F"
                                     "c",
                                     6),
                    clean),
              ElementsAre("abc"));
  EXPECT_THAT(words("a\uFFFD\u200D\u00AD\uE000\U0010FFFD\u0085\x0B"
                    "b",
                    clean),
              ElementsAre("ab"));
  EXPECT_THAT(words("a\tb\nc\rd\u00A0e", clean), ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_THAT(words("\u0378", clean), ElementsAre("\u0378"));  // assigned to nothing
  EXPECT_THAT(words("\u00C9\u6771", clean), ElementsAre("\u00C9\u6771"));
}

TEST(BertTextTest, IdeographsAreSetApart) {
  const BertTextSettings chinese = only([](BertTextSettings& s) { s.handle_chinese_chars = true; });
  EXPECT_THAT(words("a\u6771\u4EACb", chinese), ElementsAre("a", "\u6771", "\u4EAC", "b"));
  EXPECT_THAT(words("a\u3400\u9FFF\uF900\U00020000\U0002F800z", chinese),
              ElementsAre("a", "\u3400", "\u9FFF", "\uF900", "\U00020000", "\U0002F800", "z"));
  EXPECT_THAT(words("\u3042\u30A2\uD55C\uA000", chinese), ElementsAre("\u3042\u30A2\uD55C\uA000"));
}

TEST(BertTextTest, StrippingDecomposesAndDropsAccents) {
  const BertTextSettings strip = only([](BertTextSettings& s) { s.strip_accents = true; });
  EXPECT_THAT(words("Caf\u00E9 e\u0301\u0323 \u1EC7", strip), ElementsAre("Cafe", "e", "e"));
  EXPECT_THAT(words("\uAC01", strip), ElementsAre("\u1100\u1161\u11A8"));    // Hangul, by the algorithm
  EXPECT_THAT(words("\u00F8\u0142", strip), ElementsAre("\u00F8\u0142"));    // no decomposition
  EXPECT_THAT(words("\uFB01\u00BD", strip), ElementsAre("\uFB01\u00BD"));    // compatibility is another form
  EXPECT_THAT(words("a\u0903\u20DD", strip), ElementsAre("a\u0903\u20DD"));  // classes Mc and Me stay
  EXPECT_THAT(words("\u037E", strip), ElementsAre(";"));                     // becomes punctuation
  EXPECT_THAT(words("a\u0301", kNothing), ElementsAre("a\u0301"));
}

TEST(BertTextTest, MarksThatStayComeIntoCanonicalOrder) {
  const BertTextSettings strip = only([](BertTextSettings& s) { s.strip_accents = true; });
  // Combining classes: U+302E 224, U+1D165 216, U+0334 1, an accent.
  EXPECT_THAT(words("x\u302E\u0334\U0001D165", strip), ElementsAre("x\U0001D165\u302E"));
  EXPECT_THAT(words("x\u302Ey\U0001D165", strip), ElementsAre("x\u302Ey\U0001D165"));
  EXPECT_THAT(words("x\u302E\u0901\U0001D165", strip),
              ElementsAre("x\u302E\U0001D165"));  // U+0901: an accent of class 0
}

// What tokenizers 0.23.3 answers.
TEST(BertTextTest, CharactersThatCameAfterUnicode8HaveNoClass) {
  const BertTextSettings clean = only([](BertTextSettings& s) { s.clean_text = true; });
  const BertTextSettings strip = only([](BertTextSettings& s) { s.strip_accents = true; });
  EXPECT_THAT(words("a\u0890\u08E2\U000110CDb", clean), ElementsAre("a\u0890\u08E2\U000110CDb"));  // format
  EXPECT_THAT(words("a\u2E43b\u061Dc", kNothing), ElementsAre("a\u2E43b\u061Dc"));                 // punctuation
  EXPECT_THAT(words("x\u0898\u302E", strip), ElementsAre("x\u0898\u302E"));  // a mark of class 230 before one of 224
  EXPECT_THAT(words("\U00011938", strip), ElementsAre("\U00011938"));        // has a decomposition since Unicode 13
  EXPECT_THAT(words("x\u1734", strip), ElementsAre("x"));                    // classed anew since
  EXPECT_THAT(words("x\u166Dy", kNothing), ElementsAre("x", "\u166D", "y"));
}

TEST(BertTextTest, LowerCaseIsThatOfEachCodePointAlone) {
  const BertTextSettings lower = only([](BertTextSettings& s) { s.lowercase = true; });
  EXPECT_EQ(lower.strips_accents(), false);
  EXPECT_THAT(words("ABCxyz \u00C9\u0416\U00010400", lower), ElementsAre("abcxyz", "\u00E9\u0436\U00010428"));
  EXPECT_THAT(words("\u0391\u03A3 \u0130I \u1E9E \u01C5", lower),
              ElementsAre("\u03B1\u03C3", "i\u0307i", "\u00DF", "\u01C6"));
}

TEST(BertTextTest, AccentsFollowTheCaseWhereNothingIsSaid) {
  EXPECT_TRUE(BertTextSettings{}.strips_accents());
  EXPECT_FALSE(BertTextSettings{.lowercase = false}.strips_accents());
  EXPECT_FALSE(BertTextSettings{.strip_accents = false}.strips_accents());
  EXPECT_THAT(words("\u00C9", {}), ElementsAre("e"));
  EXPECT_THAT(words("\u00C9", {.strip_accents = false}), ElementsAre("\u00E9"));
  EXPECT_THAT(words("\u00C9", {.lowercase = false}), ElementsAre("\u00C9"));
}

TEST(BertTextTest, LengthsAreInCodePointsAndWordsEndWhenTheCallerSaysSo) {
  std::vector<std::size_t> sizes;
  for_each_bert_word("\u0436\u0436\u0436 a bc d", {}, [&](std::string_view, std::size_t code_points) {
    sizes.push_back(code_points);
    return sizes.size() < 3;
  });
  EXPECT_THAT(sizes, ElementsAre(3, 1, 2));
}

double seconds(const std::string& text) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(words(text, {}).size(), 1);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

TEST(BertTextTest, LongRunsOfMarksTakeNoQuadraticTime) {
  // Each mark belongs before all that stand before it but the last: sorting by insertion would take hours.
  std::string marks = "x";
  for (int i = 0; i < 100000; ++i) marks += "\u302E";
  for (int i = 0; i < 100000; ++i) marks += "\U0001D165";
  EXPECT_LT(seconds(marks), 5);
}

}  // namespace
}  // namespace sotto::data
