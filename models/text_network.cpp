#include <ATen/core/grad_mode.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <sotto/models/encoder.h>
#include <sotto/models/lstm.h>
#include <sotto/models/module_state.h>
#include <sotto/models/text_network.h>
#include <sotto/models/text_script.h>
#include <sotto/privacy/error.h>

#include <cmath>
#include <optional>
#include <utility>
#include <vector>

namespace sotto::models {
namespace {

// Dimensions of [B, K, T] and [B, K, width, T], K texts of a record each.
constexpr int64_t kTextsOfIds = 3, kTextsOfStates = 4;

// Groups as rows of their own, and back. `texts`: dimensions of groups.
template <class Rows>
at::Tensor by_text(const at::Tensor& inputs, int64_t texts, Rows&& rows) {
  if (inputs.dim() != texts) return rows(inputs);
  return rows(inputs.flatten(0, 1)).unflatten(0, {inputs.size(0), inputs.size(1)});
}

class AdaptedNetwork : public Network, private Centred {
 public:
  AdaptedNetwork(const TextClassifier& classifier, Adaptation adaptation, const AdaptationOptions& options)
      : classifier_(classifier), head_(adaptation == Adaptation::head) {
    if (!head_ && options.layers) below_ = static_cast<int64_t>(classifier_->bert->layers.size()) - *options.layers;
    lora_ = adapt(*classifier_, adaptation, options);
    register_module("bert", classifier_->bert);
    register_module("classifier", classifier_->classifier);
    if (classifier_->centre.defined()) register_buffer("centre", classifier_->centre);
  }

  at::Tensor forward(const at::Tensor& prepared) override {
    if (head_) return classifier_->scores(prepared);
    if (lora_) lora_->apply();
    return by_text(prepared, texts(), [&](const at::Tensor& inputs) { return classifier_->scores(from(inputs)); });
  }

  at::Tensor prepare(const at::Tensor& inputs) const override {
    if (!prepares()) return inputs;
    const at::NoGradGuard no_grad;
    return by_text(inputs, kTextsOfIds, [&](const at::Tensor& ids) { return prepared_texts(ids); });
  }
  bool prepares() const override { return head_ || below_; }
  bool keeps_places() const override { return below_.has_value(); }

  Centred* centred() override { return classifier_->centre.defined() ? this : nullptr; }

 private:
  int64_t width() const override { return classifier_->centre.size(0); }
  // Of vectors of length 1, side by side.
  double norm() const override { return std::sqrt(static_cast<double>(classifier_->bert->layers.size()) + 1); }
  // Of a group, that of its first text.
  at::Tensor vectors(const at::Tensor& prepared) override {
    const at::NoGradGuard no_grad;
    const at::Tensor first = prepared.dim() == texts() ? prepared.select(1, 0) : prepared;
    if (head_) return first;
    if (lora_) lora_->apply();
    return from(first);
  }
  at::Tensor centre() const override { return classifier_->centre; }

  // Places of a group that hold no text, padding alone, become 0 and take no time.
  at::Tensor prepared_texts(const at::Tensor& ids) const {
    const at::Tensor texts = ids.ne(classifier_->bert->options.padding).any(1).nonzero().squeeze(1);
    const bool all = texts.size(0) == 0 || texts.size(0) == ids.size(0);
    const at::Tensor some = all ? ids : ids.index_select(0, texts);
    const at::Tensor prepared = below_ ? classifier_->states_below(some, *below_) : classifier_->vectors(some);
    if (all) return prepared;
    std::vector<int64_t> sizes = prepared.sizes().vec();
    sizes[0] = ids.size(0);
    return at::zeros(sizes, prepared.options()).index_copy_(0, texts, prepared);
  }

  // Of what forward() takes: dimensions of groups, and vectors of texts.
  int64_t texts() const { return below_ ? kTextsOfStates : kTextsOfIds; }
  at::Tensor from(const at::Tensor& inputs) {
    return below_ ? classifier_->vectors_above(inputs, *below_) : classifier_->vectors(inputs);
  }

  mutable TextClassifier classifier_;
  std::unique_ptr<Lora> lora_;
  bool head_;
  std::optional<int64_t> below_;  // layers that are prepared
};

constexpr const char* kScratch = "network";
constexpr const char* kScratchPrefix = "network.";

// A module with forward(ids), under its own names.
template <class Holder>
class Scratch : public Network {
 public:
  explicit Scratch(Holder network) : network_(register_module(kScratch, std::move(network))) {}
  at::Tensor forward(const at::Tensor& prepared) override {
    if (prepared.dim() != kTextsOfIds) return network_->forward(prepared);
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

constexpr int64_t kWidth = 64;  // of embedding and LSTM

LstmClassifier small_lstm(const TextNetworkOptions& o) {
  return LstmClassifier(LstmOptions{
      .vocabulary = o.vocabulary, .embedding = kWidth, .hidden = kWidth, .classes = o.outputs, .padding = o.padding});
}

MeanOfWords bag(const TextNetworkOptions& o) {
  return MeanOfWords(o.vocabulary, kWidth, o.outputs, o.padding);
}

// What `use` makes of the network of that name.
template <class Use>
auto with_network(const char* function, const std::string& name, const TextNetworkOptions& o, Use&& use) {
  if (name == "small-encoder") return use(small_encoder(o));
  if (name == "lstm") return use(small_lstm(o));
  if (name == "bag") return use(bag(o));
  throw UsageError(fmt::format("[{}] unknown network: '{}'; allowed are small-encoder, lstm, bag", function, name));
}

std::shared_ptr<Network> as_network(const TextClassifier& classifier) {
  return make_adapted_network(classifier, Adaptation::full);
}
template <class Holder>
std::shared_ptr<Network> as_network(Holder network) {
  return std::make_shared<Scratch<Holder>>(std::move(network));
}

// In front of the names of parameters in the state of as_network().
constexpr const char* prefix_of(const TextClassifier&) {
  return "";
}
template <class Holder>
constexpr const char* prefix_of(const Holder&) {
  return kScratchPrefix;
}

}  // namespace

std::shared_ptr<Network> make_adapted_network(const TextClassifier& classifier, Adaptation adaptation,
                                              const AdaptationOptions& options) {
  return std::make_shared<AdaptedNetwork>(classifier, adaptation, options);
}

std::shared_ptr<Network> make_text_network(const std::string& name, const TextNetworkOptions& o) {
  return with_network("make_text_network", name, o, [](const auto& network) { return as_network(network); });
}

torch::jit::Module text_network_script(const std::string& name, const TextNetworkOptions& o,
                                       const std::filesystem::path& weights) {
  return with_network("text_network_script", name, o, [&](const auto& network) {
    std::vector<NamedTensor> tensors = module_parameters(*network);
    for (NamedTensor& named : tensors) named.name = prefix_of(network) + named.name;
    load_state(weights, tensors);
    return text_script(*network);
  });
}

}  // namespace sotto::models
