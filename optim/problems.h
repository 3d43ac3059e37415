#pragma once
// How what goes wrong while a model is explained becomes a problem of the explanation.

#include <sotto/optim/explanation.h>

#include <functional>

namespace sotto::optim {

// Runs `work`. What sotto refuses (UsageError, DataError) is added to the problems, and so is what the model itself
// throws, which is also its `failure`. Other errors of sotto, a fault of its own for example, and a lack of memory pass
// through. True when nothing was thrown.
bool collect_problems(Explanation& explanation, const std::function<void()>& work);

}  // namespace sotto::optim
