#pragma once
// What private training does before it reads a private record: it explains the model on made-up ones (explain_model.h)
// and refuses it, or says what is good to know.

#include <sotto/optim/batch_fit.h>
#include <sotto/optim/input_spec.h>
#include <sotto/optim/tape.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace sotto::optim {

// The largest physical batch up to `records_per_pass` >= 2 that can be held within options.memory_bytes > 0, from runs
// on made-up records: shapes alone decide. Nothing where that cannot be found out: the model fails on made-up records
// or is refused, which preflight() will say, or a profiler of LibTorch takes the counter's place.
std::optional<BatchFit> fit_batch(const std::vector<NamedParameter>& parameters,
                                  const std::vector<at::Tensor>& constants, const std::vector<InputSpec>& specs,
                                  const TapeOptions& options,
                                  const std::function<at::Tensor(const std::vector<at::Tensor>&)>& losses,
                                  int64_t records_per_pass);

// Returns notes for the user: what was tried, what could not be, what was replaced (a fused layer),
// and with Fallback::per_record what it costs, for a step of `records_per_step` too. Throws UsageError when the model
// is refused. What the model itself throws is an error when its inputs were `declared`, and a note when they were only
// derived from the records' sizes and dtypes: it may not be meant for such values.
std::vector<std::string> preflight(const std::vector<NamedParameter>& parameters,
                                   const std::vector<at::Tensor>& constants, const std::vector<InputSpec>& specs,
                                   bool declared, const TapeOptions& options,
                                   const std::function<at::Tensor(const std::vector<at::Tensor>&)>& losses,
                                   int64_t records_per_pass, double records_per_step);

}  // namespace sotto::optim
