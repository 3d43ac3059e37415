#pragma once
// A model as training sees it, wherever it came from: a network of this library, or a file (script_model.h).

#include <ATen/core/Tensor.h>
#include <sotto/models/centred.h>
#include <sotto/models/state.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace sotto::models {

class TrainableModel {
 public:
  virtual ~TrainableModel() = default;
  TrainableModel() = default;
  TrainableModel(const TrainableModel&) = delete;
  TrainableModel& operator=(const TrainableModel&) = delete;

  // One input tensor with the records in dimension 0, as prepare() returns it.
  virtual at::Tensor forward(const at::Tensor& prepared) = 0;

  // A fixed function of each record alone, fitted to no data, so that it may be computed once for all steps. The inputs
  // themselves unless prepares().
  virtual at::Tensor prepare(const at::Tensor& inputs) const { return inputs; }
  virtual bool prepares() const { return false; }
  // Whether the last dimension of what prepare() returns is that of the inputs and a constant more, and may be cut, or
  // filled with zeros, where that of the inputs may be cut, or filled with padding.
  virtual bool keeps_places() const { return false; }

  // Where forward() subtracts a mean over the data; null otherwise.
  virtual Centred* centred() { return nullptr; }

  // Moves everything that forward() reads to the device, in place: the tensors stay the objects that they are. What
  // prepare() reads moves too.
  virtual void move_to(at::Device device) = 0;

  // Parameters that require grad, each once however often it is used, with the first of its names; at least one.
  virtual std::vector<NamedTensor> trainable() const = 0;
  // Everything else that forward() reads: frozen parameters, buffers, other tensors. Without names where there are
  // none.
  virtual std::vector<NamedTensor> constants() const = 0;

  // What a file of weights holds: parameters, frozen ones too, and buffers, each once.
  virtual std::vector<NamedTensor> state() const = 0;

  // Training mode is the one in which the model came; evaluation mode switches dropout off.
  virtual void set_evaluation(bool on) = 0;

  // Whether the model can be written as a file that holds its structure too, and that file, with texts by name in it
  // (script_file.h). The file appears whole or not at all. Throws IoError.
  virtual bool has_file() const { return false; }
  virtual void write_file(const std::filesystem::path&, const std::map<std::string, std::string>& = {}) const {}
};

}  // namespace sotto::models
