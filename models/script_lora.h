#pragma once
// Low-rank adaptation (lora.h) of the linear layers of a TorchScript module. The factors are no part of the module: its
// layers are given their weights W + (alpha / rank) B A for the time of a forward pass. Used by script_model.cpp.

#include <sotto/models/lora_factors.h>
#include <sotto/models/state.h>
#include <torch/csrc/jit/api/module.h>

#include <cstddef>
#include <string>
#include <vector>

namespace sotto::models {

class ScriptLora {
 public:
  // Makes the factors of every layer of torch.nn.Linear (or a class of that file of PyTorch, such as the output of an
  // attention, or of a file that text_script() made) whose name a target matches, and freezes its weight. The other
  // parameters stay as they are in the file. A layer with several names is adapted once. Throws UsageError as Lora
  // does; then nothing was changed.
  ScriptLora(const torch::jit::Module& module, const LoraOptions& options);

  // What the weights are for. `pass`: functions of the factors. `file`: numbers, on the processor, that require grad
  // where the file's weights did.
  enum class For { pass, file };
  // The layers have these weights while it lives, and those that they were made with again afterwards.
  class Applied {
   public:
    Applied(const ScriptLora& of, For purpose);
    Applied(const Applied&) = delete;
    Applied& operator=(const Applied&) = delete;
    ~Applied();

   private:
    const ScriptLora& of_;
  };

  // LAYER.lora_A and LAYER.lora_B of every adapted layer, in order; all require grad.
  std::vector<NamedTensor> factors() const;

 private:
  struct Adapted {
    std::string name;
    torch::jit::ObjectPtr layer;
    std::size_t slot;  // of the weight
    bool was_trained;
    LoraFactors factors;
  };
  std::vector<Adapted> adapted_;
  double scale_;
};

}  // namespace sotto::models
