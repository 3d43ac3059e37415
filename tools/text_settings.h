#pragma once
// How a preset of texts is trained where the user says nothing about it.

#include <sotto/tools/train_options.h>

namespace sotto::tools {

// The settings by which the README's table of the preset was made (head, epsilon 8 and 3), or none: when `given` holds
// a key that belongs with them, since they were chosen together, and for other data.
KeyTexts preset_settings(const KeyTexts& given);

}  // namespace sotto::tools
