#include <fmt/format.h>
#include <sotto/models/peft_readme.h>
#include <sotto/privacy/error.h>

#include <nlohmann/json.hpp>

namespace sotto::models {
namespace {

// {0}: the base model in quotes, {1}: what is pooled, in words, {2}: in Python, {3}: outputs.
constexpr std::string_view kText = R"(---
base_model: {0}
library_name: peft
---

A text classifier: factors of low rank (LoRA) for the encoder {0}, and a head. Logits are a linear layer of {1}: there
is no pooler between. `adapter_config.json` and `adapter_model.safetensors` are the encoder's adapter, for PEFT;
`classifier.safetensors` is the head, weight [{3}, width] and bias [{3}]. From this folder, in Python:

```python
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModel

base = AutoModel.from_pretrained({0})
encoder = PeftModel.from_pretrained(base, ".").eval()
head = load_file("classifier.safetensors")


def logits(input_ids, attention_mask):
    with torch.no_grad():
        states = encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        {2}
        return torch.nn.functional.linear(vectors, head["weight"], head["bias"])
```
)";

}  // namespace

std::string_view pooling_name(Pooling pooling) {
  switch (pooling) {
    case Pooling::mean:
      return "mean";
    case Pooling::layers:
      return "layers";
    case Pooling::first:
      return "first";
  }
  throw InternalError("[pooling_name] a value outside of the enumeration Pooling");
}

std::string peft_readme(const std::string& base_model, Pooling pooling, int64_t outputs, const Metadata& more) {
  const bool mean = pooling == Pooling::mean;
  std::string lines;
  for (const auto& [name, text] : more) lines += fmt::format("- {}: {}\n", name, text);
  if (!lines.empty()) lines = "\nOf the run that it came from:\n\n" + lines;
  const std::string text =
      fmt::format(kText, nlohmann::json(base_model).dump(),
                  mean ? "the mean of the states of a text's tokens" : "the state of a text's first token",
                  mean ? "mask = attention_mask.unsqueeze(-1).to(states.dtype)\n"
                         "        vectors = (states * mask).sum(1) / mask.sum(1)"
                       : "vectors = states[:, 0]",
                  outputs);
  return text + lines;
}

}  // namespace sotto::models
