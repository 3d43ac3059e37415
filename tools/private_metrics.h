#pragma once
// Noisy accuracy and loss of a model on its private training records: what is made of one evaluation that the plan
// charges (privacy/planned_evaluations.h). Divided by the declared number of records, or of groups where these are the
// unit of privacy; a group counts once, by the mean over its own texts.

#include <ATen/core/Tensor.h>
#include <sotto/models/trainable_model.h>
#include <sotto/optim/private_training.h>

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace sotto::tools {

struct PrivateMetrics {
  std::int64_t evaluation = 0;  // its number in the ledger, from 1
  double accuracy = 0;          // may lie below 0 or above 1: the noise is left as it was drawn
  double accuracy_deviation = 0;
  double loss = 0;  // of records whose loss counts as at most B
  double loss_deviation = 0;
};

// What each record contributes, [B, 2], double: the share of its labels that have the largest score, and its mean loss
// up to `largest_loss` as a share of that, both divided by sqrt(2); a loss that is not finite counts as the largest.
// scores and labels as in models/record_losses.h, of classes.
at::Tensor metric_rows(const at::Tensor& scores, const at::Tensor& labels, double largest_loss);

// Charges one of the planned evaluations and makes it, in evaluation mode. Throws as PrivateTraining::evaluate().
PrivateMetrics private_metrics(optim::PrivateTraining& training, models::TrainableModel& model, double largest_loss);
// Whether it could be made: on made-up records, and charges nothing.
void examine_private_metrics(optim::PrivateTraining& training, models::TrainableModel& model);

// "private accuracy 0.873 +- 0.005, private loss 0.41 +- 0.02"
std::string to_text(const PrivateMetrics& metrics);
// Adds the same to a line of metrics.jsonl, by the names of learning_curve.h.
void add_to(nlohmann::ordered_json& object, const PrivateMetrics& metrics);

}  // namespace sotto::tools
