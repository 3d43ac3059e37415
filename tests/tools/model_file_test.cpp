// `sotto explain` and `sotto train` with TorchScript files. Runs the real program; the first private step is compared
// with one-record-at-a-time autograd.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/models/record_losses.h>
#include <sotto/models/safetensors.h>
#include <sotto/models/script_file.h>
#include <sotto/models/script_model.h>
#include <sotto/privacy/poisson_sampler.h>
#include <sotto/privacy/sha256.h>
#include <torch/csrc/jit/serialization/import.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "../optim/oracle.h"
#include "program.h"
#include "small_images.h"

namespace sotto::tools {
namespace {

using ::testing::Contains;
using testing::content, testing::Outcome, testing::Program, testing::run;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;
using testing::Words, testing::operator+;

constexpr std::uint32_t kRecords = 60;
constexpr double kBatch = 12, kClipNorm = 0.1, kLr = 2;
constexpr int kSeed = 5;

std::string exported(const std::string& name) {
  return std::string(SOTTO_EXPORTED) + "/" + name + ".ts";
}

struct Files {
  std::string inputs, labels;
};

class ModelFile : public ::testing::Test {
 protected:
  Files pictures(const std::string& name, std::uint32_t count) const {
    const auto images = testing::write_small_images(folder_, name, count);
    return {images.images, images.labels};
  }
  // Tokens below 50 and labels below `classes` for each of them, 16 bits each.
  Files sequences(const std::string& name, std::uint32_t count, std::uint32_t length, unsigned classes) const {
    const auto numbers = [&](unsigned limit, unsigned seed) {
      auto bytes = data::testing::idx_header({count, length});
      bytes[2] = 0x0B;
      std::mt19937 random(seed);
      for (std::uint32_t i = 0; i < count * length; ++i) {
        bytes.push_back(0);
        bytes.push_back(static_cast<std::uint8_t>(random() % limit));
      }
      return bytes;
    };
    return {folder_.write(name + "-tokens", numbers(50, 3)).string(),
            folder_.write(name + "-labels", numbers(classes, 4)).string()};
  }
  Words train(const std::string& model, const Files& files, const std::string& output, const Words& more) const {
    return Words{"train",      "--model",
                 model,        "--train-images",
                 files.inputs, "--train-labels",
                 files.labels, "--dataset-size",
                 "60",         "--batch",
                 "12",         "--delta",
                 "0.001",      "--noise-multiplier",
                 "8",          "--threads",
                 "1",          "--physical-batch",
                 "5",          "--output",
                 path(output)} +
           more;
  }
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }

  // The weights after one step of a run, by name.
  std::map<std::string, at::Tensor> weights(const std::string& output) const {
    std::map<std::string, at::Tensor> result;
    const auto file = models::SafetensorsFile::read(path(output) + "/model.safetensors");
    for (const auto& view : file.tensors()) {
      at::Tensor values = at::empty(view.shape, at::kFloat);
      std::memcpy(values.mutable_data_ptr(), view.bytes.data(), view.bytes.size());
      result[view.name] = values;
    }
    return result;
  }

