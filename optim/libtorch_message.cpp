#include <c10/util/Exception.h>
#include <sotto/optim/libtorch_message.h>

#include <algorithm>

namespace sotto::optim {

std::string libtorch_message(const std::exception& error) {
  const auto* own = dynamic_cast<const c10::Error*>(&error);
  std::string text = own != nullptr ? own->what_without_backtrace() : error.what();
  for (const std::string mark : {"\nRuntimeError: ", "\nIndexError: ", "\nValueError: "})
    if (const size_t at = text.rfind(mark); at != std::string::npos) text.erase(0, at + mark.size());
  text.erase(0, text.find_first_not_of('\n'));
  return text.substr(0, text.find('\n'));
}

}  // namespace sotto::optim
