// Uses one public function of each part that needs no LibTorch, and says so with its exit status.

#include <sotto/data/bert_text.h>
#include <sotto/data/dataset.h>
#include <sotto/models/safetensors.h>
#include <sotto/privacy/plan.h>

#include <cmath>
#include <cstdio>

int main() {
  const auto& preset = sotto::data::image_preset("fashion-mnist");
  const sotto::privacy::PrivacyPlan plan({.adjacency = sotto::privacy::Adjacency::add_remove,
                                          .dataset_size = preset.train_size,
                                          .expected_batch_size = 600,
                                          .steps = 100,
                                          .delta = 1e-5,
                                          .epsilon = 3.0});
  std::printf("noise multiplier %.4f for epsilon %.4f\n", plan.noise_multiplier(), plan.epsilon());
  const bool planned = plan.epsilon() <= 3.0 && plan.noise_multiplier() > 0 && std::isfinite(plan.noise_multiplier());
  bool lowered = false;
  sotto::data::for_each_bert_word("\u00C9", {},
                                  [&](std::string_view word, std::size_t) { return lowered = word == "e"; });
  return planned && lowered && sotto::models::element_bytes(sotto::models::Dtype::bf16) == 2 ? 0 : 1;
}
