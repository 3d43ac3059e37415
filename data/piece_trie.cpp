#include <sotto/data/piece_trie.h>

#include <utility>

namespace sotto::data {
namespace {

// Node 0 is the root and the child of none, so that 0 can mean "none"; keys of other nodes are above 0.
std::uint64_t key_of(std::int32_t node, std::uint8_t byte) {
  return static_cast<std::uint64_t>(node) << 8 | byte;
}

}  // namespace

PieceTrie::PieceTrie() : edges_(64), ids_{-1} {}

std::size_t PieceTrie::slot(std::uint64_t key) const {
  constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15;  // multiplicative hashing: 2^64 over the golden ratio
  const std::size_t mask = edges_.size() - 1;
  std::size_t at = (key * kGolden >> 32) & mask;
  while (edges_[at].key != 0 && edges_[at].key != key) at = (at + 1) & mask;
  return at;
}

std::int32_t PieceTrie::child(std::int32_t node, std::uint8_t byte) const {
  if (node == 0) return from_root_[byte];
  return edges_[slot(key_of(node, byte))].to;
}

std::int32_t PieceTrie::make_child(std::int32_t node, std::uint8_t byte) {
  if (const std::int32_t there = child(node, byte); there != 0) return there;
  const auto fresh = static_cast<std::int32_t>(ids_.size());
  ids_.push_back(-1);
  if (node == 0) return from_root_[byte] = fresh;
  if (++used_ * 2 > edges_.size()) grow();
  const std::uint64_t key = key_of(node, byte);
  edges_[slot(key)] = {key, fresh};
  return fresh;
}

void PieceTrie::grow() {
  std::vector<Edge> old(edges_.size() * 2);
  std::swap(old, edges_);
  for (const Edge& edge : old)
    if (edge.key != 0) edges_[slot(edge.key)] = edge;
}

void PieceTrie::add(std::string_view piece, std::int32_t id) {
  std::int32_t node = 0;
  for (const char c : piece) node = make_child(node, static_cast<std::uint8_t>(c));
  ids_[static_cast<std::size_t>(node)] = id;
}

PieceTrie::Match PieceTrie::longest(std::string_view text) const {
  Match match;
  std::int32_t node = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    node = child(node, static_cast<std::uint8_t>(text[i]));
    if (node == 0) break;
    if (const std::int32_t id = ids_[static_cast<std::size_t>(node)]; id >= 0) match = {i + 1, id};
  }
  return match;
}

}  // namespace sotto::data
