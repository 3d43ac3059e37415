// The encoder against its formulas in double, and against the published reference of a published network.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/models/bert.h>
#include <sotto/models/module_state.h>
#include <sotto/models/state.h>
#include <sotto/privacy/error.h>
#include <torch/torch.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "../optim/oracle.h"
#include "../support/scratch_folder.h"

namespace sotto::models {
namespace {

using ::testing::HasSubstr;
using torch::Tensor;

const BertOptions kSmall{.vocabulary = 30, .width = 8, .layers = 2, .heads = 2, .feed_forward = 12, .positions = 9};

Bert small(torch::Dtype dtype = torch::kDouble) {
  torch::manual_seed(3);
  Bert bert(kSmall);
  for (Tensor& parameter : bert->parameters()) torch::NoGradGuard(), parameter.data().normal_(0.0, 0.4);
  bert->to(dtype);
  return bert;
}

std::vector<NamedTensor> named(const Bert& bert) {
  return module_parameters(*bert);
}

// Of one text without padding: [T, width], by the formulas of the paper, one number at a time.
class ByHand {
 public:
  explicit ByHand(const Bert& bert) : parameters_(bert->named_parameters()), heads_(bert->options.heads) {}

  Tensor states(const std::vector<int64_t>& ids, int64_t layers) const {
    std::vector<Tensor> rows;
    for (size_t t = 0; t < ids.size(); ++t)
      rows.push_back(
          normalised("embeddings.LayerNorm", of("embeddings.word_embeddings.weight")[ids[t]] +
                                                 of("embeddings.position_embeddings.weight")[static_cast<int64_t>(t)] +
                                                 of("embeddings.token_type_embeddings.weight")[0]));
    for (int64_t l = 0; l < layers; ++l) rows = layer("encoder.layer." + std::to_string(l) + ".", rows);
    return torch::stack(rows);
  }

 private:
  Tensor of(const std::string& name) const { return parameters_[name].detach(); }
  Tensor linear(const std::string& name, const Tensor& x) const {
    return of(name + ".weight").mv(x) + of(name + ".bias");
  }
  Tensor normalised(const std::string& name, const Tensor& x) const {
    const Tensor centred = x - x.mean();
    return centred / (centred.pow(2).mean() + 1e-12).sqrt() * of(name + ".weight") + of(name + ".bias");
  }
  std::vector<Tensor> layer(const std::string& at, const std::vector<Tensor>& x) const {
    std::vector<Tensor> result;
    const int64_t each = x[0].size(0) / heads_;
    for (const Tensor& asking : x) {
      std::vector<Tensor> mixed;
      for (int64_t h = 0; h < heads_; ++h) {
        const auto part = [&](const char* name, const Tensor& of_one) {
          return linear(at + "attention.self." + name, of_one).narrow(0, h * each, each);
        };
        std::vector<double> weights;
        double total = 0;
        for (const Tensor& other : x) {
          const double score = part("query", asking).dot(part("key", other)).item<double>();
          weights.push_back(std::exp(score / std::sqrt(static_cast<double>(each))));
          total += weights.back();
        }
        Tensor sum = torch::zeros({each}, torch::kDouble);
        for (size_t t = 0; t < x.size(); ++t) sum = sum + part("value", x[t]) * (weights[t] / total);
        mixed.push_back(sum);
      }
      const Tensor between = normalised(at + "attention.output.LayerNorm",
                                        asking + linear(at + "attention.output.dense", torch::cat(mixed)));
      const Tensor wide = linear(at + "intermediate.dense", between);
      const Tensor gelu = wide * 0.5 * (1.0 + torch::erf(wide / std::sqrt(2.0)));
      result.push_back(normalised(at + "output.LayerNorm", between + linear(at + "output.dense", gelu)));
    }
    return result;
  }

