#include <sotto/optim/mixing_remedy.h>

#include <algorithm>
#include <array>

namespace sotto::optim {
namespace {

template <size_t N>
bool among(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

constexpr std::array<std::string_view, 2> kSoftmax = {"softmax", "log_softmax"};
constexpr std::array<std::string_view, 22> kStatistics = {
    "mean", "sum",  "std",    "var",     "std_mean",  "var_mean",          "amax",     "amin",
    "max",  "min",  "median", "nansum",  "any",       "nanmean",           "quantile", "all",
    "norm", "prod", "mode",   "aminmax", "logsumexp", "linalg_vector_norm"};
constexpr std::array<std::string_view, 9> kOrder = {"sort", "topk",   "argmax",  "argmin", "roll",
                                                    "flip", "cumsum", "cumprod", "argsort"};
constexpr std::array<std::string_view, 7> kProducts = {"mm", "bmm", "matmul", "addmm", "baddbmm", "linear", "dot"};

}  // namespace

const char* mixing_remedy(std::string_view name) {
  if (name.starts_with("aten::")) name.remove_prefix(6);
  if (among(kSoftmax, name)) return "Take it over a dimension of the record, not over the one that holds the records";
  if (among(kStatistics, name))
    return "Reduce over dimensions of the record alone. A statistic of the batch, also a detached one, has to be a "
           "constant made of public data; losses stay one per record (reduction none)";
  if (among(kOrder, name)) return "Let it work along a dimension of the record";
  if (among(kProducts, name))
    return "A loss that compares records with one another (contrastive, in-batch negatives) has no gradient of one "
           "record: give every record negatives of its own among the inputs, or public ones as constants";
  if (name == "scaled_dot_product_attention")
    return "Attention goes over the places of a record: is the batch in another dimension than it expects "
           "(batch_first, a missing transpose)?";
  return "Let it work inside each record: is the batch in another dimension than it expects?";
}

}  // namespace sotto::optim
