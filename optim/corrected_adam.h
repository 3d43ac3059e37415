#pragma once
// Adam whose second moment is corrected for the noise of the private gradient (Tang, Shpilevskiy and Lecuyer,
// "DP-AdamBC: Your DP-Adam Is Actually DP-SGD (Unless You Apply Bias Correction)", AAAI 2024). The mean of squares of a
// private gradient is that of the gradient plus the variance of the noise, V = (noise multiplier x sensitivity /
// expected batch size)^2, which hides it where the noise is larger: every coordinate then moves alike. Here a step
// moves by
//
//   lr * m / sqrt(max(v - V, floor)),
//
// m and v the bias-corrected means. Post-processing of the private gradient: it costs nothing. Weight decay is
// decoupled, as in AdamW; amsgrad and eps are not used.

#include <torch/optim/adamw.h>

#include <vector>

namespace sotto::optim {

class CorrectedAdam : public torch::optim::AdamW {
 public:
  // noise_stddev: of a coordinate of .grad, finite, at least 0. floor: of v - V, finite, at least 0, where 0 stands for
  // V sqrt(2 (1 - beta2) / (1 + beta2)): the standard deviation of v where there is noise alone. Throws UsageError for
  // values out of range and for amsgrad. Give it to PrivateTraining as any optimizer.
  CorrectedAdam(std::vector<torch::optim::OptimizerParamGroup> groups, double noise_stddev,
                torch::optim::AdamWOptions options = {}, double floor = 0);
  CorrectedAdam(std::vector<at::Tensor> parameters, double noise_stddev, torch::optim::AdamWOptions options = {},
                double floor = 0);

  torch::Tensor step(LossClosure closure = nullptr) override;

 private:
  void update(at::Tensor& parameter, const torch::optim::AdamWOptions& options);

  double variance_, floor_;
};

}  // namespace sotto::optim
