#pragma once
// What a run starts from: its records, as they are read, and the model that it trains.

#include <sotto/models/trainable_model.h>
#include <sotto/tools/certificates.h>
#include <sotto/tools/picture_network.h>
#include <sotto/tools/record_tensors.h>
#include <sotto/tools/run_folder.h>
#include <sotto/tools/run_model.h>
#include <sotto/tools/text_source.h>
#include <sotto/tools/training_job.h>
#include <sotto/tools/training_plan.h>

#include <memory>
#include <optional>
#include <string>

namespace sotto::tools {

struct RunInputs {
  RecordTensors training;
  std::optional<RecordTensors> test;
  RecordShape shape;  // before prepare()
  std::unique_ptr<models::TrainableModel> model;
  // Where the model comes from; none of them for a ready network and pictures or tables.
  std::string graph = {};  // the bytes of a model file
  std::optional<TextSource> text = {};
  std::optional<PublishedWeights> published = {};  // of --model mobilenet
  Certificates base = {};                          // of the weights that training begins with

  // Of the file that the model was made of; empty where there is none.
  std::string model_sha256() const;
};

// Those of a run that begins, or, where the job resumes one, of its folder. Seeds LibTorch's generator before
// the first weights are drawn. Throws the errors of data/ and of the model.
RunInputs read_run_inputs(const TrainingJob& job, const TrainingPlan& plan, const RunFolder& folder);

// Writes what a run that resumes reads from its folder. Throws IoError.
void keep(const RunInputs& inputs, const RunFolder& folder);

}  // namespace sotto::tools
