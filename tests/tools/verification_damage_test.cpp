// Whatever is changed in the files of a run, `sotto verify` notices.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/privacy/ledger_text.h>

#include <vector>

#include "run_in_files.h"
#include "verified_files.h"

namespace sotto::tools {
namespace {

using testing::content, testing::failures, testing::put, testing::RunInFiles;
using ::testing::HasSubstr;

TEST(Verification, EveryChangedByteOfTheLedgerIsNoticed) {
  const RunInFiles run;
  const std::string whole = content(run.folder().ledger());
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ (1 << (i % 8)));
    put(run.folder().ledger(), changed);
    ASSERT_EQ(verify_run(run.folder()).code(), ExitCode::ledger_refused) << "byte " << i;
  }
}

TEST(Verification, EveryTruncationOfTheLedgerIsNoticed) {
  const RunInFiles run;
  const std::string whole = content(run.folder().ledger());
  for (size_t length = 0; length < whole.size(); ++length) {
    put(run.folder().ledger(), whole.substr(0, length));
    ASSERT_EQ(verify_run(run.folder()).code(), ExitCode::ledger_refused) << "cut to " << length << " bytes";
  }
  std::filesystem::remove(run.folder().ledger());
  EXPECT_EQ(verify_run(run.folder()).code(), ExitCode::ledger_refused);
}

TEST(Verification, LinesOfTheLedgerThatWereMovedAreNoticed) {
  const RunInFiles run;
  std::vector<std::string> lines;
  std::ifstream file(run.folder().ledger());
  for (std::string line; std::getline(file, line);) lines.push_back(line + '\n');
  for (size_t i = 0; i + 1 < lines.size(); ++i) {
    std::vector<std::string> moved = lines;
    std::swap(moved[i], moved[i + 1]);
    std::string text;
    for (const std::string& line : moved) text += line;
    put(run.folder().ledger(), text);
    EXPECT_EQ(verify_run(run.folder()).code(), ExitCode::ledger_refused) << i;
  }
}

// Nothing but the certificate and the checkpoint tells that such a ledger, which is whole in itself, is not this run's.
TEST(Verification, LedgerOfAnotherRunIsNoticed) {
  const RunInFiles run, other;
  put(run.folder().ledger(), content(other.folder().ledger()));
  const Verification found = verify_run(run.folder());
  EXPECT_EQ(found.code(), ExitCode::ledger_refused);
  EXPECT_TRUE(failures(found).contains("certificate"));
  EXPECT_TRUE(failures(found).contains("head"));
}

TEST(Verification, LedgerThatGoesOnAfterTheLastStepIsNoticed) {
  const RunInFiles run;
  const privacy::LedgerContents read = privacy::read_ledger(run.folder().ledger());
  for (const std::string& line : {privacy::ledger_text::reserve(6, 0, 2, read.head_hash),
                                  privacy::ledger_text::checkpoint({6, std::string(64, 'a')}, read.head_hash)}) {
    const std::string whole = content(run.folder().ledger());
    put(run.folder().ledger(), whole + line + '\n');
    EXPECT_EQ(verify_run(run.folder()).code(), ExitCode::ledger_refused) << line;
    put(run.folder().ledger(), whole);
  }
}

TEST(Verification, EveryChangedByteOfCertificateCheckpointConfigurationAndFilesIsNoticed) {
  const RunInFiles run;
  const RunFolder& folder = run.folder();
  for (const auto& path :
       {folder.certificate(), folder.checkpoint(), folder.config(), folder.model(), folder.metrics()}) {
    const std::string whole = content(path);
    const size_t stride = std::max<size_t>(1, whole.size() / 15);
    for (size_t i = 0; i < whole.size(); i += stride) {
      std::string changed = whole;
      changed[i] = static_cast<char>(changed[i] ^ 2);
      put(path, changed);
      const ExitCode code = verify_run(folder).code();
      // In the certificate and the checkpoint the byte may be one of the hash that ties them to the ledger.
      ASSERT_TRUE(code == ExitCode::bad_data ||
                  (code == ExitCode::ledger_refused && (path == folder.certificate() || path == folder.checkpoint())))
          << path << " byte " << i << ": " << changed.substr(i < 30 ? 0 : i - 30, 60);
    }
    put(path, whole.substr(0, whole.size() / 2));
    EXPECT_NE(verify_run(folder).code(), ExitCode::done) << path;
    put(path, whole);
  }
  EXPECT_TRUE(verify_run(folder).holds());
  std::filesystem::remove(folder.model());
  EXPECT_THAT(failures(verify_run(folder))["files"], HasSubstr("model.safetensors is missing"));
  put(folder.vocabulary(), "word\n");
  EXPECT_THAT(failures(verify_run(folder))["files"], HasSubstr("vocabulary.txt is not of this run"));
}

}  // namespace
}  // namespace sotto::tools
