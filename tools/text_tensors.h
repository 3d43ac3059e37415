#pragma once
// Texts of the user or of a preset as tensors of token ids.

#include <sotto/data/tokenizer.h>
#include <sotto/tools/declared_text.h>
#include <sotto/tools/record_tensors.h>
#include <sotto/tools/run_model.h>

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace sotto::tools {

// The training texts: a record is a text, or a group of up to DeclaredText::texts_per_group texts, whose missing places
// are padding and have the label models::kNoPart. Labels of a regression are scaled from their range to -1 to 1. What
// the owner of the data should know (repeats, texts left out or cut) goes to `terminal` and nowhere else. Throws
// DataError.
RecordTensors training_texts(const DeclaredText& text, const std::string& preset, const data::Tokenizer& tokenizer,
                             std::ostream& terminal);

// The test texts, each a record; nothing where there are none.
std::optional<RecordTensors> test_texts(const DeclaredText& text, const std::string& preset,
                                        const data::Tokenizer& tokenizer);

// What is declared of a record: [most tokens], of a group [texts, most tokens].
RecordShape text_shape(const DeclaredText& text, const data::Tokenizer& tokenizer);

// Texts without labels: inputs and widths alone.
RecordTensors token_tensors(const std::vector<std::string>& texts, const data::Tokenizer& tokenizer,
                            int64_t max_tokens);

}  // namespace sotto::tools
