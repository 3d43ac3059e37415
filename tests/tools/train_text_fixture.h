#pragma once
// Runs of `sotto train text` on made-up texts, for tests that run the real program.

#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <string>

#include "../support/small_bert.h"
#include "program.h"

namespace sotto::tools {

using testing::content, testing::Outcome, testing::run, testing::Words, testing::with_flags;

inline constexpr auto& kWords = sotto::testing::kSmallBertWords;

class TrainText : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  std::string write(const std::string& name, const std::string& text) const {
    return folder_.write(name, sotto::testing::Bytes(text.begin(), text.end())).string();
  }
  // Texts of good and bad words with the label that the first word has, and an id AUTHOR_NUMBER.
  std::string write_texts(const std::string& name, int count) const {
    std::mt19937 random(3);
    std::string text = "id\ttext\tlabel\tscore\n";
    for (int i = 0; i < count; ++i) {
      const bool good = random() % 2 == 0;
      text += "author" + std::to_string(i % 40) + "_" + std::to_string(i) + "\t";
      for (unsigned w = 0; w < 3 + random() % 20; ++w)
        text += std::string(w > 0 ? " " : "") + kWords[w % 3 == 0 ? random() % 3 + (good ? 0 : 3) : 6 + random() % 4];
      text += good ? "\tyes\t4\n" : "\tno\t-4\n";
    }
    return write(name, text);
  }
  std::string write_words() const {
    std::string list = "[PAD]\n[UNK]\n";
    for (const char* word : kWords) list += std::string(word) + "\n";
    return write("words.txt", list);
  }
  Words own(const std::string& output, const Words& more = {}) const {
    const Words words{"train",         "text",      "--data",         write_texts("texts.tsv", 200),
                      "--text-column", "text",      "--label-column", "label",
                      "--labels",      "no, yes",   "--dataset-size", "200",
                      "--model",       "bag",       "--vocabulary",   write_words(),
                      "--max-tokens",  "32",        "--batch",        "50",
                      "--lr",          "0.02",      "--threads",      "1",
                      "--output",      path(output)};
    return with_flags(words, more);
  }
  static Outcome done(const Words& words) {
    Outcome outcome = run(words);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return outcome;
  }

  sotto::testing::ScratchFolder folder_;
};

// A folder as of a published model, small and with weights drawn here. With Adam, so that no settings are chosen
// (text_settings.h).
class TrainPublished : public TrainText {
 protected:
  std::string write_model(const std::string& name) const {
    const std::string folder = path(name);
    std::filesystem::create_directories(folder);
    sotto::testing::write_small_bert(folder);
    return folder;
  }
  Words published(const std::string& output, const std::string& folder, const Words& more = {}) const {
    const Words words{"train",         "text",      "--data",         write_texts("texts.tsv", 200),
                      "--text-column", "text",      "--label-column", "label",
                      "--labels",      "no, yes",   "--dataset-size", "200",
                      "--model",       folder,      "--max-tokens",   "32",
                      "--batch",       "100",       "--threads",      "1",
                      "--optimizer",   "adam",      "--delta",        "1e-4",
                      "--output",      path(output)};
    return with_flags(words, more);
  }
};

}  // namespace sotto::tools
