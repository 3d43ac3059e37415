// write_small_model FOLDER: a small BERT model with weights drawn here, as published ones are kept, and made-up texts
// for it: FOLDER/texts.tsv.

#include <filesystem>
#include <fstream>
#include <random>

#include "../support/small_bert.h"

int main(int, char** argv) {
  const std::filesystem::path folder = argv[1];
  sotto::testing::write_small_bert(folder);

  std::ofstream texts(folder / "texts.tsv");
  texts << "text\tlabel\n";
  std::mt19937 random(3);
  for (int i = 0; i < 1500; ++i) {
    const bool good = random() % 2 == 0;
    for (int w = 0; w < 6; ++w)
      texts << (w > 0 ? " " : "")
            << sotto::testing::kSmallBertWords[w % 2 == 0 ? random() % 3 + (good ? 0 : 3) : 6 + random() % 4];
    texts << (good ? "\tyes\n" : "\tno\n");
  }
  return texts.good() ? 0 : 1;
}
