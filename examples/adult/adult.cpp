// Income above 50,000 dollars from a census table, privately: a network of one hidden layer at epsilon 1, delta 1e-5.
//
//   tools/fetch_data.sh adult
//   build/release/examples/adult examples/adult/adult.schema data-cache/adult LEDGER
//
// The schema declares the categories of the table's public description, and ranges chosen beforehand; the size is
// declared below. The same without a program, with the larger network mlp:
//
//   build/release/tools/sotto train --train-table data-cache/adult/adult.data --test-table data-cache/adult/adult.test
//     --table-schema examples/adult/adult.schema --dataset-size 32561 --model mlp --batch 1024 --epochs 20 --lr 2
//     --epsilon 1 --delta 1e-5

#include <sotto/data/csv_table.h>
#include <sotto/optim/private_training.h>
#include <sotto/privacy/error.h>
#include <torch/torch.h>

#include <cstdio>
#include <filesystem>
#include <string>

namespace {

using namespace sotto;

torch::Tensor values_of(const data::Table& table) {
  return torch::tensor(table.values).view({table.count, table.features});
}

torch::Tensor labels_of(const data::Table& table) {
  return torch::tensor(std::vector<int64_t>(table.labels.begin(), table.labels.end()));
}

void run(const std::string& schema_file, const std::filesystem::path& folder, const std::string& ledger) {
  const data::TableSchema schema = data::read_table_schema(schema_file);
  const data::Table train = data::read_csv_table(folder / "adult.data", schema);
  const data::Table test = data::read_csv_table(folder / "adult.test", schema);

  constexpr int64_t kHidden = 32;
  torch::nn::Sequential net(torch::nn::Linear(schema.features(), kHidden), torch::nn::Tanh(),
                            torch::nn::Linear(kHidden, schema.classes()));
  torch::optim::SGD sgd(net->parameters(), torch::optim::SGDOptions(2).momentum(0.9));
  const privacy::PrivacyPlan plan({.adjacency = privacy::Adjacency::add_remove,
                                   .dataset_size = 32561,  // as published
                                   .expected_batch_size = 1024,
                                   .steps = 636,  // 20 epochs
                                   .delta = 1e-5,
                                   .epsilon = 1.0});
  optim::PrivateTraining training(*net, sgd, optim::tensor_records({values_of(train), labels_of(train)}),
                                  {.plan = plan, .rule = optim::WeightRule::psac(0.1), .ledger = ledger});
  namespace F = torch::nn::functional;
  while (!training.finished()) {
    training.step([&](const auto& batch) {
      return F::cross_entropy(net->forward(batch[0]), batch[1], F::CrossEntropyFuncOptions().reduction(torch::kNone));
    });
  }
  const torch::NoGradGuard no_grad;
  const auto right = net->forward(values_of(test)).argmax(1).eq(labels_of(test)).to(torch::kDouble).mean();
  std::printf("test accuracy %.4f, epsilon %.4f at delta 1e-05\n", right.item<double>(), training.epsilon());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: adult SCHEMA FOLDER LEDGER\n");
    return 64;
  }
  try {
    run(argv[1], argv[2], argv[3]);
    return 0;
  } catch (const sotto::Error& error) {
    std::fprintf(stderr, "adult: %s\n", error.what());
    return static_cast<int>(error.code());
  }
}
