// Damaged safetensors files are refused or hold what the format promises: the corpus of the libFuzzer target, and its
// files with a few bits changed. The target itself goes further, see tools/fuzz.sh.

#include <gtest/gtest.h>
#include <sotto/models/safetensors.h>
#include <sotto/privacy/error.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "../support/scratch_folder.h"
#include "fuzz/safetensors_input.h"

namespace sotto::models {
namespace {

using sotto::testing::Bytes;

std::map<std::string, Bytes> corpus() {
  std::map<std::string, Bytes> result;
  for (const auto& entry : std::filesystem::directory_iterator(SOTTO_SAFETENSORS_CORPUS)) {
    std::ifstream file(entry.path(), std::ios::binary);
    result[entry.path().filename().string()] = {std::istreambuf_iterator<char>(file), {}};
  }
  return result;
}

// What a reader makes of a file: its tensors with their bytes, or the first words of the refusal.
std::string outcome(const std::function<SafetensorsFile()>& read) {
  try {
    const SafetensorsFile file = read();
    std::string result;
    for (const TensorView& tensor : file.tensors()) {
      result += tensor.name + "=";
      for (const std::byte byte : tensor.bytes) result += static_cast<char>(byte);
    }
    return result;
  } catch (const DataError& error) {
    return error.what();
  }
}

// The file's name is in the message where there is one.
std::string without(const std::string& path, std::string text) {
  for (const std::string& part : {" (in " + path + ")", path + ": "})
    if (const auto at = text.find(part); at != std::string::npos) text.erase(at, part.size());
  return text;
}

TEST(SafetensorsFuzzTest, TheCorpusIsReadOrRefused) {
  const auto all = corpus();
  EXPECT_GE(all.size(), 13);
  std::size_t read = 0;
  for (const auto& entry : all) {
    const Bytes& bytes = entry.second;
    testing::take_safetensors_input(bytes);
    const std::string made = outcome([&] { return SafetensorsFile::view(std::as_bytes(std::span(bytes))); });
    read += !made.starts_with("[read_safetensors]");
  }
  EXPECT_EQ(read, 5);
}

TEST(SafetensorsFuzzTest, DamagedFilesNeverCrashAndAllReadersAgree) {
  const sotto::testing::ScratchFolder folder(sotto::testing::ScratchFolder::memory());
  std::mt19937 random(20240611);
  for (const auto& [name, whole] : corpus()) {
    for (int i = 0; i < 400; ++i) {
      Bytes bytes = whole;
      const int flips = 1 + static_cast<int>(random() % 3);
      for (int k = 0; k < flips; ++k) bytes[random() % bytes.size()] ^= static_cast<std::uint8_t>(1U << (random() % 8));
      if (i % 7 == 0) bytes.resize(random() % bytes.size());
      testing::take_safetensors_input(bytes);
      if (i % 4 != 0) continue;
      const auto path = folder.write("file", bytes);
      const std::string viewed = outcome([&] { return SafetensorsFile::view(std::as_bytes(std::span(bytes))); });
      EXPECT_EQ(without(path.string(), outcome([&] { return SafetensorsFile::read(path); })), viewed) << name;
      EXPECT_EQ(without(path.string(), outcome([&] { return SafetensorsFile::map(path); })), viewed) << name;
    }
  }
}

}  // namespace
}  // namespace sotto::models
