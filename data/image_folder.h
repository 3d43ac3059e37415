#pragma once
// Folders of PNG and JPEG pictures.

#include <sotto/data/idx.h>
#include <sotto/data/picture.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace sotto::data {

// What is declared about the pictures; nothing of it is read from them.
struct ImageFolderOptions {
  PictureShape shape;
  std::vector<std::string> classes;    // 2 to 256 distinct names; the label is the place in this list
  std::int64_t max_bytes = 1LL << 34;  // of all decoded pictures together
};

// FOLDER/CLASS/FILE for the declared classes: files ending in .png, .jpg or .jpeg in any case, ordered by class and
// then by name. A class without a folder has no pictures. Throws UsageError for bad options; DataError, naming the
// file, for a folder that is no declared class, any other file, a deeper folder, a picture that read_picture refuses,
// no picture at all, or more than max_bytes.
LabelledImages read_image_folder(const std::filesystem::path& folder, const ImageFolderOptions& options);

}  // namespace sotto::data
