// `sotto import`: what comes back from adapters, TorchScript and safetensors, and every refusal. Runs the real program.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/models/frozen.h>
#include <sotto/models/peft_adapter.h>
#include <sotto/models/script_file.h>
#include <sotto/models/text_script.h>
#include <torch/csrc/jit/serialization/pickle.h>
#include <torch/torch.h>

#include <map>
#include <nlohmann/json.hpp>

#include "train_text_fixture.h"

namespace sotto::tools {
namespace {

using nlohmann::json;
using ::testing::ElementsAre, ::testing::HasSubstr, ::testing::Not;
using testing::operator+;

const std::string kQuery = "encoder.layer.0.attention.self.query.weight";

std::map<std::string, at::Tensor> tensors_of(const std::string& folder) {
  std::map<std::string, at::Tensor> result;
  for (const models::NamedTensor& named : models::read_state(folder + "/model.safetensors"))
    result[named.name] = named.tensor;
  return result;
}

void expect_same(const std::map<std::string, at::Tensor>& got, const std::map<std::string, at::Tensor>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (const auto& [name, tensor] : expected) {
    ASSERT_TRUE(got.contains(name)) << name;
    EXPECT_TRUE(got.at(name).equal(tensor)) << name;
  }
}

class ImportModel : public TrainPublished {
 protected:
  std::string file(const std::string& name) const { return path("model/" + name); }
  // A file of weights, with config and vocabulary of the small model.
  Words words(const std::string& weights, const std::string& output = "new") const {
    return {"import",      weights,           "--config", file("config.json"),
            "--tokenizer", file("vocab.txt"), "--output", path(output)};
  }
  void expect_refused(const Words& words, const std::string& what, int exit_code = 65) const {
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(what));
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
      EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr("new"))) << "a folder was left";
  }
  void expect_trains(const std::string& folder) const {
    done(
        published(folder + "-run", path(folder) + "/", {"--adapt", "head", "--noise-multiplier", "1", "--steps", "1"}));
  }
  // The tensors of the small model as another file says them.
  std::vector<models::NamedTensor> small() const { return models::read_state(file("model.safetensors")); }
  std::string save(const std::string& name, const std::vector<models::NamedTensor>& tensors) const {
    models::save_state(path(name), tensors);
    return path(name);
  }

  const std::string model_ = write_model("model");
};

// Train, export the adapter, merge it into its base: the model that the merged export holds.
TEST_F(ImportModel, AnAdapterOnItsBaseIsTheMergedModel) {
  write("model/LICENSE", "public domain\n");
  write("model/README.md", "small\n");
  for (const char* pooling : {"mean", "layers", "first"}) {
    const std::string name = std::string("run-") + pooling;
    const Words centre = std::string(pooling) == "layers" ? Words{"--centre"} : Words{};
    done(published(name, model_,
                   with_flags({"--adapt", "lora", "--pooling", pooling, "--lora-targets", "*query,*output.dense",
                               "--lr", "0.05", "--noise-multiplier", "1", "--steps", "4"},
                              centre)));
    done({"export", path(name), "--to", "safetensors", "--output", path(name + "-whole")});
    done({"export", path(name), "--to", "peft", "--base-model", "some/encoder", "--output", path(name + "-adapter")});
    const Outcome outcome =
        done({"import", path(name + "-adapter"), "--base", model_, "--output", path(name + "-back"), "--json"});
    const auto whole = tensors_of(path(name + "-whole")), back = tensors_of(path(name + "-back"));
    expect_same(back, whole);
    EXPECT_FALSE(back.at("bert." + kQuery).equal(tensors_of(model_).at(kQuery)));
    for (const char* copied : {"LICENSE", "README.md", "config.json", "vocab.txt"})
      EXPECT_EQ(content(path(name + "-back/") + copied), content(file(copied))) << copied;
    EXPECT_EQ(content(path(name + "-back/certificate.json")), content(path(name + "/certificate.json")));
    const json said = json::parse(outcome.out);
    EXPECT_EQ(said.at("form"), "peft");
    EXPECT_EQ(said.at("base_model"), "some/encoder");
    EXPECT_EQ(said.at("head"), json({{"outputs", 2}, {"pooling", pooling}}));
    EXPECT_EQ(said.at("licence_files"), json::array({"LICENSE", "README.md"}));
    EXPECT_EQ(outcome.err, "");
    expect_trains(name + "-back");
  }
}

