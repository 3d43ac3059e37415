// Texts of a file as tensors: what each record holds, and that a group's tensors follow from that group alone.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/models/record_losses.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/text_tensors.h>
#include <torch/torch.h>

#include <sstream>

#include "../support/message.h"
#include "../support/scratch_folder.h"

namespace sotto::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class TextTensors : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) const {
    return folder_.write(name, sotto::testing::Bytes(text.begin(), text.end())).string();
  }
  DeclaredText declared(const std::string& lines) const {
    DeclaredText result;
    result.train = write("texts.tsv", lines);
    result.table = {
        .header = false, .text_column = "2", .label_column = "1", .labels = data::LabelRule::parse("bad, good")};
    result.max_tokens = 40;
    return result;
  }
  data::Tokenizer tokenizer() const {
    return data::PlainTokenizer::from_vocabulary(write("words.txt", "[PAD]\n[UNK]\na\nb\nc\nd\n"),
                                                 data::PlainTokenizer::Unit::words);
  }
  RecordTensors training(const DeclaredText& text) {
    terminal_.str("");
    return training_texts(text, "", tokenizer(), terminal_);
  }

  sotto::testing::ScratchFolder folder_;
  std::ostringstream terminal_;
};

std::string times(const std::string& word, int count) {
  std::string result;
  for (int i = 0; i < count; ++i) result += (i > 0 ? " " : "") + word;
  return result;
}

TEST_F(TextTensors, HoldIdsLabelsAndWidths) {
  const RecordTensors records =
      training(declared("good\ta b c\nbad\td\ngood\t" + times("a", 16) + "\nbad\t" + times("b", 17) + "\n"));
  EXPECT_TRUE(records.labels.equal(torch::tensor({1L, 0L, 1L, 0L})));
  EXPECT_TRUE(records.widths.equal(torch::tensor({16L, 16L, 16L, 32L})));
  ASSERT_EQ(records.inputs.sizes(), (at::IntArrayRef{4, 32}));
  EXPECT_TRUE(records.inputs[0].slice(0, 0, 4).equal(torch::tensor({2, 3, 4, 0}, torch::kInt)));
  EXPECT_EQ(records.inputs[3].eq(3).sum().item<int64_t>(), 17);
}

TEST_F(TextTensors, CutsLongTextsAndSaysSoOnTheTerminal) {
  DeclaredText text = declared("good\t" + times("a", 41) + "\nbad\t" + times("b", 40) + "\nbad\tc\n");
  const RecordTensors records = training(text);
  EXPECT_TRUE(records.widths.equal(torch::tensor({40L, 40L, 16L})));
  EXPECT_THAT(terminal_.str(), HasSubstr("1 of 3 texts have more than 40 tokens"));
  text.max_tokens = 41;
  training(text);
  EXPECT_THAT(terminal_.str(), Not(HasSubstr("more than")));
}

TEST_F(TextTensors, BatchesAreCutToTheWidthOfTheirBucket) {
  const optim::Records records =
      labelled_records(training(declared("good\ta b c\nbad\t" + times("b", 17) + "\nbad\td\n")));
  EXPECT_EQ(records.count, 3);
  EXPECT_EQ(records.bucket(0), records.bucket(2));
  EXPECT_NE(records.bucket(0), records.bucket(1));
  EXPECT_EQ(records.fetch(torch::tensor({0L, 2L}))[0].sizes(), (at::IntArrayRef{2, 16}));
  EXPECT_EQ(records.fetch(torch::tensor({1L, 1L, 1L}))[0].sizes(), (at::IntArrayRef{3, 32}));
  EXPECT_EQ(records.fetch(torch::tensor({1L}))[0].scalar_type(), at::kLong);
}

TEST_F(TextTensors, LabelsOfARangeAreScaledToOne) {
  DeclaredText text = declared("-4\ta\n0\tb\n4\tc\n1\td\n");
  text.table.labels = data::LabelRule::parse("range -4 4");
  EXPECT_TRUE(training(text).labels.equal(torch::tensor({-1.0f, 0.0f, 1.0f, 0.25f})));
}

class Groups : public TextTensors {
 protected:
  DeclaredText grouped(const std::string& lines) const {
    DeclaredText result = declared(lines);
    result.table.group_column = "3";
    result.table.max_per_group = result.texts_per_group = 2;
    return result;
  }
};

TEST_F(Groups, AreRecordsOfTheirTexts) {
  const RecordTensors records = training(grouped("good\ta\tx\nbad\tb\ty\nbad\tc d\tx\n"));
  ASSERT_EQ(records.inputs.sizes(), (at::IntArrayRef{2, 2, 16}));
  EXPECT_TRUE(records.labels.equal(torch::tensor({{1L, 0L}, {0L, models::kNoPart}})));
  EXPECT_EQ(records.inputs[0][0][0].item<int>(), 2);
  EXPECT_EQ(records.inputs[0][1][1].item<int>(), 5);
  EXPECT_EQ(records.inputs[1][1].abs().sum().item<int64_t>(), 0);
}

// Neighbours: without one group, the tensors of all others are the same, bit for bit, bounded or not.
TEST_F(Groups, WithoutAGroupAllOthersStayAsTheyAre) {
  std::vector<std::pair<std::string, std::string>> lines;  // line, group
  for (int i = 0; i < 30; ++i) {
    const std::string group(1, static_cast<char>('p' + i * 7 % 5));
    const std::string word(1, static_cast<char>('a' + i % 4));
    lines.emplace_back((i % 2 ? "good\t" : "bad\t") + times(word, 1 + i % 20) + "\t" + group + "\n", group);
  }
  const auto tensors = [&](const std::string& without) {
    std::string text;
    for (const auto& [line, group] : lines)
      if (group != without) text += line;
    return training(grouped(text));
  };
  const auto row_of = [](const RecordTensors& records, int64_t i) {
    return at::cat({records.inputs[i].slice(-1, 0, 16).flatten().to(at::kLong), records.labels[i],
                    records.widths[i].unsqueeze(0)});
  };
  const RecordTensors all = tensors("");
  ASSERT_EQ(all.inputs.size(0), 5);
  for (const char* left_out : {"p", "q", "r", "s", "t"}) {
    const RecordTensors others = tensors(left_out);
    ASSERT_EQ(others.inputs.size(0), 4) << left_out;
    int64_t found = 0;
    for (int64_t i = 0; i < 4; ++i)
      for (int64_t j = 0; j < 5; ++j) found += row_of(others, i).equal(row_of(all, j)) ? 1 : 0;
    EXPECT_EQ(found, 4) << left_out;
  }
}

TEST_F(Groups, HaveTheDeclaredShapeWhateverTheFileHolds) {
  const RecordShape shape = text_shape(grouped("good\ta\tx\nbad\tb\tx\n"), tokenizer());
  EXPECT_EQ(shape.sizes, (std::vector<int64_t>{2, 40}));
  EXPECT_EQ(shape.label_sizes, (std::vector<int64_t>{2}));
  EXPECT_EQ(shape.type.vocabulary, 6);
  EXPECT_EQ(shape.classes, 2);
}

TEST_F(Groups, ThatWouldFillTheMemoryAreRefusedBeforeItIsTaken) {
  DeclaredText text = grouped("good\ta\tx\nbad\tb\ty\n");
  text.texts_per_group = int64_t{1} << 40;
  EXPECT_THAT(sotto::testing::message_of<UsageError>([&] { training(text); }), HasSubstr("[--max-per-group]"));
}

}  // namespace
}  // namespace sotto::tools
