#pragma once
// A folder as of a published BERT model, small and with weights drawn here; the same every time.

#include <sotto/models/bert.h>
#include <sotto/models/module_state.h>
#include <torch/types.h>

#include <filesystem>
#include <fstream>

namespace sotto::testing {

// Its vocabulary beside the special tokens: three words of praise, three of blame, four of neither.
inline constexpr const char* kSmallBertWords[] = {"fine",  "warm", "clever", "dull", "cold",
                                                  "silly", "the",  "film",   "was",  "a"};

// The folder must be there.
inline void write_small_bert(const std::filesystem::path& folder) {
  std::ofstream vocabulary(folder / "vocab.txt");
  for (const char* token : {"[PAD]", "[UNK]", "[CLS]", "[SEP]"}) vocabulary << token << '\n';
  for (const char* word : kSmallBertWords) vocabulary << word << '\n';
  std::ofstream(folder / "config.json")
      << R"({"model_type": "bert", "vocab_size": 14, "hidden_size": 16, "num_hidden_layers": 2,
             "num_attention_heads": 2, "intermediate_size": 24, "max_position_embeddings": 64, "type_vocab_size": 2,
             "hidden_act": "gelu", "layer_norm_eps": 1e-12, "pad_token_id": 0})";
  torch::manual_seed(2);
  models::Bert bert(
      models::BertOptions{.vocabulary = 14, .width = 16, .layers = 2, .heads = 2, .feed_forward = 24, .positions = 64});
  models::save_state(folder / "model.safetensors", models::module_parameters(*bert));
}

}  // namespace sotto::testing
