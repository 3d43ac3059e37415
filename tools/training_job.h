#pragma once
// What the program asks of libsotto_train.so, the library that it loads for work with LibTorch. Program and library
// come from one build: the version text is compared before anything else is called.

#include <sotto/privacy/error.h>
#include <sotto/tools/device_choice.h>
#include <sotto/tools/train_options.h>

#include <filesystem>
#include <iosfwd>
#include <string>

namespace sotto::tools {

// Of `sotto bench step` and `sotto bench costs`; 0 means the default of the model or of the machine.
struct BenchOptions {
  std::string model;
  std::string adapt = "full";  // of the model minilm: models/text_classifier.h
  int64_t batch = 0;
  int64_t memory_bytes = 0;
  int pairs = 9;
  int threads = 0;
  std::string matmul = "stock";
  std::string noise = "normal";           // privacy/plan.h
  std::string kernel_costs = "measured";  // cost_figures.h
  bool refresh = false;                   // costs: measured again
  std::string device = "cpu";
};

// Of `sotto explain`, as typed.
struct ExplainFlags {
  std::string input;
  std::string input_type = "float";
  bool short_form = false;  // the verdict, problems and notes alone
  bool strategy = false;    // the strategies alone
  int64_t memory_bytes = 0;
  std::string kernel_costs = "measured";  // cost_figures.h
  std::string device = "cpu";
};

inline constexpr const char* kStandardInput = "-";

// Of `sotto predict`, as typed.
struct PredictOptions {
  std::string input;        // a file, or kStandardInput
  std::string format;       // of data/text_records.h; empty: one text a line
  std::string text_column;  // of these
  bool no_header = false;
};

// Of `sotto export`, as typed.
struct ExportOptions {
  std::string to;          // peft, safetensors, torchscript
  std::string output;      // the folder, which must be new
  std::string base_model;  // peft: what Python loads the encoder from; empty: --model of the run
};

// Of `sotto audit`, as typed; also of `sotto train --preflight`, which has no canaries.
struct AuditFlags {
  bool preflight = false;  // kind == train
  int64_t replays = 0;     // of the mechanism, on either data set; 0: none
  int64_t canaries = 0;    // 0: none
  int64_t records = -1;    // made up, beside the canaries; -1: as many as are declared, 10,000 at most
  double confidence = 0.95;
};

// Of `sotto import`, as typed.
struct ImportOptions {
  std::string from;       // the folder of an adapter, or a file of weights
  std::string base;       // of an adapter: the model that it adapts
  std::string config;     // of a file: config.json
  std::string tokenizer;  // of a file: tokenizer.json or vocab.txt
  std::string output;     // the folder, which must be new
};

struct TrainingJob {
  enum class Kind {
    train,
    dry_run,
    resume,
    evaluate,
    predict,
    export_model,
    import_model,
    bench_step,
    bench_costs,
    explain,
    audit
  };

  Kind kind = Kind::train;
  TrainOptions options;       // of the run, as read from RUN/config.toml when it exists; explain: the model's alone
  std::filesystem::path run;  // the folder of the run
  BenchOptions bench;         // kind == bench_step, bench_costs
  ExplainFlags explain;       // kind == explain
  PredictOptions predict;     // kind == predict
  ExportOptions exports;      // kind == export_model
  ImportOptions imports;      // kind == import_model
  AuditFlags audit;           // kind == audit, train
  std::string tuning;         // kind == train, resume: of sotto tune: the text of tuning.json (tuning_record.h)
  Device device;              // chosen by --device
  std::string began_on;       // kind == resume: the device that the run began on
  bool json = false;          // one JSON object on `out`, people's text on `err`
  std::ostream* out = nullptr;
  std::ostream* err = nullptr;
};

// Nothing is thrown across the boundary: exit_code is one of privacy/error.h, and `error` the sentence when it is not
// 0 and not one of the two for signals.
struct TrainingOutcome {
  int exit_code = 0;
  std::string error;
  bool diverged = false;  // the error is a Diverged
};

// A run whose parameters are no numbers any more: what that tells follows from the noised steps.
struct Diverged : UsageError {
  using UsageError::UsageError;
};

inline constexpr const char* kTrainingLibrary = "libsotto_train.so";
inline constexpr const char* kTrainingVersionSymbol = "sotto_training_version";
inline constexpr const char* kTrainingRunSymbol = "sotto_training_run";
using TrainingVersionFunction = const char*();
using TrainingRunFunction = void(const TrainingJob*, TrainingOutcome*);

// Raised with every change of the types above.
#define SOTTO_TRAINING_INTERFACE SOTTO_VERSION " interface 20"

}  // namespace sotto::tools