  // A run on one record that is not drawn releases the noise alone; the same seed makes the same noise.
  void expect_first_step(const std::string& name, const Files& files, const Files& one, const at::Tensor& inputs,
                         const at::Tensor& labels, const Words& more) {
    const Words common = Words{"--rule",  "flat", "--clip-norm",          "0.1",
                               "--lr",    "2",    "--momentum",           "0",
                               "--steps", "1",    "--insecure-test-seed", std::to_string(kSeed)} +
                         more;
    for (const auto& [data, output] : {std::pair{files, name + "-run"}, std::pair{one, name + "-noise"}}) {
      const Outcome outcome = run(train(exported(name), data, output, common));
      ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    }
    const auto sample = [](std::int64_t count) {
      return privacy::PoissonSampler(kBatch / kRecords, privacy::SecretKey::insecure_for_tests(kSeed).derive("sampler"))
          .sample(count);
    };
    ASSERT_TRUE(sample(1).empty()) << "choose another seed";
    ASSERT_GE(sample(kRecords).size(), 6u);

    const auto model = models::load_script_model(models::read_model_file(exported(name)), name);
    std::map<std::string, at::Tensor> sum;
    for (const auto& named : model->trainable()) sum[named.name] = torch::zeros_like(named.tensor, at::kDouble);
    for (const std::int64_t record : sample(kRecords)) {
      const at::Tensor loss = models::record_losses(model->forward(inputs.slice(0, record, record + 1)),
                                                    labels.slice(0, record, record + 1));
      std::vector<at::Tensor> parameters;
      for (const auto& named : model->trainable()) parameters.push_back(named.tensor);
      const auto gradients = torch::autograd::grad({loss.sum()}, parameters);
      double squared = 0;
      for (const at::Tensor& gradient : gradients) squared += gradient.to(at::kDouble).square().sum().item<double>();
      const double weight = std::min(1.0, kClipNorm / std::sqrt(squared));
      for (size_t p = 0; p < gradients.size(); ++p)
        sum[model->trainable()[p].name] += gradients[p].to(at::kDouble) * weight;
    }
    const auto with = weights(name + "-run"), without = weights(name + "-noise");
    double error = 0, largest = 0;
    for (const auto& [parameter, truth] : sum) {
      const at::Tensor step = (without.at(parameter).to(at::kDouble) - with.at(parameter)) * (kBatch / kLr);
      error = std::max(error, (step - truth).abs().max().item<double>());
      largest = std::max(largest, truth.abs().max().item<double>());
    }
    EXPECT_GT(largest, 1e-3) << name;
    // Weights of order 1 are written in float: 6e-8, times batch / learning rate.
    EXPECT_LT(error, 3e-6) << name << ", largest " << largest;
  }

