// Recurrent layers and cells: one weight meets every time step.

#include <ATen/Context.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "oracle_suite.h"
#include "recorder_refusal.h"

namespace sotto::optim::testing {
namespace {

// The outputs of every step, with the batch in front.
template <class Make>
Factory layer(Make make, std::vector<int64_t> sizes) {
  return [=](torch::Dtype dtype) {
    auto of = make();
    of->to(dtype);
    const bool batch_first = of->options.batch_first();
    Model model{named(*of), {}, {random(sizes).to(dtype)}, {}};
    model.losses = [of, batch_first](const Tensors& x) mutable {
      const Tensor input = batch_first ? x[0] : x[0].transpose(0, 1);
      const Tensor output = std::get<0>(of->forward(input));
      return to_losses(batch_first ? output : output.transpose(0, 1));
    };
    return model;
  };
}

// A cell over the time steps of its input, its state built up by hand.
template <class Make, class Step>
Factory unrolled(Make make, Step step) {
  return [=](torch::Dtype dtype) {
    auto cell = make();
    cell->to(dtype);
    Model model{named(*cell), {}, {random({kB, 4, 3}).to(dtype)}, {}};
    model.losses = [cell, step](const Tensors& x) mutable { return to_losses(step(cell, x[0])); };
    return model;
  };
}

const Cases& recurrent_cases() {
  static const Cases all = [] {
    torch::manual_seed(5);
    Cases c;
    for (const bool batch_first : {true, false}) {
      const std::string order = batch_first ? "BatchFirst" : "TimeFirst";
      c["LSTM" + order] = layer([=] { return nn::LSTM(nn::LSTMOptions(3, 4).batch_first(batch_first)); }, {kB, 5, 3});
      c["GRU" + order] = layer([=] { return nn::GRU(nn::GRUOptions(3, 4).batch_first(batch_first)); }, {kB, 5, 3});
      c["RNNTanh" + order] = layer([=] { return nn::RNN(nn::RNNOptions(3, 4).batch_first(batch_first)); }, {kB, 5, 3});
    }
    c["LSTMDeep"] = layer(
        [] { return nn::LSTM(nn::LSTMOptions(3, 4).num_layers(2).bidirectional(true).batch_first(true)); }, {kB, 4, 3});
    c["LSTMProjected"] =
        layer([] { return nn::LSTM(nn::LSTMOptions(3, 4).num_layers(2).proj_size(2).batch_first(true)); }, {kB, 4, 3});
    c["LSTMWithoutBias"] = layer([] { return nn::LSTM(nn::LSTMOptions(3, 4).bias(false)); }, {kB, 4, 3});
    c["GRUDeep"] = layer([] { return nn::GRU(nn::GRUOptions(3, 4).num_layers(2).bidirectional(true)); }, {kB, 4, 3});
    c["RNNRelu"] =
        layer([] { return nn::RNN(nn::RNNOptions(3, 4).nonlinearity(torch::kReLU).num_layers(2).bidirectional(true)); },
              {kB, 4, 3});
    c["LSTMOneStep"] = layer([] { return nn::LSTM(nn::LSTMOptions(3, 4).batch_first(true)); }, {kB, 1, 3});
    c["LSTMStateOfTheRecord"] = [](torch::Dtype dtype) {
      nn::LSTM of{nn::LSTMOptions(3, 4).batch_first(true)};
      of->to(dtype);
      Model model{named(*of), {}, {random({kB, 4, 3}).to(dtype), random({kB, 4}).to(dtype)}, {}};
      model.losses = [of](const Tensors& x) mutable {
        const Tensor state = x[1].unsqueeze(0);
        const auto [output, last] = of->forward(x[0], std::make_tuple(state, torch::tanh(state)));
        return to_losses(torch::cat({output.flatten(1), std::get<0>(last)[0], std::get<1>(last)[0]}, 1));
      };
      return model;
    };
    c["LSTMLearnedState"] = [](torch::Dtype dtype) {
      nn::LSTM of{nn::LSTMOptions(3, 4).batch_first(true)};
      of->to(dtype);
      const Tensor state = torch::randn({1, 1, 4}).to(dtype).requires_grad_();
      Model model{named(*of), {}, {random({kB, 4, 3}).to(dtype)}, {}};
      model.parameters.push_back({"state", state});
      model.losses = [of, state](const Tensors& x) mutable {
        const Tensor first = state.expand({1, x[0].size(0), 4});
        return to_losses(std::get<0>(of->forward(x[0], std::make_tuple(first, first.contiguous()))));
      };
      return model;
    };
    c["LSTMOfParametersAlone"] = [](torch::Dtype dtype) {
      nn::LSTM of{nn::LSTMOptions(3, 4).batch_first(true)};
      of->to(dtype);
      const Tensor prefix = torch::randn({1, 5, 3}).to(dtype).requires_grad_();
      Model model{named(*of), {}, {random({kB, 4}).to(dtype)}, {}};
      model.parameters.push_back({"prefix", prefix});
      model.losses = [of, prefix](const Tensors& x) mutable {
        return to_losses(torch::tanh(std::get<0>(of->forward(prefix)).select(1, 4) + x[0]));
      };
      return model;
    };
    c["LSTMCell"] = unrolled([] { return nn::LSTMCell(3, 4); },
                             [](auto& cell, const Tensor& x) {
                               auto state = cell->forward(x.select(1, 0));
                               for (int64_t t = 1; t < x.size(1); ++t) state = cell->forward(x.select(1, t), state);
                               return std::get<0>(state);
                             });
    c["GRUCell"] = unrolled([] { return nn::GRUCell(3, 4); },
                            [](auto& cell, const Tensor& x) {
                              Tensor state = cell->forward(x.select(1, 0));
                              for (int64_t t = 1; t < x.size(1); ++t) state = cell->forward(x.select(1, t), state);
                              return state;
                            });
    c["RNNCell"] = unrolled([] { return nn::RNNCell(3, 4); },
                            [](auto& cell, const Tensor& x) {
                              Tensor state = cell->forward(x.select(1, 0));
                              for (int64_t t = 1; t < x.size(1); ++t) state = cell->forward(x.select(1, t), state);
                              return state;
                            });
    c["TaggerWithTiedEmbedding"] = [](torch::Dtype dtype) {
      nn::Embedding embedding(7, 4);
      nn::LSTM of{nn::LSTMOptions(4, 4).batch_first(true)};
      embedding->to(dtype);
      of->to(dtype);
      Model model{named(*of), {}, {tokens({kB, 5}, 7)}, {}};
      model.parameters.push_back({"embedding.weight", embedding->weight});
      model.losses = [of, embedding](const Tensors& x) mutable {
        return to_losses(torch::linear(std::get<0>(of->forward(embedding(x[0]))), embedding->weight));
      };
      return model;
    };
    return c;
  }();
  return all;
}

INSTANTIATE_TEST_SUITE_P(Recurrent, Oracle, all_strategies(recurrent_cases()), case_name);

// The hidden-state weights meet every step; their uses are summed before anything of the parameter's size is formed.
int64_t counted(const std::vector<std::string>& lines, const std::string& text) {
  return std::count_if(lines.begin(), lines.end(),
                       [&](const auto& line) { return line.find(text) != std::string::npos; });
}

TEST(RecurrentTape, AddsUpTheStepsOfOneWeight) {
  const Model model = recurrent_cases().at("LSTMCell")(torch::kFloat);
  Tape tape(model.parameters, {});
  const std::vector<std::string> lines = tape.run(model.inputs, model.losses).describe();
  EXPECT_EQ(counted(lines, "weight_hh"), 4);
  EXPECT_EQ(counted(lines, "weight_hh aten::linear with an earlier use"), 3);
}

TEST(RecurrentTape, SeesALayerAsOneUseOfEachWeight) {
  const Model model = recurrent_cases().at("LSTMDeep")(torch::kFloat);
  Tape tape(model.parameters, {});
  const std::vector<std::string> lines = tape.run(model.inputs, model.losses).describe();
  for (const NamedParameter& parameter : model.parameters)
    EXPECT_EQ(counted(lines, parameter.name + " "), 1) << parameter.name;
  EXPECT_EQ(counted(lines, "aten::lstm taken apart"), 1);
}

TEST(RecurrentTape, SwitchesOneDnnBackOn) {
  const bool before = at::globalContext().userEnabledMkldnn();
  const Model model = recurrent_cases().at("LSTMBatchFirst")(torch::kFloat);
  Tape(model.parameters, {}).run(model.inputs, model.losses);
  EXPECT_EQ(at::globalContext().userEnabledMkldnn(), before);
}

TEST(RecurrentTape, RefusesPackedSequences) {
  nn::LSTM of{nn::LSTMOptions(3, 4).batch_first(true)};
  const Tensor lengths = torch::tensor({5, 4, 4, 2});
  Model model{named(*of), {lengths}, {torch::randn({4, 5, 3})}, {}};
  model.losses = [of, lengths](const Tensors& x) mutable {
    const auto packed = nn::utils::rnn::pack_padded_sequence(x[0], lengths, true);
    const auto output = std::get<0>(of->forward_with_packed_input(packed));
    return to_losses(std::get<0>(nn::utils::rnn::pad_packed_sequence(output, true)));
  };
  EXPECT_TRUE(says(refusal(model), {"aten::_pack_padded_sequence", "packs sequences of the whole batch", "mask"}));
}

}  // namespace
}  // namespace sotto::optim::testing
