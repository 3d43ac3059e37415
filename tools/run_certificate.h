#pragma once
// The certificate of a private run of `sotto train`.

#include <sotto/optim/private_training.h>
#include <sotto/privacy/certificate.h>
#include <sotto/tools/certificates.h>
#include <sotto/tools/training_plan.h>

namespace sotto::tools {

// `model_sha256` is that of the user's model file, empty for a ready network; `base`, what came with the weights that
// training began with. Executed steps and epsilon are those of the ledger.
privacy::Certificate run_certificate(const TrainOptions& options, const TrainingPlan& plan,
                                     const optim::PrivateTraining& training, const std::string& model_sha256,
                                     const Certificates& base);

}  // namespace sotto::tools