  sotto::testing::ScratchFolder folder_;
};

at::Tensor tensor_of(const std::string& file, size_t header, at::IntArrayRef sizes, size_t each) {
  const std::string bytes = content(file);
  at::Tensor result = at::empty(sizes, at::kLong);
  for (int64_t i = 0; i < result.numel(); ++i)
    result.mutable_data_ptr<int64_t>()[i] =
        static_cast<std::uint8_t>(bytes[header + each * static_cast<size_t>(i) + each - 1]);
  return result;
}

TEST_F(ModelFile, FirstStepOfAResNetEqualsTheOracle) {
  const Files files = pictures("many", kRecords);
  const at::Tensor pixels = tensor_of(files.inputs, 16, {kRecords, 1, 28, 28}, 1).to(at::kFloat) / 127.5 - 1;
  expect_first_step("resnet", files, pictures("one", 1), pixels, tensor_of(files.labels, 8, {kRecords}, 1), {});
}

TEST_F(ModelFile, FirstStepOfATransformerWithTiedEmbeddingsEqualsTheOracle) {
  const Files files = sequences("many", kRecords, 12, 50);
  expect_first_step("transformer", files, sequences("one", 1, 12, 50), tensor_of(files.inputs, 12, {kRecords, 12}, 2),
                    tensor_of(files.labels, 12, {kRecords, 12}, 2), {"--input-type", "tokens:50", "--classes", "50"});
}

TEST_F(ModelFile, FirstStepOfAnLstmTaggerEqualsTheOracle) {
  const Files files = sequences("many", kRecords, 9, 5);
  expect_first_step("tagger", files, sequences("one", 1, 9, 5), tensor_of(files.inputs, 12, {kRecords, 9}, 2),
                    tensor_of(files.labels, 12, {kRecords, 9}, 2), {"--input-type", "tokens:50", "--classes", "5"});
}

TEST_F(ModelFile, RunKeepsTheFileItsHashAndTheTrainedModel) {
  const std::string given = path("given.ts");
  std::filesystem::copy_file(exported("resnet"), given);
  const std::string hash = privacy::sha256_hex(content(given));
  const Files files = pictures("many", kRecords);
  const Words test = {"--test-images", files.inputs, "--test-labels", files.labels, "--json"};
  Program program(train(given, files, "run", test + Words{"--steps", "400"}));
  ASSERT_TRUE(program.signal_when([&] { return content(path("run/ledger.jsonl")).size() > 4000; }, SIGINT));
  const Outcome stopped = program.finish();
  ASSERT_EQ(stopped.exit_code, 130) << stopped.err;
  std::filesystem::remove(given);

  EXPECT_EQ(privacy::sha256_hex(content(path("run/graph.ts"))), hash);
  for (const char* file : {"config.toml", "certificate.json", "model.safetensors"})
    EXPECT_THAT(content(path("run") + "/" + file), HasSubstr(hash)) << file;
  const auto saved = weights("run");
  const auto script = torch::jit::load(path("run/model.ts"));
  for (const auto& named : script.named_parameters())
    EXPECT_TRUE(at::equal(named.value, saved.at(named.name))) << named.name;
  const auto before = torch::jit::load(exported("resnet"));
  EXPECT_FALSE(at::equal(saved.at("fc.weight"), before.attr("fc").toModule().attr("weight").toTensor()));

  const Outcome evaluated = run({"evaluate", path("run"), "--json"});
  ASSERT_EQ(evaluated.exit_code, 0) << evaluated.err;
  EXPECT_EQ(nlohmann::json::parse(evaluated.out).at("test_records"), kRecords);

  Program resumed({"resume", path("run")});
  const size_t size = content(path("run/ledger.jsonl")).size();
  ASSERT_TRUE(resumed.signal_when([&] { return content(path("run/ledger.jsonl")).size() > size + 1000; }, SIGINT));
  const Outcome outcome = resumed.finish();
  EXPECT_EQ(outcome.exit_code, 130) << outcome.err;
  std::ofstream(path("run/graph.ts"), std::ios::app) << "x";
  const Outcome changed = run({"resume", path("run")});
  EXPECT_EQ(changed.exit_code, 65);
  EXPECT_THAT(changed.err, HasSubstr("SHA-256"));
}

// With factors of low rank: stopped, resumed and evaluated without being told again.
TEST_F(ModelFile, FactorsOfLowRankAreTrainedAndMerged) {
  const Files files = sequences("many", kRecords, 12, 50);
  const Words lora = {"--input-type",  "tokens:50", "--classes",      "50",       "--adapt",       "lora",
                      "--lora-rank",   "2",         "--lora-targets", "*linear1", "--test-images", files.inputs,
                      "--test-labels", files.labels};
  Program program(train(exported("transformer"), files, "run", lora + Words{"--steps", "60"}));
  ASSERT_TRUE(program.signal_when([&] { return content(path("run/ledger.jsonl")).size() > 4000; }, SIGINT));
  const Outcome stopped = program.finish();
  if (stopped.exit_code == 130) {
    const Outcome resumed = run({"resume", path("run")});
    ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  } else {
    ASSERT_EQ(stopped.exit_code, 0) << stopped.err;
  }
  const auto saved = weights("run");
  const std::string layer = "encoder.layers.1.linear1";
  const auto given = torch::jit::load(exported("transformer")), merged = torch::jit::load(path("run/model.ts"));
  const auto weight = [&](const torch::jit::Module& of) {
    for (const auto& named : of.named_parameters())
      if (named.name == layer + ".weight") return named.value.detach();
    return at::Tensor();
  };
  EXPECT_TRUE(at::equal(saved.at(layer + ".weight"), weight(given)));
  const at::Tensor product = saved.at(layer + ".lora_B").mm(saved.at(layer + ".lora_A"));
  EXPECT_GT(product.abs().max().item<double>(), 1e-4);
  EXPECT_TRUE(weight(merged).allclose(weight(given) + 8 * product, 1e-5, 1e-6));  // alpha 16, rank 2
  const Outcome evaluated = run({"evaluate", path("run"), "--json"});
  ASSERT_EQ(evaluated.exit_code, 0) << evaluated.err;
  EXPECT_EQ(nlohmann::json::parse(evaluated.out).at("test_records"), kRecords);
}

TEST_F(ModelFile, WhatCannotBeTrainedIsRefusedAndLeavesNothing) {
  const Files files = pictures("many", kRecords);
  const auto expect = [&](const std::string& model, int code, const std::string& what, const Words& more = {}) {
    const Outcome outcome = run(train(model, files, "run", Words{"--steps", "2"} + more));
    EXPECT_EQ(outcome.exit_code, code) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(what));
    EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << "not one line: " << outcome.err;
    EXPECT_FALSE(std::filesystem::exists(path("run"))) << model;
  };
  expect(path("missing.ts"), 65, "no such file");
  expect(files.inputs, 65, "not a TorchScript file");
  expect(exported("frozen"), 65, "no trainable parameter");
  expect(exported("two"), 65, "one tensor");
  expect(exported("batch_norm"), 65, "batch_norm");
  expect(exported("branch"), 65, "[Tape] operator aten::");
  expect(exported("counter"), 65, "changed an attribute");
  expect(exported("printer"), 65, "prints");
  expect(exported("transformer"), 65, "--input-type");
  expect(exported("parts"), 65, "must be [2, 10]");
  expect(exported("resnet"), 65, "SHA-256", {"--model-sha256", std::string(64, '0')});
  expect(exported("resnet"), 64, "--model-sha256", {"--model-sha256", "x"});
  expect("cnn", 64, "--model-sha256", {"--model-sha256", std::string(64, '0')});
  expect("cnn", 64, "--input-type", {"--input-type", "tokens:5"});
  expect(exported("resnet"), 64, "tokens:VOCABULARY", {"--input-type", "words"});
  expect(exported("resnet"), 64, "--fallback", {"--fallback", "maybe"});
  expect(exported("resnet"), 64, "--adapt", {"--adapt", "head"});
  expect(exported("resnet"), 64, "--lora-targets", {"--adapt", "lora"});
  expect(exported("resnet"), 64, "--lora-rank", {"--lora-rank", "2"});
  expect(exported("resnet"), 64, "layer4", {"--adapt", "lora", "--lora-targets", "layer4"});
  expect("cnn", 64, "--adapt", {"--adapt", "lora", "--lora-targets", "*"});
  expect("resnet", 64, "'resnet'");
}

