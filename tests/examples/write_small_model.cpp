// write_small_model FOLDER: a small BERT model with weights drawn here, as published ones are kept, and made-up texts
// for it: FOLDER/texts.tsv.

#include <sotto/models/bert.h>
#include <sotto/models/state.h>
#include <torch/torch.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

int main(int, char** argv) {
  const std::filesystem::path folder = argv[1];
  const std::vector<std::string> words = {"fine", "warm", "clever", "dull", "cold", "silly", "the", "film", "was", "a"};
  std::ofstream vocabulary(folder / "vocab.txt");
  for (const char* token : {"[PAD]", "[UNK]", "[CLS]", "[SEP]"}) vocabulary << token << '\n';
  for (const std::string& word : words) vocabulary << word << '\n';
  std::ofstream(folder / "config.json")
      << R"({"model_type": "bert", "vocab_size": 14, "hidden_size": 16, "num_hidden_layers": 2,
             "num_attention_heads": 2, "intermediate_size": 24, "max_position_embeddings": 64, "type_vocab_size": 2,
             "hidden_act": "gelu", "layer_norm_eps": 1e-12, "pad_token_id": 0})";
  torch::manual_seed(2);
  sotto::models::Bert bert(sotto::models::BertOptions{
      .vocabulary = 14, .width = 16, .layers = 2, .heads = 2, .feed_forward = 24, .positions = 64});
  std::vector<sotto::models::NamedTensor> tensors;
  for (const auto& item : bert->named_parameters()) tensors.push_back({item.key(), item.value().detach()});
  sotto::models::save_state(folder / "model.safetensors", tensors);

  std::ofstream texts(folder / "texts.tsv");
  texts << "text\tlabel\n";
  std::mt19937 random(3);
  for (int i = 0; i < 1500; ++i) {
    const bool good = random() % 2 == 0;
    for (int w = 0; w < 6; ++w)
      texts << (w > 0 ? " " : "") << words[w % 2 == 0 ? random() % 3 + (good ? 0 : 3) : 6 + random() % 4];
    texts << (good ? "\tyes\n" : "\tno\n");
  }
  return texts.good() ? 0 : 1;
}
