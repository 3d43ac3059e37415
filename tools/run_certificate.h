#pragma once
// The certificate of a private run of `sotto train`.

#include <sotto/optim/private_training.h>
#include <sotto/privacy/certificate.h>
#include <sotto/tools/training_plan.h>

namespace sotto::tools {

// Executed steps and epsilon are those of the ledger.
privacy::Certificate run_certificate(const TrainOptions& options, const TrainingPlan& plan,
                                     const optim::PrivateTraining& training);

}  // namespace sotto::tools
