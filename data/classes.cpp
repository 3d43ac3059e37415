#include <sotto/data/classes.h>

#include <set>

namespace sotto::data {

bool are_class_names(std::span<const std::string> names) {
  const std::set<std::string> distinct(names.begin(), names.end());
  return names.size() >= kMinClasses && names.size() <= kMaxClasses && distinct.size() == names.size() &&
         !distinct.contains("");
}

}  // namespace sotto::data
