#include "life/start_order.h"

#include <algorithm>
#include <functional>

namespace signet::kernel {
namespace {

bool has(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

struct Edge {
  std::size_t to;
  std::string service;
};

std::vector<std::vector<Edge>> edges_of(const std::vector<OrderItem>& items) {
  std::vector<std::vector<Edge>> edges(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    for (const std::string& need : items[i].needs) {
      for (std::size_t j = 0; j < items.size(); ++j) {
        if (i != j && has(items[j].offers, need)) edges[i].push_back({j, need});
      }
    }
  }
  return edges;
}

}  // namespace

Result<std::vector<std::size_t>> start_order(const std::vector<OrderItem>& items) {
  const auto edges = edges_of(items);
  enum class Mark { kNew, kOpen, kDone };
  std::vector<Mark> marks(items.size(), Mark::kNew);
  std::vector<std::size_t> order;
  std::vector<Edge> path;  // how the walk came here
  Status cycle;
  const std::function<bool(std::size_t)> visit = [&](std::size_t i) {
    if (marks[i] == Mark::kDone) return true;
    marks[i] = Mark::kOpen;
    for (const Edge& edge : edges[i]) {
      if (marks[edge.to] == Mark::kOpen) {
        std::string text = "plugins need each other: ";
        auto from =
            std::find_if(path.begin(), path.end(), [&](const Edge& e) { return e.to == edge.to; });
        std::size_t at = edge.to;
        if (from != path.end()) ++from;
        for (; from != path.end(); ++from) {
          text += items[at].name + " needs " + from->service + " of " + items[from->to].name + ", ";
          at = from->to;
        }
        text += items[at].name + " needs " + edge.service + " of " + items[edge.to].name;
        cycle = Status::invalid_argument(std::move(text));
        return false;
      }
      path.push_back(edge);
      if (!visit(edge.to)) return false;
      path.pop_back();
    }
    marks[i] = Mark::kDone;
    order.push_back(i);
    return true;
  };
  for (const bool last : {false, true}) {
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (items[i].last != last || marks[i] != Mark::kNew) continue;
      path.assign(1, {i, ""});
      if (!visit(i)) return cycle;
    }
  }
  return order;
}

}  // namespace signet::kernel
