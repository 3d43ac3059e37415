#include <array>

#include "detectors.h"

namespace sotto::testing {

std::span<const Detector> detectors() {
  static constexpr std::array kAll = {Detector{"guard", training_guards}, Detector{"guard", ledger_guards},
                                      Detector{"probe", probes}, Detector{"audit", audits}, Detector{"verify", checks}};
  return kAll;
}

}  // namespace sotto::testing
