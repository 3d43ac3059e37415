#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/privacy/atomic_file.h>
#include <sotto/privacy/atomic_folder.h>
#include <sotto/privacy/error.h>

#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "../support/message.h"
#include "../support/scratch_folder.h"

namespace sotto::privacy {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class AtomicFolderTest : public ::testing::Test {
 protected:
  std::ptrdiff_t entries() const { return std::distance(fs::directory_iterator(scratch_.path()), {}); }
  static std::string content(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  sotto::testing::ScratchFolder scratch_;
  const fs::path target_ = scratch_.path() / "made";
};

TEST_F(AtomicFolderTest, HasItsNameOnceItIsPublished) {
  AtomicFolder folder(target_);
  write_file_atomically(folder.path() / "a", "1");
  EXPECT_FALSE(fs::exists(target_));
  write_file_atomically(folder.path() / "b", "2");
  folder.publish();
  EXPECT_EQ(content(target_ / "a"), "1");
  EXPECT_EQ(content(target_ / "b"), "2");
  EXPECT_EQ(entries(), 1);
}

TEST_F(AtomicFolderTest, MakesTheFoldersAboveIt) {
  const fs::path deep = scratch_.path() / "a" / "b" / "made";
  AtomicFolder folder(deep);
  write_file_atomically(folder.path() / "x", "1");
  folder.publish();
  EXPECT_EQ(content(deep / "x"), "1");
  scratch_.write("file", {1});
  EXPECT_THROW(AtomicFolder(scratch_.path() / "file" / "made"), IoError);
}

TEST_F(AtomicFolderTest, TakesANameInTheCurrentFolder) {
  struct In {
    explicit In(const fs::path& folder) { fs::current_path(folder); }
    ~In() { fs::current_path(before); }
    const fs::path before = fs::current_path();
  };
  {
    const In scratch(scratch_.path());
    AtomicFolder folder("made");
    write_file_atomically(folder.path() / "a", "1");
    folder.publish();
  }
  EXPECT_EQ(content(target_ / "a"), "1");
}

TEST_F(AtomicFolderTest, IsGoneWhenItIsNotPublished) {
  std::optional<AtomicFolder> folder(target_);
  write_file_atomically(folder->path() / "a", "1");
  EXPECT_EQ(entries(), 1);
  folder.reset();
  EXPECT_EQ(entries(), 0);
}

TEST_F(AtomicFolderTest, TakesNoNameThatStandsForSomething) {
  const auto refusal = [](const fs::path& path) {
    return sotto::testing::message_of<UsageError>([&] { AtomicFolder folder(path); });
  };
  fs::create_directory(target_);
  EXPECT_THAT(refusal(target_), HasSubstr("made' is there already; must be the name of a new folder"));
  EXPECT_THAT(refusal(target_ / ""), HasSubstr("is there already"));
  scratch_.write("file", {1});
  EXPECT_THAT(refusal(scratch_.path() / "file"), HasSubstr("is there already"));
  fs::create_symlink("nowhere", scratch_.path() / "link");
  EXPECT_THAT(refusal(scratch_.path() / "link"), HasSubstr("is there already"));
  for (const char* none : {"", ".", "..", "/"}) EXPECT_THAT(refusal(none), HasSubstr("is there already")) << none;
  EXPECT_EQ(entries(), 3);
}

TEST_F(AtomicFolderTest, ANameThatWasTakenMeanwhileKeepsWhatItHas) {
  {
    AtomicFolder folder(target_);
    write_file_atomically(folder.path() / "a", "ours");
    scratch_.write("made/a", {'t'});
    EXPECT_THAT(sotto::testing::message_of<IoError>([&] { folder.publish(); }), HasSubstr("cannot rename a folder to"));
  }
  EXPECT_EQ(content(target_ / "a"), "t");
  EXPECT_EQ(entries(), 1);
}

TEST_F(AtomicFolderTest, AnEmptyFolderThatTookTheNameMeanwhileIsAnothers) {
  AtomicFolder folder(target_);
  write_file_atomically(folder.path() / "a", "ours");
  fs::create_directory(target_);
  EXPECT_THROW(folder.publish(), IoError);
  EXPECT_TRUE(fs::is_empty(target_));
}

TEST_F(AtomicFolderTest, ANameThatCannotBeLookedUpIsNotSaidToBeThere) {
  EXPECT_THAT(
      sotto::testing::message_of<IoError>([&] { AtomicFolder folder(scratch_.path() / std::string(300, 'x')); }),
      HasSubstr("name too long"));
}

TEST_F(AtomicFolderTest, ATrailingSeparatorIsNoName) {
  AtomicFolder folder(target_ / "");
  folder.publish();
  EXPECT_TRUE(fs::is_directory(target_));
}

}  // namespace
}  // namespace sotto::privacy
