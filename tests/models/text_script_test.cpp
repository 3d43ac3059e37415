// A classifier of texts as a TorchScript file: what LibTorch makes of it is what the network says of one text at a
// time, and private training takes it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/models/frozen.h>
#include <sotto/models/module_state.h>
#include <sotto/models/record_losses.h>
#include <sotto/models/script_file.h>
#include <sotto/models/script_model.h>
#include <sotto/models/text_script.h>
#include <sotto/privacy/error.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/torch.h>

#include <set>

#include "../optim/oracle.h"
#include "../support/message.h"
#include "../support/scratch_folder.h"

namespace sotto::models {
namespace {

using sotto::testing::message_of;
using ::testing::ElementsAre, ::testing::HasSubstr, ::testing::UnorderedElementsAre;
using torch::Tensor;

constexpr int64_t kVocabulary = 30, kPadding = 4, kWidth = 8, kLayers = 2;
constexpr Pooling kPoolings[] = {Pooling::mean, Pooling::first, Pooling::layers};

TextClassifier classifier(Pooling pooling, int64_t outputs = 3, bool centred = false) {
  torch::manual_seed(6);
  TextClassifier model(TextClassifierOptions{.bert = {.vocabulary = kVocabulary,
                                                      .width = kWidth,
                                                      .layers = kLayers,
                                                      .heads = 2,
                                                      .feed_forward = 12,
                                                      .positions = 12,
                                                      .norm_epsilon = 1e-5,
                                                      .padding = kPadding},
                                             .outputs = outputs,
                                             .pooling = pooling,
                                             .centred = centred});
  const torch::NoGradGuard no_grad;
  for (Tensor& parameter : model->parameters()) parameter.normal_();
  return model;
}

// Of different lengths; the third has the id of padding within.
const std::vector<std::vector<int64_t>> kTexts = {{5, 1, 29, 7, 3}, {2}, {9, kPadding, 8}, {1, 2, 3, 5, 6, 7, 8, 9}};

Tensor batch(int64_t length) {
  Tensor ids = torch::full({static_cast<int64_t>(kTexts.size()), length}, kPadding, torch::kLong);
  for (size_t i = 0; i < kTexts.size(); ++i)
    ids[static_cast<int64_t>(i)].slice(0, 0, static_cast<int64_t>(kTexts[i].size())).copy_(torch::tensor(kTexts[i]));
  return ids;
}

// Without padding, by the network itself.
Tensor one_by_one(TextClassifier& model) {
  const torch::NoGradGuard no_grad;
  std::vector<Tensor> rows;
  for (const auto& text : kTexts) rows.push_back(model(torch::tensor(text).unsqueeze(0)));
  return torch::cat(rows);
}

class TextScript : public ::testing::Test {
 protected:
  torch::jit::Module written(const TextClassifier& model, const std::map<std::string, std::string>& texts = {}) const {
    write_script(file_, text_script(*model), texts);
    return torch::jit::load(file_.string());
  }
  sotto::testing::ScratchFolder folder_;
  const std::filesystem::path file_ = folder_.path() / "model.ts";
};

TEST_F(TextScript, SaysOfABatchWhatTheNetworkSaysOfOneTextAtATime) {
  const torch::NoGradGuard no_grad;
  for (const Pooling pooling : kPoolings) {
    for (const int64_t outputs : {1, 3}) {
      TextClassifier model = classifier(pooling, outputs);
      const Tensor expected = one_by_one(model);
      torch::jit::Module module = written(model);
      for (const bool training : {false, true}) {
        module.train(training);
        for (int call = 0; call < 3; ++call) {  // the interpreter replaces operators from the second call on
          for (const int64_t length : {8, 12}) {
            const Tensor scores = module.forward({batch(length)}).toTensor();
            ASSERT_EQ(scores.sizes(), expected.sizes());
            EXPECT_LT((scores - expected).abs().max().item<double>(), 1e-5) << static_cast<int>(pooling);
          }
        }
      }
      EXPECT_GT((expected[0] - expected[3]).abs().max().item<double>(), 1e-2) << "all texts are alike";
    }
  }
}

// The networks from scratch: of a batch what each text alone gets, with the gradients that autograd has.
template <class Holder>
void expect_script_of(Holder network, const std::filesystem::path& file) {
  {
    const torch::NoGradGuard no_grad;
    torch::manual_seed(8);
    for (Tensor& parameter : network->parameters()) parameter.normal_();
    std::vector<Tensor> rows;
    for (const auto& text : kTexts) rows.push_back(network(torch::tensor(text).unsqueeze(0)));
    const Tensor expected = torch::cat(rows);
    write_script(file, text_script(*network));
    torch::jit::Module module = torch::jit::load(file.string());
    for (int call = 0; call < 3; ++call)
      for (const int64_t length : {8, 12})
        EXPECT_LT((module.forward({batch(length)}).toTensor() - expected).abs().max().item<double>(), 1e-5);
    EXPECT_GT((expected[0] - expected[3]).abs().max().item<double>(), 1e-2) << "all texts are alike";
    EXPECT_EQ(module.named_parameters().size(), network->named_parameters().size());
  }
  network->to(torch::kDouble);
  write_script(file, text_script(*network));
  const auto model = load_script_model(read_model_file(file), "model.ts");
  optim::testing::Model recorded;
  for (const NamedTensor& named : model->trainable()) recorded.parameters.push_back({named.name, named.tensor});
  recorded.inputs = {batch(8), torch::tensor({0, 2, 1, 1})};
  recorded.losses = [&](const std::vector<Tensor>& x) { return record_losses(model->forward(x[0]), x[1]); };
  const auto errors = optim::testing::compare(recorded);
  EXPECT_LT(errors.norm, 1e-9);
  EXPECT_LT(errors.weighted, 1e-9);
}

TEST_F(TextScript, SaysWhatABagOfWordsSays) {
  expect_script_of(MeanOfWords(kVocabulary, kWidth, 3, kPadding), file_);
}

TEST_F(TextScript, SaysWhatAnLstmSays) {
  for (const int64_t layers : {1, 2})
    expect_script_of(LstmClassifier(LstmOptions{.vocabulary = kVocabulary,
                                                .embedding = 5,
                                                .hidden = 6,
                                                .layers = layers,
                                                .classes = 3,
                                                .padding = kPadding}),
                     file_);
}

TEST_F(TextScript, TextsMustHaveAnEnd) {
  EXPECT_THAT(message_of<UsageError>([] { text_script(*MeanOfWords(kVocabulary, kWidth, 3)); }),
              HasSubstr("padding: none"));
}

TEST_F(TextScript, HoldsTheWeightsUnderTheNamesOfTheModel) {
  const TextClassifier model = classifier(Pooling::mean);
  const torch::jit::Module module = written(model);
  std::set<std::string> names;
  for (const auto& named : module.named_parameters()) {
    names.insert(named.name);
    EXPECT_TRUE(named.value.equal(model->named_parameters()[named.name])) << named.name;
  }
  EXPECT_EQ(names.size(), model->named_parameters().size());
  EXPECT_TRUE(names.contains("bert.encoder.layer.1.attention.self.query.weight"));
  EXPECT_EQ(module.named_buffers().size(), 0U);
}

TEST_F(TextScript, TextsBesideTheCodeComeBack) {
  written(classifier(Pooling::mean), {{"certificate.json", "{\"epsilon\": 3}"}});
  torch::jit::ExtraFilesMap texts = {{"certificate.json", ""}};
  torch::jit::load(file_.string(), std::nullopt, texts);
  EXPECT_EQ(texts.at("certificate.json"), "{\"epsilon\": 3}");
}

TEST_F(TextScript, IsTakenForPrivateTrainingWithTheGradientsOfAutograd) {
  for (const Pooling pooling : kPoolings) {
    const TextClassifier network = classifier(pooling);
    // Their gradient is 0, and what rounding leaves of it says nothing.
    for (const auto& item : network->named_parameters())
      if (item.key().ends_with("self.key.bias")) item.value().requires_grad_(false);
    network.ptr()->to(torch::kDouble);
    written(network);
    const auto model = load_script_model(read_model_file(file_), "model.ts");
    optim::testing::Model recorded;
    for (const NamedTensor& named : model->trainable()) recorded.parameters.push_back({named.name, named.tensor});
    for (const NamedTensor& named : model->constants()) recorded.constants.push_back(named.tensor);
    recorded.inputs = {batch(8), torch::tensor({0, 2, 1, 1})};
    ASSERT_EQ(recorded.parameters.size(), 5U + kLayers * 15U + 2U);
    recorded.losses = [&](const std::vector<Tensor>& x) { return record_losses(model->forward(x[0]), x[1]); };
    for (int run = 0; run < 3; ++run) {
      const auto errors = optim::testing::compare(recorded);
      EXPECT_LT(errors.norm, 1e-9);
      EXPECT_LT(errors.weighted, 1e-9);
    }
  }
}

TEST_F(TextScript, WhatIsFrozenStaysFrozen) {
  const TextClassifier model = classifier(Pooling::mean);
  train_only(*model.ptr(), {"classifier.*", "*.1.output.dense.weight"});
  written(model);
  std::vector<std::string> names;
  for (const NamedTensor& named : load_script_model(read_model_file(file_), "model.ts")->trainable())
    names.push_back(named.name);
  EXPECT_THAT(names,
              UnorderedElementsAre("classifier.weight", "classifier.bias", "bert.encoder.layer.1.output.dense.weight"));
}

TEST_F(TextScript, FactorsAreMergedBefore) {
  TextClassifier model = classifier(Pooling::mean);
  const auto lora = adapt(*model, Adaptation::lora, {.lora = {.rank = 2, .alpha = 4}});
  const torch::NoGradGuard no_grad;
  for (const NamedTensor& factor : lora->factors()) factor.tensor.normal_(0.0, 0.5);
  EXPECT_THAT(message_of<UsageError>([&] { text_script(*model); }), HasSubstr("lora_B is not merged"));
  lora->apply();
  const Tensor expected = one_by_one(model);
  lora->merge();
  EXPECT_LT((written(model).forward({batch(9)}).toTensor() - expected).abs().max().item<double>(), 1e-5);
}

TEST_F(TextScript, TheCentreIsFoldedBefore) {
  TextClassifier model = classifier(Pooling::layers, 3, /*centred=*/true);
  const torch::NoGradGuard no_grad;
  model->centre.normal_();
  EXPECT_THAT(message_of<UsageError>([&] { text_script(*model); }), HasSubstr("centre is not in the head"));
  const Tensor expected = one_by_one(model);
  fold_centre(*model);
  EXPECT_LT((written(model).forward({batch(9)}).toTensor() - expected).abs().max().item<double>(), 1e-5);
}

TEST_F(TextScript, TextsThatAreTooLongAreRefusedWhenItRuns) {
  torch::jit::Module module = written(classifier(Pooling::mean));
  EXPECT_THROW(module.forward({torch::ones({2, 13}, torch::kLong)}), std::exception);
}

}  // namespace
}  // namespace sotto::models