TEST_F(ModelFile, SequencesOutOfRangeAreRefusedWithoutTheirValues) {
  const Files files = sequences("many", kRecords, 12, 50);
  const Outcome outcome = run(
      train(exported("transformer"), files, "run", {"--steps", "1", "--input-type", "tokens:49", "--classes", "50"}));
  EXPECT_EQ(outcome.exit_code, 65);
  EXPECT_THAT(outcome.err, HasSubstr("a token of record"));
}

TEST_F(ModelFile, FallbackRunsRecordsAloneAndSaysWhatThatCosts) {
  const Outcome outcome =
      run(train(exported("resnet"), pictures("many", kRecords), "run", {"--steps", "1", "--fallback", "per-record"}));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("fallback per-record: every record is a forward and a backward pass of its own"));
  EXPECT_THAT(outcome.out, HasSubstr("s per step"));
  EXPECT_LT(outcome.out.find("fallback per-record"), outcome.out.find("time  "));
  EXPECT_THAT(content(path("run/config.toml")), HasSubstr("fallback = \"per-record\""));
}

// Once, before the first step, as private training found it.
TEST_F(ModelFile, TrainSaysWhatItKnowsOfTheModel) {
  const auto count = [](const std::string& text, const std::string& what) {
    size_t found = 0;
    for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
    return found;
  };
  const Outcome pictures_run = run(train(exported("resnet"), pictures("many", kRecords), "run", {"--steps", "2"}));
  ASSERT_EQ(pictures_run.exit_code, 0) << pictures_run.err;
  EXPECT_EQ(count(pictures_run.out, "independence was probed on made-up records"), 1u) << pictures_run.out;
  EXPECT_EQ(count(pictures_run.out, "fallback per-record"), 0u) << pictures_run.out;
  const Outcome tagger = run(train(exported("tagger"), sequences("tags", kRecords, 9, 5), "tagger-run",
                                   {"--steps", "2", "--input-type", "tokens:50", "--classes", "5"}));
  ASSERT_EQ(tagger.exit_code, 0) << tagger.err;
  EXPECT_EQ(count(tagger.out, "aten::lstm taken apart (oneDNN's fused layer off)"), 1u) << tagger.out;
}

