#pragma once
// The file in the user's cache folder that keeps what was measured of machines, so that it is measured once. It holds
// nothing of any data.

#include <sotto/tools/cost_figures.h>

#include <filesystem>
#include <functional>
#include <string>

namespace sotto::tools {

// All that the figures depend on. Where any of it differs, they are those of another machine.
struct CostsKey {
  std::string processor;        // "AMD EPYC 9V74"
  std::string instruction_set;  // of sotto's kernels and of LibTorch's
  int threads = 0;
  std::string libtorch;  // version
  std::string sotto;     // version
  std::string matmul;    // stock or fast

  bool operator==(const CostsKey&) const = default;
};

struct KeptCosts {
  CostFigures figures;
  bool measured = false;  // now, not read from the file
  std::string notice;     // why they could not be kept, one line; or ""
};

// $XDG_CACHE_HOME/sotto/kernel_costs.json where that is an absolute path, otherwise $HOME/.cache/sotto/...; empty when
// there is neither.
std::filesystem::path costs_path();

// The figures of `key` in the file, or those of `measure`, which are then written there: under a temporary name that is
// renamed, with the entries of other keys, of which the newest 31 stay. With `refresh` they are measured in any case. A
// file that is missing, damaged or too large is written anew. One that cannot be written is no error but a notice. Of
// two programs that write at the same time one wins, and the other's figures are measured again some day.
KeptCosts kept_costs(const std::filesystem::path& path, const CostsKey& key, bool refresh,
                     const std::function<CostFigures()>& measure);

}  // namespace sotto::tools
