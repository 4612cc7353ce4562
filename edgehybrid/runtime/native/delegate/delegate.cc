// The two functions that a host loads, and what happens when it applies the delegate to a graph.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

#include "delegate/claim.h"
#include "delegate/kernel.h"

namespace edgehybrid {

namespace {

struct PlanNode {
  int index;
  tflite::NodeStruct* node;
  tflite::Registration* registration;
};

std::vector<PlanNode> NodesOf(tflite::Context* context) {
  tflite::IntArray* plan = nullptr;
  if (context->GetExecutionPlan(context, &plan) != tflite::kOk || plan == nullptr) {
    throw Refused("the host does not tell its execution plan");
  }
  std::vector<PlanNode> nodes;
  for (const int index : ListOf(plan)) {
    PlanNode each{index, nullptr, nullptr};
    if (context->GetNodeAndRegistration(context, index, &each.node, &each.registration) != tflite::kOk ||
        each.node == nullptr || each.registration == nullptr) {
      throw Refused("the host does not tell node " + std::to_string(index));
    }
    nodes.push_back(each);
  }
  return nodes;
}

// A damaged file may write a tensor twice, or read it before it is written.
void RequireOrder(const PlanNode& node, const std::map<int, int>& writers, const std::set<int>& written) {
  for (int i = 0; i < node.node->outputs->size; ++i) {
    const auto found = writers.find(node.node->outputs->data[i]);
    if (found->second > 1) throw Refused("it shares its output with another node");
  }
  for (int i = 0; i < node.node->inputs->size; ++i) {
    const int tensor = node.node->inputs->data[i];
    if (writers.count(tensor) != 0 && written.count(tensor) == 0) throw Refused("it reads what a later node computes");
  }
}

// Larq's nodes and ours that cannot run here cannot run at all: the host has no kernel for them either.
void ReportIfPacked(tflite::Context* context, const PlanNode& node, const std::string& reason) {
  const std::string name = PackedName(*node.registration);
  if (name.empty()) return;
  Report(context, "node " + std::to_string(node.index) + " (" + name + ") cannot run: " + reason);
}

// Reads every node that could run here.
std::vector<HostNode> ReadNodes(tflite::Context* context, const std::vector<PlanNode>& plan) {
  const HostTensors tensors(*context);
  std::map<int, int> writers;
  for (const PlanNode& each : plan) {
    if (each.node->inputs == nullptr || each.node->outputs == nullptr) throw Refused("a node has no lists of tensors");
    for (int i = 0; i < each.node->outputs->size; ++i) ++writers[each.node->outputs->data[i]];
  }
  std::vector<HostNode> nodes;
  PackedChannels channels;
  std::set<int> written;
  for (const PlanNode& each : plan) {
    try {
      RequireOrder(each, writers, written);
      for (HostNode& read : ReadNode(tensors, *each.node, *each.registration, channels)) {
        const Value& out = read.output.value;
        if (out.type == Type::kPacked) channels[read.output.tensor] = out.shape.c;
        read.index = each.index;
        nodes.push_back(std::move(read));
      }
    } catch (const Refused& reason) {
      ReportIfPacked(context, each, reason.what());
    }
    for (int i = 0; i < each.node->outputs->size; ++i) written.insert(each.node->outputs->data[i]);
  }
  return nodes;
}

// A region has one batch: that of the first of Larq's nodes or ours.
std::vector<HostNode> OfOneBatch(tflite::Context* context, const std::vector<PlanNode>& plan,
                                 const std::vector<HostNode>& nodes) {
  const auto is_packed = [](const HostNode& node) { return IsPacked(node.node.op); };
  const auto first = std::find_if(nodes.begin(), nodes.end(), is_packed);
  int reported = -1;
  std::vector<HostNode> kept;
  for (const HostNode& node : nodes) {
    if (first == nodes.end() || node.output.value.shape.n == first->output.value.shape.n) {
      kept.push_back(node);
      continue;
    }
    if (node.index == std::exchange(reported, node.index)) continue;
    const auto of_index = [&node](const PlanNode& each) { return each.index == node.index; };
    ReportIfPacked(context, *std::find_if(plan.begin(), plan.end(), of_index), "its batch is not that of the others");
  }
  return kept;
}

void Apply(tflite::Context* context, tflite::Delegate* delegate) {
  auto& state = *static_cast<DelegateState*>(delegate->data);
  const std::vector<PlanNode> plan = NodesOf(context);
  for (const PlanNode& each : plan) RequireKnownLayout(*each.registration);
  bool has_packed = false;
  for (const PlanNode& each : plan) has_packed = has_packed || !PackedName(*each.registration).empty();
  if (!has_packed) return;
  HostTensors(*context).CheckLayout();

  const std::vector<HostNode> nodes = OfOneBatch(context, plan, ReadNodes(context, plan));
  state.nodes.clear();
  state.graph_nodes = plan.size();
  std::vector<int> claimed{0};
  for (const std::size_t i : Claim(nodes)) {
    std::vector<HostNode>& of_index = state.nodes[nodes[i].index];
    if (of_index.empty()) claimed.push_back(nodes[i].index);
    of_index.push_back(nodes[i]);
  }
  claimed[0] = static_cast<int>(claimed.size()) - 1;
  if (claimed[0] == 0) return;
  const auto* list = reinterpret_cast<const tflite::IntArray*>(claimed.data());
  if (context->ReplaceNodeSubsetsWithDelegateKernels(context, PartitionRegistration(), list, delegate) != tflite::kOk) {
    throw std::runtime_error("the host did not take the nodes over");
  }
}

tflite::Status PrepareDelegate(tflite::Context* context, tflite::Delegate* delegate) {
  try {
    Apply(context, delegate);
    return tflite::kOk;
  } catch (const std::exception& error) {
    Report(context, error.what());
  }
  return tflite::kError;
}

void StartFile(const std::string& option, const std::string& path) {
  if (path.empty()) return;
  std::FILE* file = std::fopen(path.c_str(), "w");
  if (file == nullptr || std::fclose(file) != 0) {
    throw std::invalid_argument("option '" + option + "' names '" + path + "', which cannot be written");
  }
}

std::unique_ptr<DelegateState> Create(const char* const* keys, const char* const* values, std::size_t count) {
  auto state = std::make_unique<DelegateState>();
  std::string isa;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string key = keys[i] == nullptr ? "" : keys[i], value = values[i] == nullptr ? "" : values[i];
    if (key == "isa") {
      isa = value;
    } else if (key == "report_file") {
      state->report_file = value;
    } else if (key == "profile_file") {
      state->profile_file = value;
    } else {
      throw std::invalid_argument("option '" + key + "' is unknown; isa, report_file and profile_file are allowed");
    }
  }
  state->isa = isa.empty() ? ChosenIsa() : IsaNamed(isa);
  StartFile("report_file", state->report_file);
  StartFile("profile_file", state->profile_file);
  state->delegate.data = state.get();
  state->delegate.Prepare = PrepareDelegate;
  state->delegate.flags = tflite::kAllowDynamicTensors;
  return state;
}

}  // namespace

}  // namespace edgehybrid

extern "C" {

// Options: isa, the instruction set to run with (otherwise EDGEHYBRID_ISA, otherwise the best); report_file, a file
// that gets a line of JSON for each region compiled: isa, threads, batch, nodes taken, nodes of the graph; profile_file,
// one that gets a line when a region is freed, or compiled again for another batch: batch, threads, and the nodes of
// each of its parts with the nanoseconds of each run.
__attribute__((visibility("default"))) edgehybrid::tflite::Delegate* tflite_plugin_create_delegate(
    const char* const* keys, const char* const* values, std::size_t count, void (*report_error)(const char*)) {
  try {
    return &edgehybrid::Create(keys, values, count).release()->delegate;
  } catch (const std::exception& error) {
    if (report_error != nullptr) report_error((std::string("edgehybrid: ") + error.what()).c_str());
  }
  return nullptr;
}

__attribute__((visibility("default"))) void tflite_plugin_destroy_delegate(edgehybrid::tflite::Delegate* delegate) {
  if (delegate != nullptr) delete static_cast<edgehybrid::DelegateState*>(delegate->data);
}

}
