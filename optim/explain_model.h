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
  TapeOptions tape = {};  // phase_ended is not used
};

// Tape::explain on made-up records, then probe() and compare_rules(); the verdict is `probed` when all passed. With
// Fallback::per_record there are no rules to show or to compare: each record is run on its own, and probed so. What is
// refused and what the model itself throws are problems of the explanation (problems.h). Throws UsageError for bad
// options or specs, or parameters that cannot be trained.
Explanation explain_model(const std::vector<NamedParameter>& parameters, const std::vector<at::Tensor>& constants,
                          const std::vector<InputSpec>& specs,
                          const std::function<at::Tensor(const std::vector<at::Tensor>&)>& losses,
                          ExplainOptions options = {});

}  // namespace sotto::optim
