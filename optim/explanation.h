#pragma once
// What the tape found in one run of a model, as a table: every operator, where the batch lives in its results, the rule
// of every parameter, and the verdict. Plain data, so that a program can print it as it likes.

#include <sotto/optim/batch_position.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sotto::optim {

struct ExplainedTensor {
  std::string dtype;                      // "Float"
  std::vector<int64_t> sizes;             //
  std::optional<BatchPosition> position;  // where the records are; nothing when it carries none
};

struct ExplainedOperator {
  std::string name;  // schema name, "aten::linear"; in-place variants without their underscore
  bool in_place = false;
  std::string
      module;  // "encoder.0.linear1": that of the parameters it takes or, in TorchScript, of the call; may be ""
  std::string source;  // "model.py:12" in TorchScript, else ""
  std::vector<ExplainedTensor> outputs;
  // "no records" (parameters and constants alone), "keeps records apart", or "refused".
  std::string rule;
};

struct ExplainedUse {
  std::string operator_name;
  int64_t argument = 0;  // number of the operator's argument that takes the parameter
  std::string form;  // how it gets there: "itself", "elements of it" (a view, slice or copy), "function of parameters"
  std::string rule;  // "per-record rule", "custom rule", "one record at a time" or "none"
  std::string strategy;  // "gram", "keep", ...; "no gradient" when none arrives, "" when the run was refused before
  // Planned (use_planner.h); 0 where there is nothing to choose. Of a use of several parameters the figures stand with
  // the first one.
  int64_t held_bytes = 0;
  double seconds = 0.0;
};

struct ExplainedParameter {
  std::string name;
  std::vector<int64_t> sizes;
  std::vector<ExplainedUse> uses;
};

enum class Evidence {
  refused,  // records may mix, or something could not be seen
  proven,   // every operator keeps records apart: a proof for what goes through LibTorch's dispatcher
  probed,   // proven, and made-up records did not influence one another either
};
const char* to_string(Evidence evidence);

struct Explanation {
  int64_t batch = 0;
  int64_t memory_bytes = 0;                  // that strategies were chosen for (TapeOptions)
  std::vector<ExplainedOperator> operators;  // in the order of the run
  std::vector<ExplainedParameter> parameters;
  Evidence verdict = Evidence::refused;
  // A refused operator is then taken for one that keeps records apart, so that what is refused after it is listed too.
  std::vector<std::string> problems;  // whatever was refused, each with its remedy; empty unless verdict is refused
  std::vector<std::string> notes;     // what was checked or replaced, what was not, and why
  std::string failure;                // what the model itself threw, in one line, which is a problem too; or ""

  bool accepted() const { return problems.empty() && verdict != Evidence::refused; }
  bool only_the_model_failed() const { return !failure.empty() && problems.size() == 1; }
};

// "accepted: independence of the records is proven, and probed on made-up records"
const char* verdict_text(Evidence evidence);

// A table for a terminal, its last line the verdict; and the same as one JSON object.
std::string to_text(const Explanation& explanation);
std::string to_json(const Explanation& explanation);

// The strategies alone, with what each holds and costs by the plan, and their totals.
std::string strategies_text(const Explanation& explanation);

// "[8 records, 128, 64]"; "[8 x 16 records, 64]" when a dimension holds records and places; "[64, 64]" without records.
std::string shape_text(const ExplainedTensor& tensor, int64_t batch);

}  // namespace sotto::optim
