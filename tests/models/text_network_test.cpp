// Networks of texts: what stands behind a text does not reach its scores, groups are their texts, and private gradients
// are those of autograd.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/models/record_losses.h>
#include <sotto/models/text_network.h>
#include <sotto/optim/clipper.h>
#include <sotto/privacy/error.h>
#include <torch/torch.h>

#include "../optim/clipped_sum_access.h"
#include "../optim/oracle.h"

namespace sotto::models {
namespace {

using torch::Tensor;

constexpr int64_t kVocabulary = 11, kPadding = 0, kMostTokens = 12;

TextClassifier classifier(int64_t outputs = 3, Pooling pooling = Pooling::mean, bool centred = false) {
  return TextClassifier(TextClassifierOptions{.bert = {.vocabulary = kVocabulary,
                                                       .width = 8,
                                                       .layers = 2,
                                                       .heads = 2,
                                                       .feed_forward = 12,
                                                       .positions = kMostTokens,
                                                       .padding = kPadding},
                                              .outputs = outputs,
                                              .pooling = pooling,
                                              .centred = centred});
}

struct Case {
  std::string name;
  std::shared_ptr<Network> network;
};

std::vector<Case> networks(int64_t outputs = 3) {
  torch::manual_seed(3);
  std::vector<Case> result;
  for (const char* name : {"small-encoder", "lstm", "bag"})
    result.push_back({name, make_text_network(name, {kVocabulary, kPadding, kMostTokens, outputs})});
  for (const auto adaptation : {Adaptation::full, Adaptation::lora, Adaptation::bitfit})
    result.push_back({adaptations()[static_cast<size_t>(adaptation)],
                      make_adapted_network(classifier(outputs), adaptation, {.lora = {.rank = 2, .alpha = 4}})});
  for (const auto adaptation : {Adaptation::full, Adaptation::lora}) {
    result.push_back({"layers, " + adaptations()[static_cast<size_t>(adaptation)],
                      make_adapted_network(classifier(outputs, Pooling::layers, true), adaptation,
                                           {.lora = {.rank = 2, .alpha = 4}})});
    result.back().network->centred()->centre().copy_(torch::randn({24}));
  }
  for (const auto adaptation : {Adaptation::full, Adaptation::lora, Adaptation::bitfit})
    for (const auto pooling : {Pooling::mean, Pooling::layers})
      result.push_back({adaptations()[static_cast<size_t>(adaptation)] + " of the last layer",
                        make_adapted_network(classifier(outputs, pooling), adaptation,
                                             {.lora = {.rank = 2, .alpha = 4}, .layers = 1})});
  for (Case& of : result) {
    of.network->to(torch::kDouble);
    const torch::NoGradGuard no_grad;
    for (const auto& item : of.network->named_parameters())
      if (item.key().ends_with("lora_B")) item.value().normal_(0.0, 0.3);
  }
  return result;
}

// Rows of ids with these numbers of tokens, padded to `width`.
Tensor ids(const std::vector<int64_t>& tokens, int64_t width) {
  Tensor result = torch::full({static_cast<int64_t>(tokens.size()), width}, kPadding, torch::kLong);
  torch::manual_seed(4);
  for (size_t i = 0; i < tokens.size(); ++i)
    result[static_cast<int64_t>(i)].slice(0, 0, tokens[i]).copy_(torch::randint(1, kVocabulary, {tokens[i]}));
  return result;
}

TEST(TokenPlaces, EndBehindTheLastIdThatIsNoPadding) {
  const Tensor rows = torch::tensor({{5, 0, 7, 0, 0}, {0, 0, 0, 0, 0}, {0, 3, 0, 0, 0}, {1, 2, 3, 4, 5}});
  const Tensor expected =
      torch::tensor({{1, 1, 1, 0, 0}, {1, 0, 0, 0, 0}, {1, 1, 0, 0, 0}, {1, 1, 1, 1, 1}}).to(torch::kBool);
  EXPECT_TRUE(token_places(rows, 0).equal(expected));
}

TEST(TextNetwork, ScoresOfATextDoNotDependOnTheWidth) {
  const torch::NoGradGuard no_grad;
  const std::vector<int64_t> tokens = {5, 1, 3};
  for (const Case& of : networks()) {
    const auto scores = [&](const Tensor& texts) { return of.network->forward(of.network->prepare(texts)); };
    const Tensor narrow = scores(ids(tokens, 5)), wide = scores(ids(tokens, kMostTokens));
    EXPECT_TRUE(narrow.allclose(wide, 1e-12, 1e-12)) << of.name;
    const Tensor alone = scores(ids(tokens, 5).slice(0, 2, 3).slice(1, 0, 3));
    EXPECT_TRUE(narrow.slice(0, 2, 3).allclose(alone, 1e-12, 1e-12)) << of.name;
    EXPECT_FALSE(narrow[0].allclose(narrow[2], 1e-3, 1e-3)) << of.name << " says the same of all texts";
  }
}

TEST(TextNetwork, GroupsAreTheirTexts) {
  const torch::NoGradGuard no_grad;
  const Tensor texts = ids({5, 1, 3, 4, 2, 6}, 6);
  for (const Case& of : networks()) {
    const auto scores = [&](const Tensor& some) { return of.network->forward(of.network->prepare(some)); };
    EXPECT_TRUE(scores(texts.view({2, 3, 6})).allclose(scores(texts).view({2, 3, 3}), 1e-12, 1e-12)) << of.name;
  }
}

TEST(TextNetwork, HeadOnPreparedVectorsIsTheWholeNetwork) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(3);
  TextClassifier whole = classifier();
  const auto head = make_adapted_network(whole, Adaptation::head);
  ASSERT_TRUE(head->prepares());
  const Tensor texts = ids({5, 1, 3, 4}, 6);
  const Tensor vectors = head->prepare(texts);
  EXPECT_EQ(vectors.sizes(), (torch::IntArrayRef{4, 8}));
  EXPECT_FALSE(vectors.requires_grad());
  EXPECT_TRUE(head->forward(vectors).equal(whole->forward(texts)));
  EXPECT_TRUE(head->prepare(texts.view({2, 2, 6})).equal(vectors.view({2, 2, 8})));
  std::vector<std::string> trained;
  for (const auto& item : head->named_parameters())
    if (item.value().requires_grad()) trained.push_back(item.key());
  EXPECT_THAT(trained, ::testing::UnorderedElementsAre("classifier.weight", "classifier.bias"));
}

TEST(TextNetwork, LayersOnPreparedStatesAreTheWholeNetwork) {
  const torch::NoGradGuard no_grad;
  const std::vector<int64_t> tokens = {5, 1, 3, 4};
  const Tensor texts = ids(tokens, 6);
  for (const auto pooling : {Pooling::mean, Pooling::first, Pooling::layers}) {
    for (const int64_t layers : {1, 2}) {
      torch::manual_seed(3);
      TextClassifier whole = classifier(3, pooling);
      const auto network = make_adapted_network(whole, Adaptation::full, {.layers = layers});
      ASSERT_TRUE(network->prepares());
      ASSERT_TRUE(network->keeps_places());
      const Tensor states = network->prepare(texts);
      EXPECT_FALSE(states.requires_grad());
      EXPECT_TRUE(network->forward(states).allclose(whole->forward(texts), 1e-5, 1e-6));
      // What is cut off or filled in behind the end of a text changes nothing.
      const int64_t more = states.size(2) - texts.size(1);
      EXPECT_EQ(more, pooling == Pooling::layers ? 3 - layers : 0);
      const Tensor wide = network->prepare(ids(tokens, kMostTokens));
      EXPECT_TRUE(wide.slice(2, 0, more + 6).allclose(states, 1e-5, 1e-6));
      EXPECT_TRUE(wide.slice(2, more + 6).eq(0).all().item<bool>());
      for (const auto& item : network->named_parameters()) {
        const bool below = item.key().starts_with("bert.embeddings") ||
                           (layers == 1 && item.key().starts_with("bert.encoder.layer.0."));
        EXPECT_EQ(item.value().requires_grad(), !below) << item.key();
      }
    }
  }
}

TEST(TextNetwork, PlacesWithoutATextArePreparedAsZeros) {
  const torch::NoGradGuard no_grad;
  for (const auto adaptation : {Adaptation::head, Adaptation::full}) {
    torch::manual_seed(3);
    const auto network = make_adapted_network(classifier(), adaptation, {.layers = 1});
    const Tensor texts = ids({5, 0, 3, 0, 0, 2}, 6), prepared = network->prepare(texts.view({2, 3, 6})).flatten(0, 1);
    for (const int64_t i : {0, 2, 5})
      EXPECT_TRUE(prepared[i].allclose(network->prepare(texts.slice(0, i, i + 1))[0], 1e-5, 1e-6)) << i;
    for (const int64_t i : {1, 3, 4}) EXPECT_TRUE(prepared[i].eq(0).all().item<bool>()) << i;
    EXPECT_TRUE(network->forward(network->prepare(texts.view({2, 3, 6}))).isfinite().all().item<bool>());
  }
}

TEST(TextNetwork, OnlyLayersThatAreThereCanBeAdapted) {
  for (const int64_t layers : {0, 3, -1})
    EXPECT_THROW(make_adapted_network(classifier(), Adaptation::lora, {.layers = layers}), UsageError) << layers;
  EXPECT_THROW(
      make_adapted_network(classifier(), Adaptation::lora, {.lora = {.rank = 2, .targets = {"*.0.*"}}, .layers = 1}),
      UsageError);
  const auto network = make_adapted_network(classifier(), Adaptation::lora, {.lora = {.rank = 2}, .layers = 1});
  for (const auto& item : network->named_parameters())
    EXPECT_EQ(item.value().requires_grad(),
              item.key().starts_with("classifier.") || item.key().find("lora_") != std::string::npos)
        << item.key();
  EXPECT_EQ(network->named_parameters().find("bert.encoder.layer.0.attention.self.query.lora_A"), nullptr);
  EXPECT_NE(network->named_parameters().find("bert.encoder.layer.1.attention.self.query.lora_A"), nullptr);
}

TEST(TextNetwork, PoolingOfLayersIsTheDirectionOfEachMean) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(3);
  TextClassifier net = classifier(3, Pooling::layers);
  net->to(torch::kDouble);
  const Tensor texts = ids({5, 1, 3}, 6);
  const Tensor vectors = net->vectors(texts).view({3, 3, 8});
  EXPECT_TRUE(vectors.norm(2, -1).allclose(torch::ones({3, 3}, torch::kDouble)));
  EXPECT_EQ(net->classifier->weight.size(1), 24);
  // The first and the last, token by token.
  for (int64_t i = 0; i < 3; ++i) {
    const Tensor text = texts.slice(0, i, i + 1).slice(1, 0, i == 0 ? 5 : i == 1 ? 1 : 3);
    const Tensor first = net->bert->embed(text)[0].mean(0), last = net->bert->forward(text)[0].mean(0);
    EXPECT_TRUE(vectors[i][0].allclose(first / first.norm(), 1e-10, 1e-10)) << i;
    EXPECT_TRUE(vectors[i][2].allclose(last / last.norm(), 1e-10, 1e-10)) << i;
  }
}

