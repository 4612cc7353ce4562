#include "plan/bit_planes.h"

#include <map>
#include <utility>

namespace edgehybrid {

namespace {

// Sums that are looked at together: they may read the same signs.
class Candidates {
 public:
  explicit Candidates(const Reading& reading) : reading_(reading), owners_(reading.graph().nodes.size(), -1) {
    // The last addition of a tree has the largest sum.
    for (int node = static_cast<int>(owners_.size()) - 1; node >= 0; --node) {
      BitSum sum;
      if (reading.NodeAt(node).op != Op::kAdd || OwnerOf(node) >= 0 || !ReadBitSum(reading, node, sum)) continue;
      for (const int part : sum.nodes) owners_[static_cast<std::size_t>(part)] = static_cast<int>(all_.size());
      all_.push_back(std::move(sum));
    }
    is_taken_.assign(all_.size(), true);
    bool is_settled = false;
    while (!is_settled) {
      is_settled = true;
      for (std::size_t i = 0; i < all_.size(); ++i) {
        if (!is_taken_[i] || all_[i].planes.size() == 1 || MayHold(all_[i].planes)) continue;
        is_taken_[i] = is_settled = false;
      }
    }
  }

  std::vector<BitSum> Sums() {
    std::vector<BitSum> sums;
    for (std::size_t i = 0; i < all_.size(); ++i) {
      if (is_taken_[i]) sums.push_back(std::move(all_[i]));
    }
    return sums;
  }

 private:
  int OwnerOf(int node) const { return owners_[static_cast<std::size_t>(node)]; }

  // Nobody reads one of these signs but sums of all of them.
  bool MayHold(const std::vector<int>& planes) const {
    for (const int plane : planes) {
      if (reading_.IsOutput(plane)) return false;
      for (const int reader : reading_.Readers(plane)) {
        const int owner = OwnerOf(reader);
        if (owner < 0 || !is_taken_[static_cast<std::size_t>(owner)]) return false;
        if (all_[static_cast<std::size_t>(owner)].planes != planes) return false;
      }
    }
    return true;
  }

  const Reading& reading_;
  std::vector<int> owners_;
  std::vector<BitSum> all_;
  std::vector<bool> is_taken_;
};

}  // namespace

BitPlanes::BitPlanes(const Reading& reading)
    : sum_of_node_(reading.graph().nodes.size(), -1), levels_of_node_(reading.graph().nodes.size(), -1),
      is_inside_(reading.graph().nodes.size()) {
  // Signs that are no thermometer are none for all sums that read them.
  std::map<std::vector<int>, bool> is_known;
  for (BitSum& sum : Candidates(reading).Sums()) {
    if (sum.planes.size() > 1 && is_known.count(sum.planes) == 0) {
      Levels levels;
      is_known[sum.planes] = ReadLevels(reading, sum.planes, levels);
      if (is_known[sum.planes]) Add(std::move(levels));
    }
    if (sum.planes.size() == 1 || is_known[sum.planes]) Add(std::move(sum));
  }
}

void BitPlanes::Add(BitSum sum) {
  for (const int node : sum.nodes) is_inside_[static_cast<std::size_t>(node)] = node != sum.nodes.back();
  sum_of_node_[static_cast<std::size_t>(sum.nodes.back())] = static_cast<int>(sums_.size());
  sums_.push_back(std::move(sum));
}

void BitPlanes::Add(Levels levels) {
  const int number = static_cast<int>(levels_.size());
  for (const int node : levels.nodes) levels_of_node_[static_cast<std::size_t>(node)] = number;
  levels_.push_back(std::move(levels));
}

}  // namespace edgehybrid
