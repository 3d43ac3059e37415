// The tokenizer of a published encoder, which tools/fetch_data.sh minilm fetches. Skipped where it is not there.

#include <gtest/gtest.h>
#include <sotto/data/dataset.h>
#include <sotto/data/wordpiece.h>

#include <fstream>
#include <iterator>
#include <sstream>

namespace sotto::data {
namespace {

struct Sentence {
  std::string text;
  std::vector<std::string> tokens;
  std::vector<std::int32_t> ids;
};

std::vector<Sentence> sentences() {
  std::vector<Sentence> result;
  std::ifstream file(std::filesystem::path(SOTTO_TEST_DATA) / "minilm_ids.txt");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream fields(line);
    std::string text, tokens, ids;
    std::getline(fields, text, '\t');
    std::getline(fields, tokens, '\t');
    std::getline(fields, ids);
    std::istringstream names(tokens), numbers(ids);
    result.push_back(
        {text, {std::istream_iterator<std::string>(names), {}}, {std::istream_iterator<std::int32_t>(numbers), {}}});
  }
  return result;
}

class MiniLmTokensTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::vector<std::filesystem::path> folders = data_folders();
    folders.emplace_back(SOTTO_DATA_CACHE);
    for (const auto& folder : folders)
      if (std::filesystem::exists(folder / "minilm" / "tokenizer.json")) folder_ = folder / "minilm";
    if (folder_.empty()) GTEST_SKIP() << "no minilm/tokenizer.json; fetch it with tools/fetch_data.sh minilm";
  }
  std::filesystem::path folder_;
};

TEST_F(MiniLmTokensTest, BothFilesGiveTheReferenceSentencesTheirTokens) {
  const WordPiece tokenizers[] = {WordPiece::from_tokenizer(folder_ / "tokenizer.json"),
                                  WordPiece::from_vocabulary(folder_ / "vocab.txt")};
  EXPECT_EQ(tokenizers[0].tokens(), tokenizers[1].tokens());
  EXPECT_EQ(tokenizers[0].text_settings(), tokenizers[1].text_settings());
  const std::vector<Sentence> all = sentences();
  ASSERT_EQ(all.size(), 5);
  for (const WordPiece& pieces : tokenizers) {
    EXPECT_EQ(pieces.vocabulary_size(), 30522);
    EXPECT_EQ((std::vector{pieces.pad_id(), pieces.unknown_id(), pieces.cls_id(), pieces.sep_id()}),
              (std::vector{0, 100, 101, 102}));
    for (const Sentence& sentence : all) {
      EXPECT_EQ(pieces.encode(sentence.text, 256), (TokenIds{sentence.ids, false})) << sentence.text;
      ASSERT_EQ(sentence.tokens.size(), sentence.ids.size());
      for (std::size_t i = 0; i < sentence.ids.size(); ++i)
        EXPECT_EQ(pieces.tokens()[static_cast<std::size_t>(sentence.ids[i])], sentence.tokens[i]);
    }
  }
}

}  // namespace
}  // namespace sotto::data
