#pragma once
// The private records of a run: how many are held and how to fetch some of them as tensors.

#include <ATen/core/Tensor.h>
#include <sotto/optim/input_spec.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace sotto::optim {

struct Records {
  // The number of records really held. Only the sampler reads it: under add/remove adjacency it is private.
  int64_t count = 0;
  // indices [B] (int64) -> the tensors that the losses take, each with the batch in dimension 0.
  std::function<std::vector<at::Tensor>(const at::Tensor& indices)> fetch;
  // Where given, the bucket of a record, from that record alone: of its length, for example. Records of different
  // buckets never share a physical batch, so that `fetch` may cut its tensors to what the bucket needs, and what is
  // computed for a record has the same shape whatever else was drawn.
  std::function<int64_t(int64_t index)> bucket = {};
  // What `fetch` returns, as far as it is public: for the probe on made-up records. Empty when unknown.
  std::vector<InputSpec> specs = {};
};

// The physical batches of a sample: of one bucket each, at most `most` records, in the order of buckets and of the
// sample.
std::vector<std::vector<int64_t>> physical_batches(std::vector<int64_t> sample, const Records& records, size_t most);

// Records stored in tensors that share dimension 0, e.g. {images, labels}; their sizes and dtypes are the specs.
// Throws UsageError when they do not.
Records tensor_records(std::vector<at::Tensor> tensors);

}  // namespace sotto::optim