// What the factors say by hand, and no head where PEFT wrote none.
TEST_F(ImportModel, AnAdapterWithoutAHeadIsMergedIntoTheEncoder) {
  std::filesystem::create_directories(path("adapter"));
  write("adapter/adapter_config.json", R"({"peft_type": "LORA", "task_type": "FEATURE_EXTRACTION", "r": 2,
    "lora_alpha": 6, "target_modules": ["query"], "bias": "none", "base_model_name_or_path": null})");
  std::vector<models::NamedTensor> factors;
  std::map<std::string, at::Tensor> expected = tensors_of(model_);
  torch::manual_seed(4);
  for (const char* layer : {"0", "1"}) {
    const std::string name = std::string("encoder.layer.") + layer + ".attention.self.query";
    const at::Tensor a = torch::randn({2, 16}), b = torch::randn({16, 2});
    factors.push_back({"base_model.model." + name + ".lora_A.weight", a});
    factors.push_back({"base_model.model." + name + ".lora_B.weight", b});
    at::Tensor& weight = expected.at(name + ".weight");
    weight = weight + 3 * b.matmul(a);
  }
  save("adapter/adapter_model.safetensors", factors);
  const Outcome outcome = done({"import", path("adapter"), "--base", model_, "--output", path("new")});
  EXPECT_EQ(outcome.out, path("new") + "\n");
  EXPECT_THAT(outcome.err, HasSubstr("no licence file"));
  const auto got = tensors_of(path("new"));
  ASSERT_EQ(got.size(), expected.size());
  for (const auto& [name, tensor] : expected)
    EXPECT_LT((got.at(name) - tensor).abs().max().item<double>(), 1e-5) << name;
  expect_trains("new");
}

TEST_F(ImportModel, ACertificateOfTheBaseComesAlongUnderAnotherName) {
  done(published("run", model_, {"--adapt", "lora", "--noise-multiplier", "1", "--steps", "1"}));
  done({"export", path("run"), "--to", "safetensors", "--output", path("base")});
  done(published("second", path("base") + "/", {"--adapt", "lora", "--noise-multiplier", "2", "--steps", "1"}));
  done({"export", path("second"), "--to", "peft", "--base-model", "some/encoder", "--output", path("adapter")});
  done({"import", path("adapter"), "--base", path("base"), "--output", path("new")});
  EXPECT_EQ(content(path("new/certificate.json")), content(path("second/certificate.json")));
  EXPECT_EQ(content(path("new/base-certificate.json")), content(path("run/certificate.json")));
  EXPECT_NE(content(path("new/certificate.json")), content(path("new/base-certificate.json")));
}

TEST_F(ImportModel, ABaseThatIsNotPrivateMakesNoPrivateModel) {
  done(published("run", model_, {"--adapt", "lora", "--noise-multiplier", "1", "--steps", "1"}));
  done({"export", path("run"), "--to", "peft", "--base-model", "some/encoder", "--output", path("adapter")});
  done(published("plain", model_,
                 {"--adapt", "full", "--noise-multiplier", "1", "--steps", "1", "--insecure-test-seed", "3"}));
  done({"export", path("plain"), "--to", "safetensors", "--output", path("base")});
  for (const bool certified : {true, false}) {
    if (!certified)  // as of Python
      for (const char* ours : {"certificate.json", "classifier.safetensors"})
        std::filesystem::remove(path("adapter/") + ours);
    const std::string output = certified ? "merged" : "merged-too";
    done({"import", path("adapter"), "--base", path("base"), "--output", path(output)});
    const Words words = published(output + "-run", path(output) + "/", {"--noise-multiplier", "1", "--steps", "1"});
    const Outcome refused = run(words);
    EXPECT_EQ(refused.exit_code, 64) << refused.out;
    EXPECT_THAT(refused.err, HasSubstr("NOT PRIVATE, or came of such"));
    done(with_flags(words, {"--public-base"}));
  }
}

