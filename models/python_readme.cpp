#include <fmt/format.h>
#include <sotto/models/python_readme.h>
#include <sotto/privacy/error.h>

#include <nlohmann/json.hpp>

namespace sotto::models {
namespace {

// {0}: what is pooled, in Python, {1}: what the names of the head's tensors begin with.
constexpr std::string_view kLogits = R"(
def logits(input_ids, attention_mask):
    with torch.no_grad():
        outputs = encoder(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True)
        mask = attention_mask.unsqueeze(-1).to(outputs.last_hidden_state.dtype)
        vectors = {0}
        return torch.nn.functional.linear(vectors, head["{1}weight"], head["{1}bias"])
)";

// {0}: the base model in quotes, {1}: what is pooled, in words, {2}: outputs, {3}: kLogits.
constexpr std::string_view kPeft = R"(---
base_model: {0}
library_name: peft
---

A text classifier: factors of low rank (LoRA) for the encoder {0}, and a head. Logits are a linear layer of {1}: there
is no pooler between. `adapter_config.json` and `adapter_model.safetensors` are the encoder's adapter, for PEFT;
`classifier.safetensors` is the head, weight [{2}, width] and bias [{2}]. From this folder, in Python:

```python
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModel

base = AutoModel.from_pretrained({0})
encoder = PeftModel.from_pretrained(base, ".").eval()
head = load_file("classifier.safetensors")

{3}```
)";

// {0}: what is pooled, in words, {1}: outputs, {2}: kLogits.
constexpr std::string_view kWhole =
    R"(A text classifier: an encoder (BERT) and a head. Logits are a linear layer of {0}: there is no pooler between, so that
transformers' BertForSequenceClassification, whose names the file has, computes others. `model.safetensors` holds the
encoder under `bert.` and the head, `classifier.weight` [{1}, width] and `classifier.bias` [{1}]. From this folder, in
Python:

```python
import torch
from safetensors.torch import load_file
from transformers import AutoModel

encoder = AutoModel.from_pretrained(".", add_pooling_layer=False).eval()
head = load_file("model.safetensors")

{2}```
)";

struct PoolingText {
  std::string_view words, python;
};

PoolingText text_of(Pooling pooling) {
  switch (pooling) {
    case Pooling::mean:
      return {"the mean of the states of a text's tokens", "(outputs.last_hidden_state * mask).sum(1) / mask.sum(1)"};
    case Pooling::layers:
      return {
          "the means of a text's tokens behind the embedding and behind each layer, each of length 1, side by side",
          "torch.cat([torch.nn.functional.normalize((states * mask).sum(1)) for states in outputs.hidden_states], 1)"};
    case Pooling::first:
      return {"the state of a text's first token", "outputs.last_hidden_state[:, 0]"};
  }
  throw InternalError("[python_readme] a value outside of the enumeration Pooling");
}

std::string lines_of(const Metadata& more) {
  std::string lines;
  for (const auto& [name, text] : more) lines += fmt::format("- {}: {}\n", name, text);
  if (!lines.empty()) lines = "\nOf the run that it came from:\n\n" + lines;
  return lines + fmt::format("\n{}\n", kReadmeMark);
}

}  // namespace

std::string peft_readme(const std::string& base_model, Pooling pooling, int64_t outputs, const Metadata& more) {
  const PoolingText of_pooling = text_of(pooling);
  return fmt::format(kPeft, nlohmann::json(base_model).dump(), of_pooling.words, outputs,
                     fmt::format(kLogits, of_pooling.python, "")) +
         lines_of(more);
}

std::string whole_readme(Pooling pooling, int64_t outputs, const Metadata& more) {
  const PoolingText of_pooling = text_of(pooling);
  return fmt::format(kWhole, of_pooling.words, outputs, fmt::format(kLogits, of_pooling.python, "classifier.")) +
         lines_of(more);
}

}  // namespace sotto::models
