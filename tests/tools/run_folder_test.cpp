// The folder of a run: what claims it, and what stays when a run gives it up.

#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/run_folder.h>

#include "../support/scratch_folder.h"

namespace sotto::tools {
namespace {

class RunFolderTest : public ::testing::Test {
 protected:
  sotto::testing::ScratchFolder scratch_;
  const RunFolder folder_{scratch_.path() / "run"};
};

TEST_F(RunFolderTest, IsClaimedOnce) {
  EXPECT_TRUE(folder_.claim());
  EXPECT_THROW(folder_.claim(), UsageError);
  folder_.discard(true);
  EXPECT_FALSE(std::filesystem::exists(folder_.path()));
  std::filesystem::create_directory(folder_.path());
  EXPECT_FALSE(folder_.claim());
}

// A ledger that came into the folder after it was looked at holds charges of another run.
TEST_F(RunFolderTest, IsNotClaimedWhereAnythingLies) {
  std::filesystem::create_directory(folder_.path());
  folder_.require_free();
  scratch_.write("run/ledger.jsonl", {1});
  EXPECT_THROW(folder_.claim(), UsageError);
  EXPECT_TRUE(std::filesystem::exists(folder_.ledger()));
  EXPECT_FALSE(std::filesystem::exists(folder_.config()));
}

}  // namespace
}  // namespace sotto::tools
