#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/data/dataset.h>
#include <sotto/privacy/error.h>

#include <cstdlib>
#include <numeric>

#include "idx_bytes.h"

namespace sotto::data {
namespace {

using testing::Bytes;
using ::testing::HasSubstr;
using testing::idx_header;
using testing::joined;

const Bytes kPictures = joined(idx_header({2, 28, 28}), Bytes(2 * 28 * 28, 1));
const Bytes kLabels = joined(idx_header({2}), {0, 9});

void write_preset(const testing::ScratchFolder& scratch, const std::string& folder) {
  for (const char* split : {"train", "t10k"}) {
    scratch.write(folder + "/" + split + "-images-idx3-ubyte", kPictures);
    scratch.write(folder + "/" + split + "-labels-idx1-ubyte", kLabels);
  }
}

class EnvironmentVariable {
 public:
  EnvironmentVariable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    value != nullptr ? ::setenv(name, value, 1) : ::unsetenv(name);
  }
  ~EnvironmentVariable() { old_.empty() ? ::unsetenv(name_) : ::setenv(name_, old_.c_str(), 1); }
  EnvironmentVariable(const EnvironmentVariable&) = delete;
  EnvironmentVariable& operator=(const EnvironmentVariable&) = delete;

 private:
  const char* name_;
  std::string old_;
};

TEST(DatasetTest, UnknownNameIsRefusedWithTheKnownOnes) {
  try {
    image_preset("cifar100");
    FAIL() << "accepted";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("unknown data set: 'cifar100'; known: cifar10, fashion-mnist, mnist"));
  }
}

TEST(DatasetTest, TrainSizeIsDeclaredAndNotReadFromTheFile) {
  const testing::ScratchFolder scratch;
  write_preset(scratch, "mnist");
  const ImagePreset& preset = image_preset("mnist");
  EXPECT_EQ(preset.train_size, 60000);
  const auto folder = find_dataset(preset, {scratch.path()});
  EXPECT_EQ(read_dataset(preset, Split::train, folder).count, 2);
}

TEST(DatasetTest, TheEnvironmentVariableExcludesOtherFolders) {
  const EnvironmentVariable chosen("SOTTO_DATA", "/chosen");
  EXPECT_EQ(data_folders(), std::vector<std::filesystem::path>{"/chosen"});
}

TEST(DatasetTest, TheCurrentFolderComesBeforeTheHomeFolder) {
  const EnvironmentVariable chosen("SOTTO_DATA", nullptr);
  const EnvironmentVariable home("HOME", "/home/of");
  EXPECT_EQ(data_folders(), (std::vector<std::filesystem::path>{"data-cache", "/home/of/.cache/sotto/data"}));
}

TEST(DatasetTest, TheFirstCompleteFolderIsTaken) {
  const testing::ScratchFolder scratch;
  write_preset(scratch, "b/mnist");
  write_preset(scratch, "c/mnist");
  scratch.write("a/mnist/train-images-idx3-ubyte", kPictures);
  EXPECT_EQ(find_dataset(image_preset("mnist"), {scratch.path() / "a", scratch.path() / "b", scratch.path() / "c"}),
            scratch.path() / "b" / "mnist");
}

TEST(DatasetTest, MissingDataNamesTheCommandThatFetchesIt) {
  const testing::ScratchFolder scratch;
  try {
    find_dataset(image_preset("fashion-mnist"), {scratch.path() / "x", scratch.path() / "y"});
    FAIL() << "accepted";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("tools/fetch_data.sh fashion-mnist"));
    EXPECT_THAT(error.what(), HasSubstr((scratch.path() / "x" / "fashion-mnist").string()));
    EXPECT_THAT(error.what(), HasSubstr((scratch.path() / "y" / "fashion-mnist").string()));
  }
}

TEST(DatasetTest, PicturesOfAnotherSizeAreRefused) {
  const testing::ScratchFolder scratch;
  write_preset(scratch, "mnist");
  scratch.write("mnist/t10k-images-idx3-ubyte", joined(idx_header({2, 14, 56}), Bytes(2 * 28 * 28)));
  const auto folder = scratch.path() / "mnist";
  EXPECT_NO_THROW(read_dataset(image_preset("mnist"), Split::train, folder));
  EXPECT_THROW(read_dataset(image_preset("mnist"), Split::test, folder), DataError);
  EXPECT_THROW(read_dataset(image_preset("mnist"), Split::test, scratch.path() / "absent"), DataError);
}

TEST(DatasetTest, CifarIsReadFromItsFiveBatchesInOrder) {
  const testing::ScratchFolder scratch;
  const ImagePreset& preset = image_preset("cifar10");
  EXPECT_EQ(preset.train_size, 50000);
  for (std::uint8_t batch = 1; batch <= 5; ++batch) {
    Bytes record(3073, batch);
    scratch.write("cifar10/data_batch_" + std::to_string(batch) + ".bin", record);
  }
  EXPECT_THROW(find_dataset(preset, {scratch.path()}), DataError);  // the test batch is missing
  scratch.write("cifar10/test_batch.bin.gz", testing::gzipped(Bytes(3073, 9)));
  const auto folder = find_dataset(preset, {scratch.path()});
  const LabelledImages train = read_dataset(preset, Split::train, folder);
  EXPECT_EQ(train.count, 5);
  EXPECT_EQ(train.channels, 3);
  EXPECT_EQ(train.labels, (Bytes{1, 2, 3, 4, 5}));
  EXPECT_EQ(read_dataset(preset, Split::test, folder).labels, Bytes{9});
}

// Facts about the published files: class sizes, first labels and the sum of the first picture.
struct PublishedFacts {
  const char* name;
  std::vector<int> first_train_labels;
  std::int64_t first_picture_sum;
  std::vector<int> train_class_sizes;
};

class PublishedDataTest : public ::testing::TestWithParam<PublishedFacts> {};

TEST_P(PublishedDataTest, FilesHoldWhatIsPublishedAboutThem) {
  const PublishedFacts& facts = GetParam();
  const ImagePreset& preset = image_preset(facts.name);
  std::vector<std::filesystem::path> folders = data_folders();
  folders.emplace_back(SOTTO_DATA_CACHE);
  std::filesystem::path folder;
  try {
    folder = find_dataset(preset, folders);
  } catch (const DataError& error) {
    GTEST_SKIP() << error.what();
  }
  const LabelledImages train = read_dataset(preset, Split::train, folder);
  EXPECT_EQ(train.count, preset.train_size);
  EXPECT_EQ(std::vector<int>(train.labels.begin(), train.labels.begin() + 5), facts.first_train_labels);
  EXPECT_EQ(std::accumulate(train.pixels.begin(), train.pixels.begin() + 784, std::int64_t{0}),
            facts.first_picture_sum);
  std::vector<int> class_sizes(10);
  for (const std::uint8_t label : train.labels) ++class_sizes[label];
  EXPECT_EQ(class_sizes, facts.train_class_sizes);
  EXPECT_EQ(read_dataset(preset, Split::test, folder).count, preset.test_size);
}

INSTANTIATE_TEST_SUITE_P(
    Presets, PublishedDataTest,
    ::testing::Values(
        PublishedFacts{"fashion-mnist", {9, 0, 0, 3, 0}, 76247, std::vector<int>(10, 6000)},
        PublishedFacts{"mnist", {5, 0, 4, 1, 9}, 27525, {5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949}}),
    [](const auto& instance) { return instance.index == 0 ? "FashionMnist" : "Mnist"; });

}  // namespace
}  // namespace sotto::data