// The weights themselves say it, wherever they are put.
TEST_F(ImportModel, WeightsThatAreNotPrivateAreKnownByTheirMetadata) {
  done(published("plain", model_,
                 {"--adapt", "lora", "--noise-multiplier", "1", "--steps", "1", "--insecure-test-seed", "3"}));
  done({"export", path("plain"), "--to", "safetensors", "--output", path("whole")});
  done({"export", path("plain"), "--to", "peft", "--base-model", "some/encoder", "--output", path("adapter")});
  std::filesystem::copy_file(path("whole/model.safetensors"), path("bare.safetensors"));
  for (const char* exported : {"whole", "adapter"}) std::filesystem::remove(path(exported) + "/NOT_PRIVATE.txt");
  done(words(path("bare.safetensors"), "of-file"));
  done({"import", path("adapter"), "--base", model_, "--output", path("of-adapter")});
  done({"export", path("plain"), "--to", "peft", "--base-model", "some/encoder", "--output", path("second")});
  for (const char* left : {"second/NOT_PRIVATE.txt", "second/classifier.safetensors"})
    std::filesystem::remove(path(left));
  done({"import", path("second"), "--base", path("whole"), "--output", path("of-base")});
  for (const char* imported : {"of-file", "of-adapter", "of-base"}) {
    const Outcome refused = run(published("next", path(imported) + "/", {"--noise-multiplier", "1", "--steps", "1"}));
    EXPECT_EQ(refused.exit_code, 64) << imported << refused.out;
    EXPECT_THAT(refused.err, HasSubstr("are NOT PRIVATE")) << imported;
  }
}

TEST_F(ImportModel, ABaseWithAnotherCertificateThanTheAdaptersIsRefused) {
  done(published("run", model_, {"--adapt", "lora", "--noise-multiplier", "1", "--steps", "1"}));
  done({"export", path("run"), "--to", "safetensors", "--output", path("base")});
  done(published("second", path("base") + "/", {"--adapt", "lora", "--noise-multiplier", "2", "--steps", "1"}));
  done({"export", path("second"), "--to", "peft", "--base-model", "some/encoder", "--output", path("adapter")});
  done({"export", path("second"), "--to", "safetensors", "--output", path("other-base")});
  expect_refused({"import", path("adapter"), "--base", path("other-base"), "--output", path("new")},
                 "two that tell different things");
}

TEST_F(ImportModel, ATorchScriptFileGivesItsEncoder) {
  write("model/tokenizer_config.json", "{\"do_lower_case\": false}");
  done(published("run", model_, {"--adapt", "head", "--noise-multiplier", "1", "--steps", "1"}));
  done({"export", path("run"), "--to", "torchscript", "--output", path("script")});
  write("script/LICENSE", "public domain\n");
  const Outcome outcome = done({"import", path("script/model.ts"), "--config", path("script/config.json"),
                                "--tokenizer", path("script/vocab.txt"), "--output", path("new"), "--json"});
  expect_same(tensors_of(path("new")), tensors_of(model_));
  const json said = json::parse(outcome.out);
  EXPECT_EQ(said.at("form"), "torchscript");
  EXPECT_EQ(said.at("left_out"), json::array({"classifier.bias", "classifier.weight"}));
  EXPECT_EQ(said.at("tensors"), tensors_of(model_).size());
  EXPECT_EQ(said.at("licence_files"), json::array({"LICENSE"}));
  EXPECT_THAT(outcome.err, HasSubstr("left out, no part of the encoder: classifier.bias, classifier.weight"));
  EXPECT_EQ(content(path("new/certificate.json")), content(path("run/certificate.json")));
  EXPECT_EQ(content(path("new/tokenizer_config.json")), "{\"do_lower_case\": false}");
  expect_trains("new");

  // The certificate in the file is that of its weights, whatever lies beside it.
  write("script/certificate.json", "of another model");
  done({"import", path("script/model.ts"), "--config", path("script/config.json"), "--tokenizer",
        path("script/vocab.txt"), "--output", path("again")});
  EXPECT_EQ(content(path("again/certificate.json")), content(path("run/certificate.json")));
}

