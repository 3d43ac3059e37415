// Private fine-tuning of a published text encoder (MiniLM, or any BERT model) with LoRA, on one page.
//
//   finetune_lora MODEL_FOLDER TEXTS.tsv DATASET_SIZE [LEDGER]
//
// TEXTS.tsv has the columns `text` and `label`, and labels are `no` or `yes`. tools/fetch_data.sh minilm fetches a
// model.

#include <sotto/data/text_table.h>
#include <sotto/data/tokenizer.h>
#include <sotto/models/frozen.h>
#include <sotto/models/text_classifier.h>
#include <sotto/optim/private_training.h>
#include <sotto/privacy/error.h>
#include <torch/torch.h>

#include <filesystem>
#include <iostream>

using namespace sotto;

constexpr std::size_t kMostTokens = 64;

// [texts, kMostTokens]; behind the end of a text is padding.
torch::Tensor ids_of(const std::vector<std::string>& texts, const data::Tokenizer& tokenizer) {
  torch::Tensor result = torch::full({static_cast<int64_t>(texts.size()), static_cast<int64_t>(kMostTokens)},
                                     data::pad_id(tokenizer), torch::kLong);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto ids = data::encode(tokenizer, texts[i], kMostTokens).ids;
    result[static_cast<int64_t>(i)].slice(0, 0, static_cast<int64_t>(ids.size())).copy_(torch::tensor(ids));
  }
  return result;
}

int main(int argc, char** argv) try {
  if (argc < 4) throw UsageError("usage: finetune_lora MODEL_FOLDER TEXTS.tsv DATASET_SIZE [LEDGER]");
  const std::filesystem::path folder = argv[1], ledger = argc > 4 ? argv[4] : "finetune_lora-ledger.jsonl";
  const data::Tokenizer tokenizer = data::read_word_piece(data::tokenizer_file(folder));
  const data::TextTable table = data::read_text_table(
      argv[2], {.text_column = "text", .label_column = "label", .labels = data::LabelRule::parse("no, yes")});
  const torch::Tensor ids = ids_of(table.texts, tokenizer), labels = torch::tensor(table.labels).to(torch::kLong);

  models::TextClassifier net = models::load_text_classifier(folder, /*outputs=*/2);
  const auto lora = models::adapt(*net, models::Adaptation::lora, {.lora = {.rank = 8, .alpha = 16}});
  torch::optim::AdamW optimizer(models::trained(*net), torch::optim::AdamWOptions(1e-2));

  const privacy::PrivacyPlan plan({.adjacency = privacy::Adjacency::add_remove,
                                   .dataset_size = std::stoll(argv[3]),  // declared, never counted
                                   .expected_batch_size = std::stoll(argv[3]) / 8,
                                   .steps = 80,
                                   .delta = 1e-5,
                                   .epsilon = 8.0});
  optim::PrivateTraining training(
      *net, optimizer, optim::tensor_records({ids, labels}),
      {.plan = plan, .rule = optim::WeightRule::psac(1.0), .ledger = ledger, .physical_batch = 32});
  while (!training.finished()) {
    training.step([&](const auto& batch) {  // one loss per record
      lora->apply();
      return torch::cross_entropy_loss(net(batch[0]), batch[1], {}, at::Reduction::None);
    });
  }
  lora->merge();  // the factors into the weights: an ordinary model again

  const torch::NoGradGuard no_grad;  // shown here because these texts are made up: of private ones it would be a leak
  const double accuracy = net(ids).argmax(1).eq(labels).to(torch::kFloat).mean().item<double>();
  std::cout << "accuracy " << accuracy << ", epsilon " << training.epsilon() << " at delta " << plan.delta() << '\n';
  return 0;
} catch (const Error& error) {
  std::cerr << "finetune_lora: " << error.what() << '\n';
  return static_cast<int>(error.code());
}
