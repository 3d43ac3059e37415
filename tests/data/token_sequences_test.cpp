#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/data/token_sequences.h>
#include <sotto/privacy/error.h>

#include "idx_bytes.h"

namespace sotto::data {
namespace {

using testing::Bytes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::idx_header;
using testing::joined;

class TokenSequencesTest : public ::testing::Test {
 protected:
  testing::ScratchFolder folder_;
  std::filesystem::path tokens_ = folder_.write("tokens", joined(idx_header({2, 3}), {0, 1, 2, 3, 4, 9}));
  std::filesystem::path labels_ = folder_.write("labels", joined(idx_header({2}), {1, 0}));
  std::filesystem::path file(const std::vector<std::uint32_t>& sizes, const Bytes& values) {
    return folder_.write("file", joined(idx_header(sizes), values));
  }
  template <typename ErrorType = DataError>
  std::string refused(const std::filesystem::path& tokens, const std::filesystem::path& labels,
                      std::int64_t vocabulary = 10, std::int64_t classes = 2) {
    try {
      read_labelled_sequences(tokens, labels, vocabulary, classes);
    } catch (const ErrorType& error) {
      return error.what();
    }
    return "accepted";
  }
};

TEST_F(TokenSequencesTest, KeepOneLabelForEachSequence) {
  const LabelledSequences result = read_labelled_sequences(tokens_, labels_, 10, 2);
  EXPECT_EQ(result.count, 2);
  EXPECT_EQ(result.length, 3);
  EXPECT_FALSE(result.labels_per_token);
  EXPECT_THAT(result.tokens, ElementsAre(0, 1, 2, 3, 4, 9));
  EXPECT_THAT(result.labels, ElementsAre(1, 0));
}

TEST_F(TokenSequencesTest, KeepOneLabelForEachToken) {
  const LabelledSequences result = read_labelled_sequences(tokens_, file({2, 3}, {0, 1, 0, 1, 2, 2}), 10, 3);
  EXPECT_TRUE(result.labels_per_token);
  EXPECT_THAT(result.labels, ElementsAre(0, 1, 0, 1, 2, 2));
}

TEST_F(TokenSequencesTest, VocabularyAndClassesMustBePossible) {
  EXPECT_THAT(refused<UsageError>(tokens_, labels_, 0), HasSubstr("vocabulary 0"));
  EXPECT_THAT(refused<UsageError>(tokens_, labels_, -1), HasSubstr("vocabulary -1"));
  EXPECT_THAT(refused<UsageError>(tokens_, labels_, 10, 1), HasSubstr("classes 1"));
}

TEST_F(TokenSequencesTest, TokensMustHaveTwoDimensions) {
  EXPECT_THAT(refused(labels_, labels_), HasSubstr("1 dimension(s); tokens need 2"));
  EXPECT_THAT(refused(file({2, 1, 3}, Bytes(6)), labels_), HasSubstr("3 dimension(s)"));
}

TEST_F(TokenSequencesTest, LabelsMustFitTheSequences) {
  EXPECT_THAT(refused(tokens_, file({3}, Bytes(3))), HasSubstr("does not fit"));
  EXPECT_THAT(refused(tokens_, file({2, 2}, Bytes(4))), HasSubstr("does not fit"));
  EXPECT_THAT(refused(tokens_, file({3, 2}, Bytes(6))), HasSubstr("does not fit"));
  EXPECT_THAT(refused(tokens_, file({2, 3, 1}, Bytes(6))), HasSubstr("does not fit"));
}

TEST_F(TokenSequencesTest, ValuesOutOfRangeAreRefusedByPositionAndNotByValue) {
  EXPECT_THAT(refused(tokens_, labels_, 9), HasSubstr("a token of record 1 is out of range; 0 to 8 are allowed"));
  const std::string label = refused(tokens_, file({2}, {0, 219}));
  EXPECT_THAT(label, HasSubstr("a label of record 1 is out of range; 0 to 1 are allowed"));
  EXPECT_THAT(label, ::testing::Not(HasSubstr("219")));
  EXPECT_THAT(refused(tokens_, file({2, 3}, {0, 0, 2, 0, 0, 0})), HasSubstr("a label of record 0 is out of range"));
  Bytes negative = joined(idx_header({2, 3}), {0, 1, 2, 3, 0xff, 0});
  negative[2] = 0x09;
  EXPECT_THAT(refused(folder_.write("file", negative), labels_), HasSubstr("a token of record 1"));
}

TEST_F(TokenSequencesTest, MissingAndCutFilesAreRefused) {
  EXPECT_THAT(refused(folder_.path() / "absent", labels_), HasSubstr("absent"));
  EXPECT_THAT(refused(tokens_, folder_.path() / "absent"), HasSubstr("absent"));
  EXPECT_THAT(refused(file({2, 3}, Bytes(5)), labels_), HasSubstr("cut short"));
}

}  // namespace
}  // namespace sotto::data
