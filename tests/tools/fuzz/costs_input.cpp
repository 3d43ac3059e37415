#include "costs_input.h"

#include <sotto/tools/costs_file.h>

#include <optional>

#include "../../support/fuzz_bytes.h"
#include "../../support/scratch_folder.h"

namespace sotto::tools::testing {
namespace {

using sotto::testing::check;
using sotto::testing::ScratchFolder;

const CostsKey kKnown{"a", "b", 2, "c", "d", "stock"}, kOther{"a", "b", 3, "c", "d", "fast"};
constexpr CostFigures kFigures{1.5e11, 3e11, 2.5e11, 2e10};
constexpr std::size_t kLongest = 4096;  // holds fewer entries than are kept

struct NotThere {};

std::optional<CostFigures> of_known(const std::filesystem::path& path) {
  try {
    const KeptCosts kept = kept_costs(path, kKnown, false, []() -> CostFigures { throw NotThere(); });
    check(!kept.measured && plausible(kept.figures) && kept.notice.empty());
    return kept.figures;
  } catch (const NotThere&) {
    return std::nullopt;
  }
}

}  // namespace

void take_costs_input(std::span<const std::uint8_t> bytes) {
  if (bytes.size() > kLongest) return;
  static const ScratchFolder folder(ScratchFolder::memory());
  const auto path = folder.write("costs.json", {bytes.begin(), bytes.end()});
  const std::optional<CostFigures> before = of_known(path);
  const KeptCosts kept = kept_costs(path, kOther, true, [] { return kFigures; });
  check(kept.measured && kept.figures == kFigures && kept.notice.empty());
  check(of_known(path) == before);
  const KeptCosts again = kept_costs(path, kOther, false, []() -> CostFigures { throw NotThere(); });
  check(!again.measured && again.figures == kFigures);
}

}  // namespace sotto::tools::testing
