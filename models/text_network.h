#pragma once
// Networks of texts as training takes them.
//
// They take ids [B, T] and return scores [B, outputs]; or, where a record is a group of up to K texts, [B, K, T] and
// [B, K, outputs], each text on its own (record_losses.h takes the texts of a group together).

#include <sotto/models/network.h>
#include <sotto/models/text_classifier.h>
#include <torch/csrc/jit/api/module.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace sotto::models {

// A published encoder with a head, adapted as said. With Adaptation::head the states of the frozen encoder are a fixed
// function of each text, so that the network prepares() vectors, [..., width], and trains a linear layer on them. So
// are states below the adapted layers, where AdaptationOptions::layers are given: [..., width, c + T], 0 behind the end
// of a text (TextClassifierImpl::states_below). Names of parameters are those of `classifier`.
std::shared_ptr<Network> make_adapted_network(const TextClassifier& classifier, Adaptation adaptation,
                                              const AdaptationOptions& options = {});

struct TextNetworkOptions {
  int64_t vocabulary = 0;   // ids are 0 to vocabulary - 1
  int64_t padding = 0;      // the id behind the end of a text, pooling.h
  int64_t most_tokens = 0;  // T at most
  int64_t outputs = 2;
};

// From scratch, with weights drawn anew:
//   small-encoder  two layers of BERT's encoder, width 128, mean over tokens, linear
//   lstm           embedding 64, LSTM 64, mean, linear
//   bag            embedding 64, mean, linear
// Throws UsageError for another name.
std::shared_ptr<Network> make_text_network(const std::string& name, const TextNetworkOptions& options);
// Such a network for other programs (text_script.h), with the weights in a file that save_state() wrote of it. Throws
// as make_text_network() and load_state().
torch::jit::Module text_network_script(const std::string& name, const TextNetworkOptions& options,
                                       const std::filesystem::path& weights);

}  // namespace sotto::models
