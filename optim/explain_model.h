#pragma once
// Everything that can be known of a model before a private record is read: the table of a run on made-up records, the
// probe, and the comparison of per-record gradients with autograd. What `sotto explain` prints, and what private
// training insists on.

#include <sotto/optim/explanation.h>
#include <sotto/optim/input_spec.h>
#include <sotto/optim/probe.h>
#include <sotto/optim/tape.h>

#include <functional>
#include <vector>

namespace sotto::optim {

struct ExplainOptions {
  int64_t batch = 4;  // made-up records, at least 2
  uint64_t seed = 1;
  int64_t pass = 0;       // another size of a batch for the probe: that of a forward pass of training
  TapeOptions tape = {};  // fallback and phase_ended are not used
};

// Tape::explain on made-up records, then probe() and compare_rules(); the verdict is `probed` when all passed. What the
// model itself throws is a problem of the explanation, not an exception. Throws UsageError for bad options or specs, or
// parameters that cannot be trained.
Explanation explain_model(const std::vector<NamedParameter>& parameters, const std::vector<at::Tensor>& constants,
                          const std::vector<InputSpec>& specs,
                          const std::function<at::Tensor(const std::vector<at::Tensor>&)>& losses,
                          ExplainOptions options = {});

}  // namespace sotto::optim
