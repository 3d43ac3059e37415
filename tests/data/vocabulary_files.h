#pragma once
// Text files for the tests of tokenizers, and what the readers refuse them with.

#include <sotto/privacy/error.h>

#include <string>

#include "../support/message.h"
#include "../support/scratch_folder.h"

namespace sotto::data::testing {

class TextFiles {
 public:
  std::filesystem::path write(const std::string& text, const std::string& name = "file.txt") const {
    return folder_.write(name, sotto::testing::Bytes(text.begin(), text.end()));
  }
  std::filesystem::path path() const { return folder_.path(); }

 private:
  sotto::testing::ScratchFolder folder_;
};

template <typename Call>
std::string refusal(Call call) {
  return sotto::testing::message_of<DataError>(call);
}

}  // namespace sotto::data::testing
