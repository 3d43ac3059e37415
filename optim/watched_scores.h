#pragma once
// What a model gives for every record of a physical batch without training on it, watched as a step is (tape.h).

#include <ATen/core/Tensor.h>
#include <sotto/optim/named_parameter.h>
#include <sotto/optim/tape.h>

#include <functional>
#include <vector>

namespace sotto::optim {

// scores(inputs), [B, ...], with the records in dimension 0, as they are in every input; detached. With
// Fallback::per_record each record is run on its own, B passes. Throws UsageError, as the tape does, where a record
// could reach what another one gets, where a tensor of unknown origin is used, and for scores of another form.
at::Tensor watched_scores(const std::vector<NamedParameter>& parameters, const std::vector<at::Tensor>& constants,
                          const std::vector<at::Tensor>& inputs,
                          const std::function<at::Tensor(const std::vector<at::Tensor>&)>& scores, Fallback fallback);

}  // namespace sotto::optim