  torch::OrderedDict<std::string, Tensor> parameters_;
  int64_t heads_;
};

TEST(Bert, IsWhatThePaperSays) {
  Bert bert = small();
  const std::vector<int64_t> ids = {5, 1, 29, 7, 7};
  const Tensor states = bert(torch::tensor(ids).unsqueeze(0))[0];
  EXPECT_TRUE(states.allclose(ByHand(bert).states(ids, kSmall.layers), 1e-12, 1e-12));
}

TEST(Bert, PaddingChangesNothing) {
  Bert bert = small();
  const std::vector<std::vector<int64_t>> texts = {{5, 1, 29}, {2}, {8, 9, 3, 4, 6, 11}};
  const Tensor ids = torch::zeros({3, 8}, torch::kLong);
  for (int64_t i = 0; i < 3; ++i)
    for (size_t t = 0; t < texts[static_cast<size_t>(i)].size(); ++t)
      ids[i][static_cast<int64_t>(t)] = texts[static_cast<size_t>(i)][t];
  const Tensor states = bert(ids);
  const Tensor mean = pooled(states, bert->tokens(ids), Pooling::mean);
  for (int64_t i = 0; i < 3; ++i) {
    const Tensor alone = torch::tensor(texts[static_cast<size_t>(i)]).unsqueeze(0);
    const Tensor expected = bert(alone)[0];
    EXPECT_TRUE(states[i].narrow(0, 0, expected.size(0)).allclose(expected, 1e-12, 1e-12)) << i;
    EXPECT_TRUE(mean[i].allclose(expected.mean(0), 1e-12, 1e-12)) << i;
    EXPECT_TRUE(pooled(states, bert->tokens(ids), Pooling::first)[i].allclose(expected[0], 1e-12, 1e-12)) << i;
  }
}

TEST(Bert, ATextOfPaddingAloneHasFiniteStates) {
  Bert bert = small();
  const Tensor ids = torch::zeros({2, 4}, torch::kLong), states = bert(ids);
  EXPECT_TRUE(pooled(states, bert->tokens(ids), Pooling::mean).isfinite().all().item<bool>());
}

TEST(Bert, PerRecordGradientsAreThoseOfAutograd) {
  for (const torch::Dtype dtype : {torch::kDouble, torch::kFloat}) {
    Bert bert = small(dtype);
    torch::nn::Linear head(kSmall.width, 2);
    head->to(dtype);
    optim::testing::Model model;
    for (const auto& item : bert->named_parameters()) {
      // Its gradient is 0: a softmax does not see what is added to all of its scores. Nothing to be relative to.
      const bool of_keys = item.key().ends_with("self.key.bias");
      if (of_keys)
        model.constants.push_back(item.value().requires_grad_(false));
      else
        model.parameters.push_back({item.key(), item.value()});
    }
    for (const auto& item : head->named_parameters()) model.parameters.push_back({"head." + item.key(), item.value()});
    Tensor ids = torch::randint(1, 30, {6, 7});
    ids[2].narrow(0, 3, 4).zero_();
    ids[4].narrow(0, 1, 6).zero_();
    model.inputs = {ids, torch::randint(0, 2, {6})};
    model.losses = [bert, head](const std::vector<Tensor>& x) mutable {
      const Tensor vectors = pooled(bert(x[0]), bert->tokens(x[0]), Pooling::mean);
      return torch::nn::functional::cross_entropy(
          head(vectors), x[1], torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kNone));
    };
    const optim::testing::Errors errors = optim::testing::compare(model);
    EXPECT_LT(errors.norm, dtype == torch::kDouble ? 1e-9 : 1e-5);
    EXPECT_LT(errors.weighted, dtype == torch::kDouble ? 1e-10 : 1e-5);
    EXPECT_TRUE(errors.bounded);
  }
}

TEST(Bert, RefusesSizesThatDoNotFit) {
  const auto refusal = [](const std::function<void(BertOptions&)>& spoil) {
    BertOptions options = kSmall;
    spoil(options);
    try {
      Bert bert(options);
    } catch (const UsageError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(refusal([](BertOptions& o) { o.heads = 0; }), "[Bert] heads: 0; must be 1 to 65536");
  EXPECT_EQ(refusal([](BertOptions& o) { o.heads = 3; }), "[Bert] heads: 3; must divide width, 8");
  EXPECT_THAT(refusal([](BertOptions& o) { o.layers = -1; }), HasSubstr("layers: -1"));
  EXPECT_THAT(refusal([](BertOptions& o) { o.norm_epsilon = -1; }), HasSubstr("norm_epsilon: -1"));
  EXPECT_THAT(refusal([](BertOptions& o) { o.padding = 30; }), HasSubstr("padding: 30; must be 0 to 29"));
}

TEST(Bert, PaddingMayHaveAnotherId) {
  BertOptions options = kSmall;
  options.padding = 7;
  torch::manual_seed(3);
  Bert bert(options);
  const Tensor ids = torch::tensor({{5, 0, 7, 7}}), alone = torch::tensor({{5, 0}});
  EXPECT_TRUE(bert(ids).narrow(1, 0, 2).allclose(bert(alone), 1e-5, 1e-6));
}

TEST(Bert, RefusesTooManyTokens) {
  Bert bert = small();
  EXPECT_THROW(bert(torch::ones({2, 10}, torch::kLong)), UsageError);
  EXPECT_THROW(bert(torch::ones({2, 0}, torch::kLong)), UsageError);
  EXPECT_THROW(bert(torch::ones({2}, torch::kLong)), UsageError);
}

class BertFiles : public ::testing::Test {
 protected:
  std::filesystem::path path(const char* name) const { return folder_.path() / name; }
  // The message of what `work` throws, or nothing.
  template <class Work>
  static std::string refusal(const Work& work) {
    try {
      work();
    } catch (const DataError& error) {
      return error.what();
    }
    return "";
  }
  std::string refusal_of_config(const nlohmann::json& config) const {
    std::ofstream(path("config.json")) << config.dump();
    return refusal([&] { read_bert_options(path("config.json")); });
  }
  const nlohmann::json sound_ = {
      {"model_type", "bert"},   {"hidden_act", "gelu"},         {"vocab_size", 30},        {"hidden_size", 8},
      {"num_hidden_layers", 2}, {"num_attention_heads", 2},     {"intermediate_size", 12}, {"type_vocab_size", 2},
      {"layer_norm_eps", 1e-7}, {"max_position_embeddings", 9}, {"pad_token_id", 1}};
  sotto::testing::ScratchFolder folder_;
};

TEST_F(BertFiles, ConfigurationIsRead) {
  EXPECT_EQ(refusal_of_config(sound_), "");
  const BertOptions options = read_bert_options(path("config.json"));
  EXPECT_EQ(options.vocabulary, 30);
  EXPECT_EQ(options.width, 8);
  EXPECT_EQ(options.layers, 2);
  EXPECT_EQ(options.heads, 2);
  EXPECT_EQ(options.feed_forward, 12);
  EXPECT_EQ(options.positions, 9);
  EXPECT_EQ(options.token_types, 2);
  EXPECT_EQ(options.norm_epsilon, 1e-7);
  EXPECT_EQ(options.padding, 1);
}

TEST_F(BertFiles, OtherConfigurationsAreRefused) {
  const auto with = [&](const char* key, const nlohmann::json& value) {
    nlohmann::json changed = sound_;
    changed[key] = value;
    return refusal_of_config(changed);
  };
  EXPECT_THAT(with("model_type", "roberta"), HasSubstr("'model_type' is 'roberta'; must be 'bert'"));
  EXPECT_THAT(with("hidden_act", "gelu_new"), HasSubstr("'hidden_act'"));
  EXPECT_THAT(with("position_embedding_type", "relative_key"), HasSubstr("'position_embedding_type'"));
  EXPECT_THAT(with("is_decoder", true), HasSubstr("'is_decoder'"));
  EXPECT_THAT(with("hidden_size", 0), HasSubstr("must be an integer from 1"));
  EXPECT_THAT(with("hidden_size", 8.5), HasSubstr("'hidden_size' is 8.5"));
  EXPECT_THAT(with("num_attention_heads", 3), HasSubstr("must divide 'hidden_size', 8"));
  EXPECT_THAT(with("layer_norm_eps", 0), HasSubstr("'layer_norm_eps'"));
  EXPECT_THAT(with("pad_token_id", 30), HasSubstr("'pad_token_id'"));
  nlohmann::json less = sound_;
  less.erase("vocab_size");
  EXPECT_THAT(refusal_of_config(less), HasSubstr("'vocab_size' is missing"));
  EXPECT_THAT(refusal_of_config(nlohmann::json::array()), HasSubstr("the file is an array; must be an object"));
  EXPECT_THAT(refusal([&] { read_bert_options(path("none.json")); }), HasSubstr("there is no such file"));
}

TEST_F(BertFiles, PublishedWeightsFitWithAndWithoutPrefix) {
  const Bert source = small(torch::kFloat);
  for (const char* prefix : {"", "bert."}) {
    std::vector<NamedTensor> stored;
    for (const NamedTensor& each : named(source)) stored.push_back({prefix + each.name, each.tensor.to(torch::kHalf)});
    stored.push_back({std::string(prefix) + "pooler.dense.weight", torch::ones({2})});
    save_state(path("w.safetensors"), stored);
    Bert loaded(kSmall);
    const auto left = load_published(path("w.safetensors"), named(loaded), {"bert.", {"pooler."}});
    EXPECT_EQ(left, std::vector<std::string>{std::string(prefix) + "pooler.dense.weight"});
    for (const auto& item : source->named_parameters())
      EXPECT_TRUE(torch::equal(loaded->named_parameters()[item.key()], item.value().to(torch::kHalf).to(torch::kFloat)))
          << item.key();
  }
}

TEST_F(BertFiles, OtherWeightsAreRefusedAndChangeNothing) {
  const Bert source = small(torch::kFloat);
  const auto refused = [&](const std::function<void(std::vector<NamedTensor>&)>& spoil) {
    std::vector<NamedTensor> stored = named(source);
    spoil(stored);
    save_state(path("w.safetensors"), stored);
    Bert loaded(kSmall);
    const Tensor before = loaded->words->weight.detach().clone();
    const std::string message = refusal([&] {
      load_published(path("w.safetensors"), named(loaded), {"bert.", {"pooler."}});
    });
    EXPECT_TRUE(torch::equal(loaded->words->weight, before));
    return message;
  };
  EXPECT_THAT(refused([](auto& s) { s.pop_back(); }), HasSubstr("' is missing"));
  EXPECT_THAT(refused([](auto& s) {
                s.push_back({"decoder.weight", torch::ones({1})});
              }),
              HasSubstr("'decoder.weight' is not in the model"));
  EXPECT_THAT(refused([](auto& s) { s[0].tensor = torch::ones({31, 8}); }), HasSubstr("has shape [31, 8]"));
  EXPECT_THAT(refused([](auto& s) { s[0].tensor = torch::ones({30, 8}, torch::kLong); }), HasSubstr("is of type I64"));
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()})
    EXPECT_THAT(refused([bad](auto& s) { s[1].tensor = torch::full_like(s[1].tensor, bad); }),
                HasSubstr("holds numbers that are not finite"));
}

TEST(BertOptions, NumbersOfAnEncoderAreCounted) {
  const BertOptions options{
      .vocabulary = 14, .width = 16, .layers = 3, .heads = 2, .feed_forward = 24, .positions = 64};
  int64_t count = 0;
  for (const Tensor& parameter : Bert(options)->parameters()) count += parameter.numel();
  EXPECT_EQ(parameter_count(options), static_cast<double>(count));
}

// All states of five texts, and their means, as computed in double by others.
TEST(PublishedBert, HasTheStatesOfItsReference) {
  const char* data = std::getenv("SOTTO_DATA");
  const std::filesystem::path folder = std::filesystem::path(data == nullptr ? "" : data) / "minilm";
  if (data == nullptr || !std::filesystem::exists(folder)) GTEST_SKIP() << "no minilm in SOTTO_DATA";
  std::ifstream file(SOTTO_TEST_DATA "/minilm_reference.json");
  const nlohmann::json reference = nlohmann::json::parse(file);
  const double tolerance = reference["suggested_tolerance"]["float32_absolute"];
  Bert bert(read_bert_options(folder / "config.json"));
  const auto start = std::chrono::steady_clock::now();
  const auto left = load_published(folder / "model.safetensors", named(bert), published_bert_names());
  RecordProperty(
      "loading_ms",
      static_cast<int>(
          std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start).count()));
  EXPECT_EQ(left.size(), 3U);
  const torch::NoGradGuard no_grad;
  const auto expect_near = [&](const Tensor& actual, const nlohmann::json& expected, const std::string& what) {
    ASSERT_LE(static_cast<int64_t>(expected.size()), actual.size(0)) << what;
    for (size_t i = 0; i < expected.size(); ++i)
      EXPECT_NEAR(actual[static_cast<int64_t>(i)].item<double>(), expected[i].get<double>(), tolerance) << what << i;
  };
  for (const nlohmann::json& sentence : reference["sentences"]) {
    const Tensor ids = torch::tensor(sentence["input_ids"].get<std::vector<int64_t>>()).unsqueeze(0);
    const std::string name = sentence["text"];
    Tensor states = bert->embed(ids);
    const Tensor tokens = bert->tokens(ids), hidden = BertImpl::hidden(tokens, states);
    expect_near(states[0][0], sentence["cls_after_embeddings_first8"], name + " embeddings ");
    for (size_t l = 0; l < bert->layers.size(); ++l) {
      states = bert->layers[l](states, hidden);
      expect_near(states[0][0], sentence["cls_after_layer_first4"][l], name + " layer " + std::to_string(l) + " ");
    }
    const Tensor vector = pooled(states, tokens, Pooling::mean)[0];
    expect_near(vector, sentence["mean_pooled"], name + " mean ");
    EXPECT_NEAR(vector.norm().item<double>(), sentence["mean_pooled_l2_norm"].get<double>(), 10 * tolerance);
  }
}

}  // namespace
}  // namespace sotto::models