std::vector<std::string> names_of(const nlohmann::json& list) {
  std::vector<std::string> result;
  for (const auto& each : list) result.push_back(each.at("name"));
  return result;
}

TEST_F(ModelFile, ExplainTellsAcceptedFromRefused) {
  const auto explain = [](const std::string& model, const Words& more) {
    return run(Words{"explain", "--model", model} + more);
  };
  for (const std::string& model : {exported("resnet"), std::string("cnn"), std::string("mlp")}) {
    const Outcome outcome = explain(model, {"--input", "4x1x28x28", "--json"});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const auto json = nlohmann::json::parse(outcome.out);
    EXPECT_EQ(json.at("verdict"), "probed");
    EXPECT_EQ(json.at("batch"), 4);
    for (const auto& parameter : json.at("parameters")) EXPECT_FALSE(parameter.at("uses").empty());
  }
  const Outcome text = explain(exported("transformer"), {"--input", "3x12", "--input-type", "tokens:50"});
  ASSERT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("embedding.weight"));
  EXPECT_THAT(text.out, HasSubstr("[3 records, 12, 16]"));
  // What is adapted is explained as it would be trained: a frozen weight with its factors.
  const Outcome adapted =
      explain(exported("transformer"), {"--input", "3x12", "--input-type", "tokens:50", "--adapt", "lora",
                                        "--lora-rank", "2", "--lora-targets", "*linear1", "--json"});
  ASSERT_EQ(adapted.exit_code, 0) << adapted.err;
  const auto factors = nlohmann::json::parse(adapted.out);
  const std::string layer = "encoder.layers.1.linear1";
  EXPECT_THAT(names_of(factors.at("parameters")), IsSupersetOf({layer + ".lora_A", layer + ".lora_B"}));
  EXPECT_THAT(names_of(factors.at("parameters")), Not(Contains(layer + ".weight")));
  EXPECT_THAT(names_of(factors.at("not_trained")), Contains(layer + ".weight"));
  const auto refused = explain(exported("resnet"), {"--input", "4x1x28x28", "--adapt", "lora"});
  EXPECT_EQ(refused.exit_code, 64);
  EXPECT_THAT(refused.err, HasSubstr("[--lora-targets] missing"));
  EXPECT_EQ(explain(exported("resnet"), {"--input", "4x1x28x28", "--lora-rank", "2"}).exit_code, 64);
  EXPECT_EQ(explain(exported("resnet"), {"--input", "4x1x28x28", "--adapt", "head"}).exit_code, 64);
  for (const char* name : {"batch_norm", "branch", "counter", "lister", "frozen"})
    EXPECT_EQ(explain(exported(name), {"--input", "4x1x28x28"}).exit_code, 65) << name;
  EXPECT_EQ(explain(exported("transformer"), {"--input", "3x12"}).exit_code, 65);
  for (const char* sizes : {"8", "1x28", "0x28", "8x", "8xa", "8x-1"})
    EXPECT_EQ(explain("cnn", {"--input", sizes}).exit_code, 64) << sizes;
  EXPECT_EQ(explain("resnet20x", {"--input", "4x1x28x28"}).exit_code, 64);
}

}  // namespace
}  // namespace sotto::tools
