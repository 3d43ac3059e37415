#pragma once
// Which of many byte strings is the longest that a text goes on with.

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace sotto::data {

class PieceTrie {
 public:
  PieceTrie();

  // `piece` is not empty; one that was added before gets the new id. Ids are >= 0.
  void add(std::string_view piece, std::int32_t id);

  struct Match {
    std::size_t length = 0;  // 0: none
    std::int32_t id = -1;
  };
  // The longest piece that `text` begins with. Time: that of the longest piece.
  Match longest(std::string_view text) const;

 private:
  struct Edge {
    std::uint64_t key = 0;  // node and byte; 0: free
    std::int32_t to = 0;
  };
  std::size_t slot(std::uint64_t key) const;
  std::int32_t child(std::int32_t node, std::uint8_t byte) const;  // 0: none
  std::int32_t make_child(std::int32_t node, std::uint8_t byte);
  void grow();

  std::array<std::int32_t, 256> from_root_{};
  std::vector<Edge> edges_;  // of other nodes: a hash table, its size a power of two, at most half full
  std::size_t used_ = 0;
  std::vector<std::int32_t> ids_;  // of the piece that ends at a node; -1: none
};

}  // namespace sotto::data
