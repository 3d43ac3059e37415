// Logits of a text classifier with an adapter, for compare_peft.py.
//
//   peft_logits write MODEL FOLDER mean|layers|first < IDS    draws an adapter and a head and writes them to FOLDER
//   peft_logits read MODEL FOLDER mean|layers|first < IDS     reads them from FOLDER
//
// MODEL: a folder with config.json and model.safetensors. IDS: the ids of a text a line. Prints a line of logits for
// each text; all are one batch.

#include <sotto/models/peft_adapter.h>
#include <sotto/models/python_readme.h>
#include <torch/torch.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace sotto::models;

torch::Tensor ids_of(std::istream& lines, int64_t padding) {
  std::vector<torch::Tensor> texts;
  int64_t longest = 0;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::vector<int64_t> ids;
    for (int64_t id = 0; words >> id;) ids.push_back(id);
    texts.push_back(torch::tensor(ids));
    longest = std::max(longest, texts.back().size(0));
  }
  torch::Tensor result = torch::full({static_cast<int64_t>(texts.size()), longest}, padding);
  for (std::size_t i = 0; i < texts.size(); ++i)
    result[static_cast<int64_t>(i)].narrow(0, 0, texts[i].size(0)).copy_(texts[i]);
  return result;
}

}  // namespace

int main(int count, char** arguments) try {
  if (count != 5) throw std::runtime_error("needs write or read, MODEL, FOLDER, a pooling");
  const std::string what = arguments[1];
  const Pooling pooling = pooling_named(arguments[4]).value();
  TextClassifier model = load_text_classifier(arguments[2], /*outputs=*/3, pooling);
  std::unique_ptr<Lora> lora;
  const torch::NoGradGuard no_grad;
  if (what == "write") {
    torch::manual_seed(17);
    lora = adapt(*model, Adaptation::lora,
                 {.lora = {.rank = 4, .alpha = 10.0, .targets = {"*query", "*value", "*layer.2.output.dense"}}});
    for (const NamedTensor& factor : lora->factors()) factor.tensor.normal_(0.0, 0.1);
    for (torch::Tensor& parameter : model->classifier->parameters()) parameter.normal_();
    write_peft_adapter(arguments[3], *model, *lora, std::filesystem::absolute(arguments[2]).string());
  } else if (what == "read") {
    lora = read_peft_adapter(arguments[3], *model).lora;
  } else {
    throw std::runtime_error("neither write nor read: " + what);
  }
  lora->apply();
  const torch::Tensor logits = model(ids_of(std::cin, model->bert->options.padding));
  for (int64_t i = 0; i < logits.size(0); ++i) {
    for (int64_t j = 0; j < logits.size(1); ++j) std::printf("%.9g ", logits[i][j].item<double>());
    std::printf("\n");
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "peft_logits: %s\n", error.what());
  return 1;
}
