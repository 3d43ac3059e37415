#pragma once
// CIFAR-10 in its binary form: records of 3,073 bytes, a label from 0 to 9 and 1,024 bytes each of red, green and blue,
// 32 x 32, row by row (Krizhevsky, 2009).

#include <sotto/data/idx.h>

#include <filesystem>
#include <span>

namespace sotto::data {

// The records of all files, in order: 3 x 32 x 32 pixels, 10 classes; plain or gzip. Throws UsageError when no file is
// given and DataError, naming the file and the record, for a label above 9, a file that is empty or no multiple of a
// record, or more than max_bytes in all.
LabelledImages read_cifar10(std::span<const std::filesystem::path> files, std::int64_t max_bytes = 1LL << 34);

}  // namespace sotto::data