TEST_F(ImportModel, WhatIsNoCertificateInAFileIsRefused) {
  done(published("run", model_, {"--adapt", "head", "--noise-multiplier", "1", "--steps", "1"}));
  done({"export", path("run"), "--to", "torchscript", "--output", path("script")});
  const auto module = models::load_script(models::read_model_file(path("script/model.ts")), "model.ts");
  const auto refused_with = [&](const std::string& certificate, const char* what) {
    models::write_script(path("script/other.ts"), module, {{"certificate.json", certificate}});
    expect_refused({"import", path("script/other.ts"), "--config", path("script/config.json"), "--tokenizer",
                    path("script/vocab.txt"), "--output", path("other")},
                   what);
  };
  refused_with("{}", "certificate.json of ");
  refused_with(std::string((1 << 20) + 1, ' '), "longer than 1048576 bytes");
}

TEST_F(ImportModel, ASafetensorsFileGivesItsEncoderUnderTodaysNames) {
  std::vector<models::NamedTensor> stored;
  for (models::NamedTensor& named : small()) {
    std::string name = "bert." + named.name;
    for (const auto& [now, old] :
         {std::pair{"LayerNorm.weight", "LayerNorm.gamma"}, {"LayerNorm.bias", "LayerNorm.beta"}})
      if (name.ends_with(now)) name.replace(name.rfind(now), std::string(now).size(), old);
    stored.push_back({name, named.tensor.to(torch::kHalf)});
  }
  stored.push_back({"bert.pooler.dense.weight", torch::ones({16, 16})});
  stored.push_back({"bert.embeddings.position_ids", torch::arange(64)});
  stored.push_back({"cls.predictions.bias", torch::ones({14})});
  const Outcome outcome = done(words(save("weights.safetensors", stored)) + Words{"--json"});
  auto expected = tensors_of(model_);
  for (auto& [name, tensor] : expected) tensor = tensor.to(torch::kHalf).to(torch::kFloat);
  expect_same(tensors_of(path("new")), expected);
  EXPECT_EQ(json::parse(outcome.out).at("left_out"),
            json::array({"bert.embeddings.position_ids", "bert.pooler.dense.weight", "cls.predictions.bias"}));
  EXPECT_EQ(models::SafetensorsFile::read(path("new/model.safetensors")).metadata().at("format"), "pt");
  expect_trains("new");
}

TEST_F(ImportModel, ATokenizerIsKnownByItsEnding) {
  const std::string renamed = write("words-of-it.txt", content(file("vocab.txt")));
  done(with_flags(words(file("model.safetensors")), {"--tokenizer", renamed}));
  EXPECT_EQ(content(path("new/vocab.txt")), content(file("vocab.txt")));
  EXPECT_FALSE(std::filesystem::exists(path("new/tokenizer_config.json")));
}

