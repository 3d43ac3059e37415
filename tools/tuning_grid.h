#pragma once
// What `sotto tune` tries: values of flags of `sotto train`, and all combinations of them.
//
// All candidates must have the same Renyi curve, for that is what is paid for (privacy/private_selection.h): what says
// how often and how records are sampled, how much noise is added, who is protected or which records there are cannot be
// tried, nor what changes speed alone.

#include <sotto/tools/train_options.h>

#include <string>
#include <utility>
#include <vector>

namespace sotto::tools {

struct TuningGrid {
  std::vector<std::pair<std::string, std::vector<std::string>>> axes;  // a key, and values that it may take
};

// Of texts such as "lr=0.5,1,2"; values with commas in them stand between semicolons:
// "lora-targets=*query,*value;*value". Throws UsageError for none, one of another form, a key that is unknown, cannot
// be tried, stands twice, or is in `given` too, and for a value twice or not of its key's kind.
TuningGrid parse_tuning_grid(const std::vector<std::string>& tries, const KeyTexts& given, TrainKey::Use runs);

// All combinations, the last axis running fastest. Throws UsageError for more than kMostCandidates (tuning_record.h).
std::vector<KeyTexts> candidates(const TuningGrid& grid);

// Whether the candidates may differ in this key of train_options.h.
bool may_be_tried(std::string_view key);
// Whether it says what is trained, so that not all candidates need be fit to be trained when one of them is.
bool changes_model(std::string_view key);

// "lr 0.5, clip-norm 1".
std::string to_text(const KeyTexts& candidate);

}  // namespace sotto::tools
