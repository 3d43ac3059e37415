#include <sotto/data/repeated_texts.h>

#include <algorithm>
#include <numeric>

namespace sotto::data {

std::vector<std::vector<std::size_t>> repeated_texts(std::span<const std::string> texts) {
  std::vector<std::size_t> order(texts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [texts](std::size_t a, std::size_t b) {
    const int compared = texts[a].compare(texts[b]);
    return compared != 0 ? compared < 0 : a < b;
  });
  std::vector<std::vector<std::size_t>> result;
  for (auto begin = order.begin(); begin != order.end();) {
    const auto end = std::find_if(begin, order.end(), [&](std::size_t i) { return texts[i] != texts[*begin]; });
    if (end - begin > 1) result.emplace_back(begin, end);
    begin = end;
  }
  std::ranges::sort(result);
  return result;
}

}  // namespace sotto::data
