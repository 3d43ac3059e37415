// `sotto export`: what the exported files compute, and what lies beside them. Runs the real program.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/models/safetensors.h>
#include <sotto/privacy/certificate.h>
#include <sys/resource.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/torch.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "small_images.h"
#include "train_text_fixture.h"

namespace sotto::tools {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using testing::operator+;

// Of different lengths. Ids by the order of small_bert.h's vocabulary, [CLS] and [SEP] around them.
constexpr const char* kTexts = "fine\nthe film was dull and cold\nwarm the silly film was a clever film the film\n";
const std::vector<std::vector<int64_t>> kIds = {
    {2, 4, 3}, {2, 10, 11, 12, 7, 1, 8, 3}, {2, 5, 10, 9, 11, 12, 13, 6, 11, 10, 11, 3}};

at::Tensor padded(const std::vector<std::vector<int64_t>>& texts, int64_t length) {
  at::Tensor ids = torch::zeros({static_cast<int64_t>(texts.size()), length}, torch::kLong);
  for (size_t i = 0; i < texts.size(); ++i)
    ids[static_cast<int64_t>(i)].slice(0, 0, static_cast<int64_t>(texts[i].size())).copy_(torch::tensor(texts[i]));
  return ids;
}

class ExportRun : public TrainPublished {
 protected:
  Outcome exported(const std::string& run_name, const std::string& to, const Words& more = {}) const {
    return run(Words{"export", path(run_name), "--to", to, "--output", path(run_name + "-" + to)} + more);
  }
  // What `sotto predict` says of the texts, [texts, 2].
  at::Tensor predicted(const std::string& run_name) const {
    const Outcome outcome = done({"predict", path(run_name), "--input", write("asked.txt", kTexts), "--json"});
    std::istringstream lines(outcome.out);
    std::vector<at::Tensor> rows;
    for (std::string line; std::getline(lines, line);) {
      const json said = json::parse(line).at("probabilities");
      rows.push_back(torch::tensor({said.at("no").get<double>(), said.at("yes").get<double>()}));
    }
    return torch::stack(rows);
  }
  bool is_there(const std::string& name) const { return std::filesystem::exists(path(name)); }
  void expect_no_parts() const {
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
      EXPECT_THAT(entry.path().string(), ::testing::Not(HasSubstr(".part.")));
  }
};

TEST_F(ExportRun, TorchScriptSaysWhatTheRunSaysOfTextsOfAnyLength) {
  const std::string folder = write_model("model");
  const std::vector<std::pair<std::string, Words>> runs = {
      {"head", {"--adapt", "head", "--pooling", "layers", "--centre"}},
      {"bitfit", {"--adapt", "bitfit", "--pooling", "first"}},
      {"lora", {"--adapt", "lora", "--lora-targets", "*query,*output.dense"}},
      {"lora-layers", {"--adapt", "lora", "--pooling", "layers", "--centre"}},
      {"full", {"--adapt", "full"}},
      {"groups",
       {"--adapt", "full", "--group-column", "id", "--group-up-to", "_", "--max-per-group", "3", "--dataset-size", "40",
        "--batch", "20"}}};
  const torch::NoGradGuard no_grad;
  for (const auto& [name, flags] : runs) {
    done(published(
        name, folder,
        flags + Words{"--lr", "0.05", "--noise-multiplier", "1", "--steps", "4", "--insecure-test-seed", "4"}));
    ASSERT_EQ(exported(name, "torchscript").exit_code, 0) << name;
    torch::jit::Module module = torch::jit::load(path(name + "-torchscript/model.ts"));
    const at::Tensor expected = predicted(name);
    for (const int64_t length : {12, 40}) {
      const at::Tensor scores = module.forward({padded(kIds, length)}).toTensor();
      EXPECT_LT((scores.to(torch::kDouble).softmax(1) - expected).abs().max().item<double>(), 2e-6) << name;
    }
    EXPECT_GT((expected[0] - expected[1]).abs().max().item<double>(), 2e-5) << name << ": all texts are alike";
  }
}

TEST_F(ExportRun, NetworksFromScratchLeaveAsTorchScript) {
  // The list of tokens has neither [CLS] nor [SEP], and the words after [UNK].
  std::vector<std::vector<int64_t>> texts;
  for (const auto& ids : kIds) {
    texts.emplace_back();
    for (size_t i = 1; i + 1 < ids.size(); ++i) texts.back().push_back(ids[i] == 1 ? 1 : ids[i] - 2);
  }
  const torch::NoGradGuard no_grad;
  for (const char* network : {"bag", "lstm", "small-encoder"}) {
    done(own(network, {"--model", network, "--noise-multiplier", "1", "--delta", "1e-4", "--steps", "4"}));
    const Outcome outcome = exported(network, "torchscript");
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const std::string folder = path(std::string(network) + "-torchscript");
    for (const char* name : {"vocabulary.txt", "certificate.json"})
      EXPECT_EQ(content(folder + "/" + name), content(path(network) + "/" + name)) << network;
    torch::jit::ExtraFilesMap inside = {{"certificate.json", ""}, {"metadata.json", ""}};
    torch::jit::Module module = torch::jit::load(folder + "/model.ts", std::nullopt, inside);
    EXPECT_EQ(inside.at("certificate.json"), content(folder + "/certificate.json"));
    EXPECT_EQ(json::parse(inside.at("metadata.json")).at("model"), network);
    const at::Tensor expected = predicted(network);
    for (const int64_t length : {10, 32}) {
      const at::Tensor scores = module.forward({padded(texts, length)}).toTensor();
      EXPECT_LT((scores.to(torch::kDouble).softmax(1) - expected).abs().max().item<double>(), 1e-5) << network;
    }
    EXPECT_GT((expected[0] - expected[1]).abs().max().item<double>(), 1e-4) << network << ": all texts are alike";
    const Outcome explained =
        run({"explain", "--model", folder + "/model.ts", "--input", "4x9", "--input-type", "tokens:12", "--short"});
    EXPECT_EQ(explained.exit_code, 0) << explained.out << explained.err;
    const Outcome refused = exported(network, "safetensors");
    EXPECT_EQ(refused.exit_code, 64);
    EXPECT_THAT(refused.err, HasSubstr("is a network from scratch, must be torchscript"));
    EXPECT_FALSE(is_there(std::string(network) + "-safetensors"));
  }
}

TEST_F(ExportRun, TorchScriptCarriesTokenizerCertificateAndWhatWasTrained) {
  const std::string folder = write_model("model");
  write("model/tokenizer_config.json", "{\"do_lower_case\": false}");
  done(published("run", folder,
                 {"--adapt", "lora", "--lora-targets", "*query", "--noise-multiplier", "1", "--steps", "2"}));
  const Outcome outcome = exported("run", "torchscript");
  EXPECT_EQ(outcome.out, path("run-torchscript") + "\n") << outcome.err;
  for (const char* name : {"config.json", "vocab.txt", "tokenizer_config.json"})
    EXPECT_EQ(content(path("run-torchscript/") + name), content(folder + "/" + name)) << name;
  const std::string certificate = content(path("run/certificate.json"));
  EXPECT_EQ(content(path("run-torchscript/certificate.json")), certificate);
  torch::jit::ExtraFilesMap texts = {{"certificate.json", ""}, {"metadata.json", ""}};
  const torch::jit::Module module = torch::jit::load(path("run-torchscript/model.ts"), std::nullopt, texts);
  EXPECT_EQ(texts.at("certificate.json"), certificate);
  const json metadata = json::parse(texts.at("metadata.json"));
  EXPECT_THAT(metadata.at("privacy").get<std::string>(), HasSubstr("privacy"));
  EXPECT_EQ(metadata.at("classes"), "[\"no\",\"yes\"]");
  EXPECT_EQ(metadata.at("max_tokens"), "32");
  EXPECT_EQ(metadata.at("pooling"), "mean");
  EXPECT_EQ(metadata.at("model"), "model");  // without the folders of this machine
  for (const auto& named : module.named_parameters())
    EXPECT_EQ(named.value.requires_grad(),
              named.name.starts_with("classifier.") || named.name.ends_with("query.weight"))
        << named.name;
}

// The loop is closed: what was exported is explained, and trained privately again.
TEST_F(ExportRun, TorchScriptIsTakenAsAModelOfTokens) {
  const std::string folder = write_model("model");
  const auto tokens = [&](std::uint32_t count) {
    auto bytes = data::testing::idx_header({count, 12});
    auto labels = data::testing::idx_header({count});
    std::mt19937 random(3);
    for (std::uint32_t i = 0; i < count; ++i) {
      const auto length = 3 + random() % 10;
      for (std::uint32_t t = 0; t < 12; ++t)
        bytes.push_back(static_cast<std::uint8_t>(t < length ? 1 + random() % 13 : 0));
      labels.push_back(static_cast<std::uint8_t>(random() % 2));
    }
    return std::pair{folder_.write("tokens", bytes).string(), folder_.write("labels", labels).string()};
  };
  const auto [inputs, labels] = tokens(60);
  for (const char* pooling : {"mean", "first", "layers"}) {
    const std::string name = std::string("run-") + pooling;
    done(published(name, folder, {"--adapt", "full", "--pooling", pooling, "--noise-multiplier", "1", "--steps", "2"}));
    ASSERT_EQ(exported(name, "torchscript").exit_code, 0);
    const std::string model = path(name + "-torchscript/model.ts");
    const Outcome explained =
        run({"explain", "--model", model, "--input", "8x12", "--input-type", "tokens:14", "--short"});
    EXPECT_EQ(explained.exit_code, 0) << explained.out << explained.err;
    const Outcome adapted = run({"explain", "--model", model, "--input", "8x12", "--input-type", "tokens:14", "--adapt",
                                 "lora", "--lora-targets", "*query", "--json"});
    ASSERT_EQ(adapted.exit_code, 0) << adapted.err;
    EXPECT_THAT(adapted.out, HasSubstr("layer.0.attention.self.query.lora_A"));
    done({"train",
          "--model",
          model,
          "--input-type",
          "tokens:14",
          "--train-images",
          inputs,
          "--train-labels",
          labels,
          "--classes",
          "2",
          "--dataset-size",
          "60",
          "--batch",
          "20",
          "--noise-multiplier",
          "1",
          "--delta",
          "1e-3",
          "--steps",
          "2",
          "--threads",
          "1",
          "--output",
          path(name + "-again")});
    const auto before = models::SafetensorsFile::read(path(name + "/model.safetensors"));
    const auto after = models::SafetensorsFile::read(path(name + "-again/model.safetensors"));
    EXPECT_EQ(after.tensors().size(), before.tensors().size());
    EXPECT_NE(after.find("bert.encoder.layer.0.attention.self.query.weight"), nullptr);
  }
}

TEST_F(ExportRun, TheModelOfATorchScriptFileIsCopied) {
  const auto images = testing::write_small_images(folder_, "train", 60);
  const Words words = {
      "train", "--train-images", images.images, "--train-labels",     images.labels, "--dataset-size", "60", "--batch",
      "12",    "--delta",        "1e-3",        "--noise-multiplier", "8",           "--threads",      "1",  "--steps",
      "2"};
  done(words + Words{"--model", std::string(SOTTO_EXPORTED) + "/resnet.ts", "--output", path("net")});
  ASSERT_EQ(exported("net", "torchscript").exit_code, 0);
  EXPECT_EQ(content(path("net-torchscript/model.ts")), content(path("net/model.ts")));
  EXPECT_EQ(content(path("net-torchscript/certificate.json")), content(path("net/certificate.json")));
  EXPECT_FALSE(content(path("net/model.ts")).empty());
  const Outcome other = exported("net", "safetensors");
  EXPECT_EQ(other.exit_code, 64);
  EXPECT_THAT(other.err, HasSubstr("must be torchscript"));

  done(words + Words{"--model", "mlp", "--output", path("ready")});
  const Outcome refused = exported("ready", "torchscript");
  EXPECT_EQ(refused.exit_code, 64);
  EXPECT_THAT(refused.err, HasSubstr("neither one of texts nor a TorchScript file"));
  EXPECT_FALSE(is_there("ready-torchscript"));
  expect_no_parts();
}

// What is known of a TorchScript file's weights is in the file that training wrote, wherever it is put.
TEST_F(ExportRun, ATorchScriptFileThatIsNotPrivateIsNoBeginning) {
  const auto images = testing::write_small_images(folder_, "train", 60);
  const auto words = [&](const std::string& model, const std::string& output, const Words& more) {
    return Words{"train", "--train-images", images.images, "--train-labels", images.labels, "--dataset-size",
                 "60",    "--batch",        "12",          "--threads",      "1",           "--steps",
                 "1",     "--model",        model,         "--output",       path(output)} +
           more;
  };
  const Words budget = {"--noise-multiplier", "8", "--delta", "1e-3"};
  const std::string net = std::string(SOTTO_EXPORTED) + "/resnet.ts";
  done(words(net, "plain", {"--rule", "none"}));
  done(words(net, "paid", budget));
  for (const char* run_name : {"plain", "paid"})
    std::filesystem::copy_file(path(run_name) + "/model.ts", path(run_name) + ".ts");
  for (const std::string& model : {path("plain/model.ts"), path("plain.ts")}) {
    const Outcome refused = run(words(model, "next", budget));
    EXPECT_EQ(refused.exit_code, 64) << refused.out;
    EXPECT_THAT(refused.err, HasSubstr("are NOT PRIVATE"));
    EXPECT_FALSE(is_there("next"));
  }
  done(words(path("plain.ts"), "public", budget + Words{"--public-base"}));
  EXPECT_EQ(content(path("public/base-NOT_PRIVATE.txt")), content(path("plain/NOT_PRIVATE.txt")));
  EXPECT_THAT(done(words(path("paid.ts"), "second", budget)).err, HasSubstr("come with a certificate of their own"));
  privacy::Certificate paid = privacy::parse_certificate(content(path("paid/certificate.json")));
  EXPECT_EQ(paid.files.erase("model.ts"), 1u);  // the one within that file cannot tell its hash
  EXPECT_EQ(privacy::parse_certificate(content(path("second/base-certificate.json"))), paid);
  // Where the file says nothing, its folder does.
  std::filesystem::create_directories(path("beside"));
  std::filesystem::copy_file(net, path("beside/net.ts"));
  write("beside/NOT_PRIVATE.txt", "NOT PRIVATE: trained elsewhere\n");
  EXPECT_EQ(run(words(path("beside/net.ts"), "next", budget)).exit_code, 64);
}

// The last file of a folder is refused by the file system: the folder must not be there without it.
TEST_F(ExportRun, AFolderAppearsWithItsLastFileOrNotAtAll) {
  const std::string folder = write_model("model");
  done(published("run", folder,
                 {"--adapt", "lora", "--noise-multiplier", "1", "--steps", "1", "--insecure-test-seed", "3"}));
  std::string reason = content(path("run/NOT_PRIVATE.txt"));
  ASSERT_FALSE(reason.empty());
  reason.resize(1'000'000, '.');
  write("run/NOT_PRIVATE.txt", reason);
  const auto short_files = [] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{500'000, 500'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  };
  for (const char* to : {"peft", "safetensors", "torchscript"}) {
    Words words = {"export", path("run"), "--to", to, "--output", path(to)};
    if (std::string(to) == "peft") words = with_flags(words, {"--base-model", "some/encoder"});
    EXPECT_EQ(run(words, short_files).exit_code, 74) << to;
    EXPECT_FALSE(is_there(to));
    expect_no_parts();
    done(words);
    EXPECT_EQ(content(path(to) + "/NOT_PRIVATE.txt"), reason) << to;
  }
}

}  // namespace
}  // namespace sotto::tools
