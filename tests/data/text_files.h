#pragma once
// Small files of texts for the tests of their readers.

#include <gtest/gtest.h>
#include <sotto/privacy/error.h>

#include <string>

#include "../support/message.h"
#include "../support/scratch_folder.h"

namespace sotto::data::testing {

class TextFileTest : public ::testing::Test {
 protected:
  std::filesystem::path file(const std::string& text) {
    return folder_.write("t.txt", sotto::testing::Bytes(text.begin(), text.end()));
  }
  template <typename Call>
  static std::string data_error(Call call) {
    return sotto::testing::message_of<DataError>(call);
  }
  template <typename Call>
  static std::string usage_error(Call call) {
    return sotto::testing::message_of<UsageError>(call);
  }
  sotto::testing::ScratchFolder folder_;
};

}  // namespace sotto::data::testing
