// Reads a safetensors file and writes what it holds as another, for compare_safetensors.py.
//
//   copy_safetensors read|map FROM TO

#include <sotto/models/safetensors.h>

#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string_view>

int main(int count, char** arguments) try {
  using sotto::models::SafetensorsFile;
  if (count != 4) throw std::runtime_error("needs read or map, a file to read and one to write");
  const bool map = std::string_view(arguments[1]) == "map";
  const SafetensorsFile file = map ? SafetensorsFile::map(arguments[2]) : SafetensorsFile::read(arguments[2]);
  sotto::models::write_safetensors(arguments[3], file.tensors(), file.metadata());
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
