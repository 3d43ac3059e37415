#pragma once
// Low-rank adaptation (Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022) of the linear layers
// of any module, and in script_lora.h of a TorchScript file: a layer's weight becomes W + (alpha / rank) B A with W
// [p, d] frozen, B [p, rank] and A [rank, d] trained. Private training sees both factors alone
// (optim/low_rank_use.h): no gradient of the size of W is formed, and W has no state of an optimizer. Every apply()
// makes one tensor of the size of each W.
//
//   models::train_only(*net, {"head.*"});                        // frozen.h
//   models::Lora lora(*net, {.rank = 8, .alpha = 16, .targets = {"*query", "*value"}});
//   torch::optim::AdamW optimizer(models::trained(*net));
//   ... losses: [&](const auto& x) { lora.apply(); return losses_of(net->forward(x[0]), x[1]); }

#include <sotto/models/lora_factors.h>
#include <sotto/models/state.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace sotto::models {

class Lora {
 public:
  // Registers lora_A (uniform in +-1 / sqrt(d), as a linear layer's weight is drawn) and lora_B (zeros) in every
  // target, so that they are parameters of `module`, and freezes the targets' weights. The other parameters stay as
  // they are: freeze them before. A layer with several names is adapted once. Throws UsageError for options out of
  // range, a pattern that matches no linear layer, a weight that is no parameter, and a layer that is adapted already;
  // then nothing was changed.
  Lora(torch::nn::Module& module, const LoraOptions& options);

  // Gives every target its weight of now. In the losses, before every forward pass, and within a segment that is
  // computed again (optim/checkpoint.h): without it the layers go on with the weight of an earlier call, which private
  // training refuses. Throws UsageError when gradients are on and no factor is trained.
  void apply();

  // Adds (alpha / rank) B A to the frozen weights, which the layers have again from then on, and sets B to 0. The
  // factors stay parameters of the module.
  void merge();

  int64_t rank() const { return rank_; }
  double alpha() const { return alpha_; }
  double scale() const { return alpha_ / static_cast<double>(rank_); }
  bool merged() const { return merged_; }  // the weights are no longer those that were adapted
  const std::vector<std::string>& targets() const { return names_; }  // names of the adapted layers
  // NAME.lora_A and NAME.lora_B of every target, in order.
  std::vector<NamedTensor> factors() const;

 private:
  struct Adapted {
    std::shared_ptr<torch::nn::LinearImpl> linear;
    LoraFactors factors;
  };
  std::vector<Adapted> adapted_;
  std::vector<std::string> names_;
  int64_t rank_;
  double alpha_;
  bool merged_ = false;
};

// The parameters of a module without the factors that were registered in it: after merge(), those of the module as it
// was before it was adapted, with the new weights.
std::vector<NamedTensor> merged_parameters(const torch::nn::Module& module);

}  // namespace sotto::models
