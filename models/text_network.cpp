#include <ATen/core/grad_mode.h>
#include <ATen/ops/stack.h>
#include <fmt/format.h>
#include <sotto/models/encoder.h>
#include <sotto/models/lstm.h>
#include <sotto/models/text_network.h>
#include <sotto/privacy/error.h>

#include <cmath>
#include <utility>
#include <vector>

namespace sotto::models {
namespace {

constexpr int64_t kTextsOfARecord = 3;  // dimensions of [B, K, T]

// Groups as rows of their own, and back.
template <class Rows>
at::Tensor by_text(const at::Tensor& ids, Rows&& rows) {
  if (ids.dim() != kTextsOfARecord) return rows(ids);
  const at::Tensor result = rows(ids.view({ids.size(0) * ids.size(1), ids.size(2)}));
  return result.view({ids.size(0), ids.size(1), result.size(1)});
}

class AdaptedNetwork : public Network, private Centred {
 public:
  AdaptedNetwork(const TextClassifier& classifier, Adaptation adaptation, const LoraOptions& options)
      : classifier_(classifier), prepares_(adaptation == Adaptation::head) {
    lora_ = adapt(*classifier_, adaptation, options);
    register_module("bert", classifier_->bert);
    register_module("classifier", classifier_->classifier);
    if (classifier_->centre.defined()) register_buffer("centre", classifier_->centre);
  }

  at::Tensor forward(const at::Tensor& prepared) override {
    if (prepares_) return classifier_->scores(prepared);
    if (lora_) lora_->apply();
    return by_text(prepared, [&](const at::Tensor& ids) { return classifier_->forward(ids); });
  }

  at::Tensor prepare(const at::Tensor& inputs) const override {
    const at::NoGradGuard no_grad;
    return by_text(inputs, [&](const at::Tensor& ids) { return classifier_->vectors(ids); });
  }
  bool prepares() const override { return prepares_; }

  Centred* centred() override { return classifier_->centre.defined() ? this : nullptr; }

 private:
  int64_t width() const override { return classifier_->centre.size(0); }
  // Of vectors of length 1, side by side.
  double norm() const override { return std::sqrt(static_cast<double>(classifier_->bert->layers.size()) + 1); }
  // Of a group, that of its first text.
  at::Tensor vectors(const at::Tensor& prepared) override {
    const at::NoGradGuard no_grad;
    const at::Tensor first = prepared.dim() == kTextsOfARecord ? prepared.select(1, 0) : prepared;
    if (prepares_) return first;
    if (lora_) lora_->apply();
    return classifier_->vectors(first);
  }
  void set_centre(const at::Tensor& centre) override {
    const at::NoGradGuard no_grad;
    classifier_->centre.copy_(centre);
  }

  mutable TextClassifier classifier_;
  std::unique_ptr<Lora> lora_;
  bool prepares_;
};

// A module with forward(ids), under its own names.
template <class Holder>
class Scratch : public Network {
 public:
  explicit Scratch(Holder network) : network_(register_module("network", std::move(network))) {}
  at::Tensor forward(const at::Tensor& prepared) override {
    if (prepared.dim() != kTextsOfARecord) return network_->forward(prepared);
    // One after the other: the layer of an LSTM takes records along a dimension of their own.
    std::vector<at::Tensor> scores;
    for (int64_t k = 0; k < prepared.size(1); ++k) scores.push_back(network_->forward(prepared.select(1, k)));
    return at::stack(scores, 1);
  }

 private:
  Holder network_;
};

TextClassifier small_encoder(const TextNetworkOptions& o) {
  return TextClassifier(TextClassifierOptions{.bert = {.vocabulary = o.vocabulary,
                                                       .width = 128,
                                                       .layers = 2,
                                                       .heads = 4,
                                                       .feed_forward = 512,
                                                       .positions = o.most_tokens,
                                                       .token_types = 1,
                                                       .padding = o.padding},
                                              .outputs = o.outputs});
}

}  // namespace

std::shared_ptr<Network> make_adapted_network(const TextClassifier& classifier, Adaptation adaptation,
                                              const LoraOptions& lora) {
  return std::make_shared<AdaptedNetwork>(classifier, adaptation, lora);
}

std::shared_ptr<Network> make_text_network(const std::string& name, const TextNetworkOptions& o) {
  constexpr int64_t kWidth = 64;
  if (name == "small-encoder") return make_adapted_network(small_encoder(o), Adaptation::full);
  if (name == "lstm")
    return std::make_shared<Scratch<LstmClassifier>>(LstmClassifier(LstmOptions{.vocabulary = o.vocabulary,
                                                                                .embedding = kWidth,
                                                                                .hidden = kWidth,
                                                                                .classes = o.outputs,
                                                                                .padding = o.padding}));
  if (name == "bag")
    return std::make_shared<Scratch<MeanOfWords>>(MeanOfWords(o.vocabulary, kWidth, o.outputs, o.padding));
  throw UsageError(
      fmt::format("[make_text_network] unknown network: '{}'; allowed are small-encoder, lstm, bag", name));
}

}  // namespace sotto::models
