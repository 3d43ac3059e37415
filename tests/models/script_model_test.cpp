// TorchScript files as models: what is kept apart, what is refused, what comes back, and that the per-record gradients
// of exported networks are those of one-record-at-a-time autograd, also after the first run.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/models/record_losses.h>
#include <sotto/models/script_file.h>
#include <sotto/models/script_model.h>
#include <sotto/optim/libtorch_message.h>
#include <sotto/privacy/error.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/csrc/jit/serialization/pickle.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>

#include "../optim/oracle.h"
#include "../support/message.h"
#include "../support/scratch_folder.h"
#include "exported_models.h"
#include "written_model.h"

namespace sotto::models {
namespace {

using optim::testing::compare, optim::testing::Model;
using sotto::testing::message_of;
using ::testing::ElementsAre, ::testing::HasSubstr, ::testing::UnorderedElementsAre;
using testing::exported, testing::names, testing::path_of, testing::written, testing::written_with_absent_operator;

std::string refusal(const std::string& name) {
  return message_of<DataError>([&] { exported(name); });
}

// A model with its inputs and labels, as the oracle takes it.
Model recorded(TrainableModel& model, const at::Tensor& input, const at::Tensor& labels) {
  Model result;
  for (const NamedTensor& named : model.trainable()) result.parameters.push_back({named.name, named.tensor});
  for (const NamedTensor& named : model.constants()) result.constants.push_back(named.tensor);
  result.inputs = {input, labels};
  result.losses = [&model](const std::vector<torch::Tensor>& x) { return record_losses(model.forward(x[0]), x[1]); };
  return result;
}

Model with_made_up_records(TrainableModel& model, const std::string& name) {
  constexpr int64_t kRecords = 4;
  torch::manual_seed(7);
  if (name == "transformer")
    return recorded(model, torch::randint(50, {kRecords, 12}, torch::kLong),
                    torch::randint(50, {kRecords, 12}, torch::kLong));
  if (name == "tagger")
    return recorded(model, torch::randint(50, {kRecords, 9}, torch::kLong),
                    torch::randint(5, {kRecords, 9}, torch::kLong));
  return recorded(model, torch::randn({kRecords, 1, 28, 28}),
                  torch::randint(name == "parts" ? 3 : 10, {kRecords}, torch::kLong));
}

// The interpreter replaces operators from the second run on unless it is told not to.
void expect_oracle(const std::string& name) {
  const auto model = exported(name);
  const Model recorded = with_made_up_records(*model, name);
  for (int run = 0; run < 4; ++run) {
    const auto errors = compare(recorded);
    EXPECT_LT(errors.norm, 1e-5) << name << " run " << run;
    EXPECT_LT(errors.weighted, 1e-5) << name << " run " << run;
    EXPECT_TRUE(errors.bounded) << name << " run " << run;
  }
}

template <typename ErrorType = UsageError>
std::string recording_refusal(const std::string& name) {
  const auto model = exported(name);
  const Model recorded = with_made_up_records(*model, name);
  return message_of<ErrorType>([&] { compare(recorded); });
}

TEST(ScriptModel, TransformerWithTiedEmbeddingsEqualsTheOracleInEveryRun) {
  expect_oracle("transformer");
}
TEST(ScriptModel, ResNetWithGroupNormEqualsTheOracleInEveryRun) {
  expect_oracle("resnet");
}
TEST(ScriptModel, LstmTaggerEqualsTheOracleInEveryRun) {
  expect_oracle("tagger");
}
TEST(ScriptModel, ControlFlowOverShapesAndModeEqualsTheOracleInEveryRun) {
  expect_oracle("loop");
}
TEST(ScriptModel, FrozenPartsBuffersAttributesAndConstantsEqualTheOracle) {
  const auto model = exported("parts");
  model->set_evaluation(true);  // the oracle would draw other dropout masks
  const Model recorded = with_made_up_records(*model, "parts");
  for (int run = 0; run < 3; ++run) EXPECT_LT(compare(recorded).norm, 1e-5);
  const auto traced = exported("traced");
  EXPECT_LT(compare(with_made_up_records(*traced, "parts")).norm, 1e-5);
}

TEST(ScriptModel, TiedParametersAreOneParameter) {
  const auto parameters = exported("transformer")->trainable();
  EXPECT_EQ(std::ranges::count_if(parameters,
                                  [](const NamedTensor& p) {
                                    return p.tensor.sizes() == at::IntArrayRef{50, 16};
                                  }),
            1);
  EXPECT_THAT(names(parameters), ::testing::Contains("embedding.weight"));
}

TEST(ScriptModel, TrainableFrozenAndBuffersAreKeptApart) {
  const auto model = exported("parts");
  EXPECT_THAT(names(model->trainable()), UnorderedElementsAre("output.weight", "output.bias"));
  EXPECT_THAT(names(model->constants()), ::testing::IsSupersetOf({"frozen.weight", "frozen.bias", "shift", "scale"}));
}

TEST(ScriptModel, DropoutIsOnInTrainingAndOffInEvaluation) {
  const auto model = exported("parts");
  const at::Tensor x = torch::randn({8, 1, 2, 2});
  EXPECT_FALSE(at::equal(model->forward(x), model->forward(x)));
  model->set_evaluation(true);
  EXPECT_TRUE(at::equal(model->forward(x), model->forward(x)));
  model->set_evaluation(false);
  EXPECT_FALSE(at::equal(model->forward(x), model->forward(x)));
}

TEST(ScriptModel, FileComesBackWithNewWeightsAndTheModeOfTheOldOne) {
  sotto::testing::ScratchFolder folder;
  for (const char* name : {"parts", "transformer"}) {
    const auto model = exported(name);
    {
      const torch::NoGradGuard no_grad;
      for (const NamedTensor& named : model->trainable()) named.tensor.add_(0.125);
    }
    const auto path = folder.path() / (std::string(name) + ".ts");
    model->write_file(path);
    const auto again = load_script_model(read_model_file(path), name);
    ASSERT_EQ(names(again->trainable()), names(model->trainable()));
    for (size_t p = 0; p < model->trainable().size(); ++p)
      EXPECT_TRUE(at::equal(again->trainable()[p].tensor, model->trainable()[p].tensor));
    // LibTorch's own loader agrees, knows what was trainable, and ties stay ties.
    const torch::jit::Module plain = torch::jit::load(path.string());
    const torch::jit::Module before = torch::jit::load(path_of(name));
    EXPECT_EQ(plain.is_training(), before.is_training());
    std::map<std::string, at::Tensor> old;
    for (const auto& named : before.named_parameters()) old[named.name] = named.value;
    for (const auto& named : plain.named_parameters()) {
      EXPECT_EQ(named.value.requires_grad(), old.at(named.name).requires_grad()) << named.name;
      EXPECT_TRUE(at::equal(named.value, old.at(named.name) + (named.value.requires_grad() ? 0.125 : 0.0)))
          << named.name;
    }
  }
}

TEST(ScriptModel, ModelsThatMixRecordsOrCannotBeFollowedAreRefused) {
  EXPECT_THAT(recording_refusal("batch_norm"), HasSubstr("batch_norm"));
  EXPECT_THAT(recording_refusal("branch"), HasSubstr("[Tape] operator aten::"));
  EXPECT_THAT(recording_refusal<DataError>("counter"), HasSubstr("changed an attribute or a default of its own"));
  EXPECT_THAT(refusal("lister"), HasSubstr("(tolist), where"));
  EXPECT_THAT(refusal("printer"), HasSubstr("prints"));
  EXPECT_THAT(refusal("forker"), HasSubstr("another thread"));
}

std::string body_refusal(const std::string& body, const std::string& exit = "pass") {
  return message_of<DataError>([&] { load_script_model(written(body, exit), "written"); });
}

TEST(ScriptModel, TextOfTensorsIsRefused) {
  for (const char* text :
       {"str(x)", "str([x, x])", "str((1, x))", "'{}'.format(x)", "'%s' % x", "'{} {}'.format(1, x)"})
    EXPECT_THAT(body_refusal(std::string("    t = ") + text + "\n    if t == 'a':\n        x = x + 1\n"),
                HasSubstr("writes a tensor as text"))
        << text;
  EXPECT_THAT(body_refusal("    x = x * float(str(x))\n"), HasSubstr("writes a tensor as text (aten::str)"));
  EXPECT_THAT(body_refusal("    assert x.dim() < 3, '{}'.format(x)\n"),
              HasSubstr("writes a tensor as text (aten::format)"));
  EXPECT_THAT(body_refusal("    torch.warn('{}'.format(x))\n"), HasSubstr("could"));
}

TEST(ScriptModel, WhatLeavesTheModelByAnotherWayIsRefused) {
  EXPECT_THAT(body_refusal("    torch.save(x, 'records')\n"), HasSubstr("writes a file (save)"));
  EXPECT_THAT(body_refusal("    x = x + torch.from_file('records', True, 8)[0]\n"), HasSubstr("maps a file"));
  EXPECT_THAT(body_refusal("    x = x + hash(x)\n"), HasSubstr("turns a tensor into a number"));
  EXPECT_THAT(body_refusal("    torch.manual_seed(3)\n"), HasSubstr("seeds a generator"));
  EXPECT_THAT(body_refusal("    torch.warn('{}'.format(x.size(0)))\n"), HasSubstr("warns with a text"));
  EXPECT_THAT(body_refusal("    torch.backward(x)\n"), HasSubstr("hands a tensor to aten::backward"));
}

TEST(ScriptModel, WhatTheInterpreterCallsByItselfIsRefusedToo) {
  const std::string entering = "    with self.block:\n        x = x + 1\n";
  EXPECT_EQ(body_refusal(entering), "accepted");
  EXPECT_THAT(body_refusal(entering, "print(self.kept)"), HasSubstr("prints"));
  EXPECT_THAT(body_refusal("    l = [self.block]\n    l.sort()\n    for b in l:\n        x = x + b.kept\n"),
              HasSubstr("method of their class (sort)"));
}

TEST(ScriptModel, TextOfSizesFixedWarningsAndListsOfTensorsAreAccepted) {
  EXPECT_EQ(body_refusal("    assert x.dim() < 3, '{} dimensions'.format(x.dim())\n"), "accepted");
  EXPECT_EQ(body_refusal("    torch.warn('{} is old'.format('mask'))\n"), "accepted");
  EXPECT_EQ(body_refusal("    d = {'a': x}\n    d['b'] = x + 1\n    l = [x]\n    l.insert(0, x)\n    l.reverse()\n"
                         "    for k in d.keys():\n        x = x + d[k]\n"),
            "accepted");
}

TEST(ScriptModel, HooksAroundForwardAreRefused) {
  EXPECT_THAT(refusal("hooked"), HasSubstr("has hooks around its forward()"));
}

// A list that is the default of an argument is made once: what a call leaves in it, the next one sees.
TEST(ScriptModel, DefaultThatCallsChangeIsRefused) {
  torch::jit::Module module("counting");
  module.register_parameter("weight", at::ones({2}).set_requires_grad(true), false);
  module.define(
      "def forward(self, x, k: List[int] = [0]):\n    k.append(1)\n    return x * self.weight * float(len(k))\n");
  const auto model = load_script_model(testing::saved(module), "counting");
  EXPECT_THAT(message_of<DataError>([&] { model->forward(torch::ones({2})); }), HasSubstr("a default of its own"));
}

TEST(ScriptModel, CodeThatNestsTooDeepForTheParserIsRefused) {
  EXPECT_THAT(refusal("nested"), HasSubstr("nests brackets more than 1000 deep"));
}

TEST(LibTorchMessage, IsOneLineWithoutATrace) {
  const auto said = [](const std::function<void()>& call) {
    try {
      call();
    } catch (const std::exception& error) {
      return optim::libtorch_message(error);
    }
    return std::string();
  };
  const std::string eager = said([] { torch::ones({2, 3}).matmul(torch::ones({2, 3})); });
  EXPECT_THAT(eager, ::testing::EndsWith("mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)"));
  const auto model = load_script_model(written("    x = x.matmul(x)\n"), "written");
  EXPECT_EQ(said([&] { model->forward(torch::ones({2, 3})); }), eager);
  EXPECT_EQ(said([] { throw std::runtime_error("\nfirst\nsecond"); }), "first");
}

TEST(ScriptModel, FilesThatCannotBeTrainedAreRefused) {
  EXPECT_THAT(refusal("frozen"), HasSubstr("no trainable parameter"));
  EXPECT_THAT(refusal("two"), HasSubstr("takes 2 mandatory arguments"));
  const auto bytes = [](const std::string& text) {
    return message_of<DataError>([&] { load_script_model(text, "file"); });
  };
  EXPECT_THAT(bytes("hello"), HasSubstr("not a TorchScript file"));
  EXPECT_THAT(bytes(""), HasSubstr("not a TorchScript file"));
  const std::string whole = read_model_file(path_of("loop"));
  for (size_t length = 1; length < whole.size(); length += 997)
    EXPECT_THAT(bytes(whole.substr(0, length)), HasSubstr("not a TorchScript file")) << length;
  EXPECT_THAT(message_of<DataError>([] { read_model_file("/nowhere/model.ts"); }), HasSubstr("no such file"));
  EXPECT_THAT(message_of<DataError>([] { read_model_file("/tmp"); }), HasSubstr("no regular file"));
}

TEST(ScriptModel, FileThatNeedsAnOperatorThatIsNotThereIsRefusedByItsName) {
  const std::string file = written_with_absent_operator();
  const std::string said = message_of<DataError>([&] { load_script_model(file, "absent.ts"); });
  EXPECT_THAT(said, HasSubstr("[--model] absent.ts: needs an operator or a class that is not in this LibTorch"));
  EXPECT_THAT(said, HasSubstr("absent::scale"));
  EXPECT_THAT(said, ::testing::Not(HasSubstr("\n")));
}

// What torch.save writes, in the format of today and the one before it.
TEST(ScriptModel, SavedWeightsWithoutCodeAreToldFromOtherFiles) {
  const auto bytes = [](const std::string& text) {
    return message_of<DataError>([&] { load_script_model(text, "weights.pt"); });
  };
  c10::impl::GenericDict state(c10::StringType::get(), c10::TensorType::get());
  state.insert("fc.weight", torch::ones({2, 3}));
  const std::vector<char> zipped = torch::jit::pickle_save(state);
  for (const std::string& file : {std::string(zipped.begin(), zipped.end()), std::string("\x80\x02\x8a\nlF", 6)}) {
    EXPECT_THAT(bytes(file), HasSubstr("weights.pt: not a TorchScript file"));
    EXPECT_THAT(bytes(file), HasSubstr("torch.save"));
    EXPECT_THAT(bytes(file), HasSubstr("torch.jit.script(model).save(FILE)"));
    EXPECT_THAT(bytes(file), ::testing::Not(HasSubstr("PytorchStreamReader")));
  }
  EXPECT_THAT(bytes("PK hello"), ::testing::Not(HasSubstr("torch.save")));
}

TEST(RecordLosses, AreTheMeanOverTheRecordsOwnTokens) {
  const at::Tensor scores = torch::randn({3, 5, 4}), labels = torch::randint(4, {3, 5}, torch::kLong);
  const at::Tensor losses = record_losses(scores, labels);
  for (int64_t record = 0; record < 3; ++record) {
    const at::Tensor alone = torch::nn::functional::cross_entropy(scores[record], labels[record]);
    EXPECT_NEAR(losses[record].item<double>(), alone.item<double>(), 1e-6);
  }
  EXPECT_THAT(message_of<UsageError>([&] { record_losses(scores, labels.slice(1, 0, 4)); }), HasSubstr("do not fit"));
  EXPECT_THAT(message_of<UsageError>([&] { record_losses(scores[0][0], labels[0][0]); }), HasSubstr("do not fit"));
}

}  // namespace
}  // namespace sotto::models
