#pragma once
// The optimizer of a run, by name, and what a checkpoint keeps of it.

#include <sotto/models/trainable_model.h>
#include <sotto/tools/training_plan.h>
#include <torch/optim/optimizer.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace sotto::tools {

// torch::optim::SGD with momentum, Adam or AdamW, or CorrectedAdam, over the model's trainable parameters: one group,
// or with --encoder-lr the classifier and, second, all others.
std::unique_ptr<torch::optim::Optimizer> make_optimizer(const TrainOptions& options, const TrainingPlan& plan,
                                                        const models::TrainableModel& model);

// Every group's rate, times a factor.
void set_lr(torch::optim::Optimizer& optimizer, const TrainOptions& options, const TrainingPlan& plan, double factor);

// What it keeps for each parameter, PREFIX.NAME: the momentum of SGD, both moments of Adam and AdamW. Zeros, which mean
// the same as nothing, are made where there is none yet.
std::vector<models::NamedTensor> optimizer_tensors(torch::optim::Optimizer& optimizer,
                                                   const models::TrainableModel& model);

// Updates so far, which Adam and AdamW count; set_updates() after the tensors were filled from a checkpoint.
void set_updates(torch::optim::Optimizer& optimizer, const models::TrainableModel& model, int64_t updates);

}  // namespace sotto::tools