optim::testing::Model model_of(const Network& network, const Tensor& inputs, Tensor labels) {
  optim::testing::Model model;
  for (const auto& item : network.named_parameters()) {
    // The same is added to all scores of a query: the gradient of this bias is zero, and nothing to compare with.
    const bool of_keys = item.key().ends_with("self.key.bias");
    if (of_keys) item.value().requires_grad_(false);
    if (item.value().requires_grad())
      model.parameters.push_back({item.key(), item.value()});
    else
      model.constants.push_back(item.value());
  }
  for (const Tensor& buffer : network.buffers()) model.constants.push_back(buffer);
  model.inputs = {network.prepare(inputs), std::move(labels)};
  model.losses = [&network](const auto& x) { return record_losses(const_cast<Network&>(network).forward(x[0]), x[1]); };
  return model;
}

void expect_exact(const optim::testing::Model& model, const std::string& name) {
  const auto errors = optim::testing::compare(model);
  EXPECT_LT(errors.norm, 1e-9) << name;
  EXPECT_LT(errors.weighted, 1e-9) << name;
  EXPECT_TRUE(errors.bounded) << name;
}

TEST(TextNetwork, ScoresAreThoseOfVectorsLessTheCentre) {
  const Tensor texts = ids({3, 12, 1, 7}, kMostTokens), groups = texts.view({2, 2, kMostTokens});
  torch::manual_seed(5);
  const Tensor centre = torch::randn({24});
  using Way = std::pair<Adaptation, AdaptationOptions>;
  for (const auto& [adaptation, options] : {Way{Adaptation::head, {}}, Way{Adaptation::full, {}},
                                            Way{Adaptation::lora, {}}, Way{Adaptation::lora, {.layers = 1}}}) {
    torch::manual_seed(6);
    TextClassifier parts = classifier(3, Pooling::layers, true);
    const auto network = make_adapted_network(parts, adaptation, options);
    const torch::NoGradGuard no_grad;
    const auto scores = [&](const Tensor& of) { return network->forward(network->prepare(of)); };
    const Tensor vectors = parts->vectors(texts), before = scores(texts);
    EXPECT_TRUE(before.allclose(at::linear(vectors, parts->classifier->weight, parts->classifier->bias)));

    Centred* const centred = network->centred();
    ASSERT_NE(centred, nullptr);
    EXPECT_EQ(centred->width(), 24);
    EXPECT_TRUE(centred->vectors(network->prepare(texts)).allclose(vectors, 1e-4, 1e-6));
    EXPECT_TRUE(vectors.norm(2, 1).allclose(torch::full({4}, centred->norm())));
    EXPECT_TRUE(
        centred->vectors(network->prepare(groups)).allclose(vectors.index({torch::tensor({0, 2})}), 1e-4, 1e-6));

    centred->centre().copy_(centre);
    const Tensor after = scores(texts);
    EXPECT_TRUE(
        after.allclose(at::linear(vectors - centre, parts->classifier->weight, parts->classifier->bias), 1e-4, 1e-5));
    EXPECT_FALSE(after.allclose(before));
    fold_centre(*parts);
    EXPECT_TRUE(scores(texts).allclose(after, 1e-4, 1e-5));
    EXPECT_TRUE(parts->centre.equal(torch::zeros({24})));
  }
  EXPECT_EQ(make_adapted_network(classifier(), Adaptation::head)->centred(), nullptr);
  EXPECT_THROW(classifier(3, Pooling::mean, true), UsageError);
}

