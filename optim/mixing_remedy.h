#pragma once
// What to do about an operator that combines different records, by what it is usually used for.

#include <string_view>

namespace sotto::optim {

// `name` as in "aten::softmax".
const char* mixing_remedy(std::string_view name);

}  // namespace sotto::optim
