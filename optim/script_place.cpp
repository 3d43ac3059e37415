#include <fmt/format.h>
#include <sotto/optim/script_place.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include <filesystem>
#include <string_view>
#include <vector>

namespace sotto::optim {
namespace {

// An entry of the hierarchy is "instance(Type)::function", here without the type; "::function" belongs to no instance.
std::string instance_name(std::string_view entry) {
  if (entry.starts_with("::")) return "";
  return std::string(entry.substr(0, entry.find('(')));
}

}  // namespace

ScriptPlace script_place() {
  ScriptPlace place;
  for (const std::string& entry : torch::jit::currentModuleHierarchy()) {
    const std::string name = instance_name(entry);
    if (name.empty() || name == "SELF" || name == "TOP" || name == "self") continue;
    place.module += (place.module.empty() ? "" : ".") + name;
  }
  const std::vector<torch::jit::StackEntry> calls = torch::jit::currentCallstack();
  if (!calls.empty()) {
    if (const auto at = calls.back().range.file_line_col()) {
      const std::string file = std::filesystem::path(std::get<0>(*at)).filename().string();
      place.source = fmt::format("{}:{}", file.empty() ? "source" : file, std::get<1>(*at));
    }
  }
  return place;
}

}  // namespace sotto::optim
