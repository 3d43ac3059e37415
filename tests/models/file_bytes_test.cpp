#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/models/file_bytes.h>
#include <sotto/privacy/error.h>
#include <sys/stat.h>

#include <array>
#include <fstream>

#include "../support/message.h"
#include "../support/scratch_folder.h"

namespace sotto::models {
namespace {

using sotto::testing::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FileBytesTest : public ::testing::Test {
 protected:
  std::string refusal(const std::filesystem::path& path) const {
    return message_of<DataError>([&] { FileBytes("here", path); });
  }
  sotto::testing::ScratchFolder folder_;
};

TEST_F(FileBytesTest, PartsAndAllOfAFile) {
  const FileBytes file("here", folder_.write("file", {1, 2, 3, 4, 5}));
  EXPECT_EQ(file.size(), 5);
  std::array<std::byte, 2> part{};
  file.read(2, part);
  EXPECT_THAT(part, ElementsAre(std::byte{3}, std::byte{4}));
  const auto mapped = file.map();
  EXPECT_EQ(mapped.get()[4], std::byte{5});
}

TEST_F(FileBytesTest, AMappingIsPrivateAndOutlivesTheFile) {
  const auto path = folder_.write("file", {1, 2, 3});
  const auto one = FileBytes("here", path).map(), other = FileBytes("here", path).map();
  one.get()[0] = std::byte{9};
  EXPECT_EQ(other.get()[0], std::byte{1});
  EXPECT_EQ(std::ifstream(path).get(), 1);
  std::filesystem::remove(path);
  EXPECT_EQ(one.get()[0], std::byte{9});
  EXPECT_EQ(other.get()[2], std::byte{3});
}

TEST_F(FileBytesTest, AFileThatIsCutMeanwhileIsAnError) {
  const auto path = folder_.write("file", {1, 2, 3, 4});
  const FileBytes file("here", path);
  std::filesystem::resize_file(path, 1);
  std::array<std::byte, 2> part{};
  EXPECT_THAT(message_of<IoError>([&] { file.read(0, part); }),
              HasSubstr("[here] cannot read " + path.string() + " to its end: it was cut meanwhile"));
}

TEST_F(FileBytesTest, RefusesWhatIsNoRegularFile) {
  EXPECT_THAT(refusal(folder_.path()), HasSubstr("is a folder; a file is needed"));
  EXPECT_THAT(refusal(folder_.path() / "absent"), HasSubstr("there is no such file"));
  const auto pipe = folder_.path() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(refusal(pipe), HasSubstr("[here] " + pipe.string() + ": is not a regular file"));
}

TEST_F(FileBytesTest, AnEmptyFileCannotBeMapped) {
  const FileBytes file("here", folder_.write("empty", {}));
  EXPECT_THAT(message_of<IoError>([&] { file.map(); }), HasSubstr("[here] cannot map"));
}

}  // namespace
}  // namespace sotto::models
