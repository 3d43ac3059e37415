#pragma once
// What a call is refused with.

#include <string>

namespace sotto::testing {

// The message of the error of this type that `call` throws; another one passes through.
template <typename ErrorType, typename Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (const ErrorType& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace sotto::testing