TEST_F(ImportModel, WhatIsMissingLeftOverOrOfAnotherShapeIsListed) {
  auto tensors = small();
  std::erase_if(tensors, [](const auto& named) { return named.name == kQuery; });
  expect_refused(words(save("a.safetensors", tensors)), "'" + kQuery + "' is missing");
  tensors = small();
  tensors.push_back({"decoder.weight", torch::ones({2})});
  expect_refused(words(save("b.safetensors", tensors)), "'decoder.weight' is not in the model");
  tensors = small();
  for (auto& named : tensors)
    if (named.name == kQuery) named.tensor = torch::ones({16, 8});
  expect_refused(words(save("c.safetensors", tensors)), "has shape [16, 8] where the model has [16, 16]");

  const models::TextClassifier other(models::TextClassifierOptions{
      .bert = {.vocabulary = 14, .width = 16, .layers = 1, .heads = 2, .feed_forward = 24, .positions = 64}});
  models::write_script(path("d.ts"), models::text_script(*other));
  expect_refused(words(path("d.ts")), "'encoder.layer.1.attention.self.query.weight' is missing");
}

TEST_F(ImportModel, FilesThatAreNoneOfTheseAreRefused) {
  const auto bytes = torch::pickle_save(torch::ones({2}));
  write("weights.pt", std::string(bytes.begin(), bytes.end()));
  expect_refused(words(path("weights.pt")), "weights or a pickled module as torch.save() writes them");
  write("text.ts", "nothing of the kind");
  expect_refused(words(path("text.ts")), "[import] " + path("text.ts") + ": not a TorchScript file");
  write("text.safetensors", "nothing of the kind");
  expect_refused(words(path("text.safetensors")), "text.safetensors");
  expect_refused({"import", model_, "--base", model_, "--output", path("new")}, "holds no adapter_config.json");
}

TEST_F(ImportModel, ConfigAndTokenizerOfTwoModelsAreRefused) {
  const std::string more = write("more.txt", content(file("vocab.txt")) + "more\n");
  expect_refused(with_flags(words(file("model.safetensors")), {"--tokenizer", more}), "of two models");
  expect_refused(with_flags(words(file("model.safetensors")), {"--config", path("nowhere.json")}), "nowhere.json");
  const std::string odd = write("odd.json", "{\"model_type\": \"gpt2\"}");
  expect_refused(with_flags(words(file("model.safetensors")), {"--config", odd}), "'model_type'");
}

TEST_F(ImportModel, AnAdapterOfAnotherModelIsRefused) {
  done(published("run", model_, {"--adapt", "lora", "--noise-multiplier", "1", "--steps", "1"}));
  done({"export", path("run"), "--to", "peft", "--base-model", "some/encoder", "--output", path("adapter")});
  auto config = content(path("adapter/adapter_config.json"));
  write("adapter/adapter_config.json", config.replace(config.find("layer.0"), 7, "layer.9"));
  expect_refused({"import", path("adapter"), "--base", model_, "--output", path("new")},
                 "stands for no linear layer of the encoder");
}

TEST_F(ImportModel, AHeadThatDoesNotSayWhatItTakesIsRefused) {
  done(published("run", model_, {"--adapt", "lora", "--noise-multiplier", "1", "--steps", "1"}));
  done({"export", path("run"), "--to", "peft", "--base-model", "some/encoder", "--output", path("adapter")});
  const Words words = {"import", path("adapter"), "--base", model_, "--output", path("new")};
  save("adapter/classifier.safetensors", {{"weight", torch::ones({2, 16})}, {"bias", torch::ones({2})}});
  expect_refused(words, "its metadata say pooling ''; must be mean, layers or first");
  save("adapter/classifier.safetensors", {{"weight", torch::ones({16})}, {"bias", torch::ones({2})}});
  expect_refused(words, "has no weight [outputs, width]");
}

TEST_F(ImportModel, AnOutputThatIsThereStaysAsItIs) {
  write("taken", "kept");
  const Outcome outcome = run(words(file("model.safetensors"), "taken"));
  EXPECT_EQ(outcome.exit_code, 64);
  EXPECT_THAT(outcome.err, HasSubstr("is there already"));
  EXPECT_EQ(content(path("taken")), "kept");
}

}  // namespace
}  // namespace sotto::tools