TEST(TextNetwork, GradientsOfTextsAreThoseOfAutograd) {
  for (const Case& of : networks())
    expect_exact(model_of(*of.network, ids({5, 1, 3, 6}, 6), torch::tensor({0, 2, 1, 1})), of.name);
}

// A group with fewer texts, and one whose texts have no label at all.
TEST(TextNetwork, GradientsOfGroupsAreThoseOfAutograd) {
  const Tensor labels = torch::tensor({{0L, 2L, kNoPart}, {1L, kNoPart, kNoPart}, {2L, 2L, 0L}});
  for (const Case& of : networks())
    expect_exact(model_of(*of.network, ids({5, 1, 0, 6, 0, 0, 2, 3, 4}, 6).view({3, 3, 6}), labels), of.name);
}

TEST(TextNetwork, GradientsOfARegressionAreThoseOfAutograd) {
  for (const Case& of : networks(1))
    expect_exact(model_of(*of.network, ids({5, 1, 3, 6}, 6), torch::tensor({0.5, -1.0, 0.25, 1.0}, torch::kDouble)),
                 of.name);
}

// The declared sensitivity of a group is that of one record of the training: without the group, the sum lacks what the
// group alone contributes, and that is at most the clip norm.
TEST(TextNetwork, WithoutAGroupTheSumLacksAtMostTheClipNorm) {
  constexpr double kClipNorm = 0.01;
  const Tensor texts = ids({5, 1, 4, 6, 0, 0, 2, 3, 4}, 6).view({3, 3, 6});
  const Tensor labels = torch::tensor({{0L, 2L, 1L}, {1L, kNoPart, kNoPart}, {2L, 2L, 0L}});
  for (const Case& of : networks()) {
    const auto sum = [&](const std::vector<int64_t>& groups) {
      const Tensor places = torch::tensor(groups);
      const optim::testing::Model model =
          model_of(*of.network, texts.index_select(0, places), labels.index_select(0, places));
      optim::Clipper clipper(model.parameters, model.constants, optim::WeightRule::flat(kClipNorm));
      clipper.add(model.inputs, model.losses, std::vector<bool>(groups.size(), true));
      const optim::ClippedSum taken = clipper.take();
      std::vector<Tensor> parts;
      for (const Tensor& part : optim::ClippedSumTestAccess::values(taken)) parts.push_back(part.flatten());
      return torch::cat(parts);
    };
    for (int64_t left_out = 0; left_out < 3; ++left_out) {
      std::vector<int64_t> others;
      for (int64_t g = 0; g < 3; ++g)
        if (g != left_out) others.push_back(g);
      const Tensor difference = sum({0, 1, 2}) - sum(others);
      EXPECT_LE(difference.norm().item<double>(), kClipNorm * (1 + 1e-9)) << of.name;
      EXPECT_GT(difference.norm().item<double>(), kClipNorm / 2) << of.name << ": the test shows nothing";
    }
  }
}

TEST(TextNetwork, RefusesUnknownNames) {
  EXPECT_THROW(make_text_network("gpt", {kVocabulary, kPadding, kMostTokens, 2}), UsageError);
}

}  // namespace
}  // namespace sotto::models
